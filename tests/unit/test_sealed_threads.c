/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter and threads: those made before are shut in too, and what the C library does
 * for them under harmless names (arenas of malloc, the copy of a large qsort) is permitted. */
#include "edge/sandbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS            12 /* more than malloc makes arenas for without asking */
#define NUMBERS            100000
#define EXIT_SET_UP_FAILED 70
#define EXIT_NO_SECCOMP    71

static pthread_barrier_t sealed;

static void *call_socket(void *argument)
{
    pthread_barrier_wait(&sealed);
    (void)!socket(AF_INET, SOCK_STREAM, 0);
    return argument;
}

static int number_order(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a;
    unsigned y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static void *sort_and_allocate(void *argument)
{
    pthread_barrier_wait(&sealed);
    unsigned *numbers = malloc(NUMBERS * sizeof *numbers);
    if (numbers == NULL)
        _exit(EXIT_SET_UP_FAILED);
    for (unsigned i = 0; i < NUMBERS; i++)
        numbers[i] = i * 2654435761u;
    qsort(numbers, NUMBERS, sizeof *numbers, number_order);
    unsigned *more = realloc(numbers, 4 * NUMBERS * sizeof *numbers);
    free(more != NULL ? more : numbers);
    return argument;
}

/* In a child: threads, then the filter, then the threads' work. Returns the wait status. */
static int run(void *(*work)(void *), unsigned threads_count)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_t threads[THREADS];
        bool is_sealed = false;
        pthread_barrier_init(&sealed, NULL, threads_count + 1);
        for (unsigned i = 0; i < threads_count; i++) {
            if (pthread_create(&threads[i], NULL, work, NULL) != 0)
                _exit(EXIT_SET_UP_FAILED);
        }
        if (sandbox_seal(&is_sealed) != ERR_OK)
            _exit(EXIT_SET_UP_FAILED);
        if (!is_sealed)
            _exit(EXIT_NO_SECCOMP);
        pthread_barrier_wait(&sealed);
        for (unsigned i = 0; i < threads_count; i++)
            pthread_join(threads[i], NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SECCOMP) {
        print_message("skipped: no seccomp filter under a sanitizer\n");
        skip();
    }
    return status;
}

static void earlier_threads_are_shut_in(void **state)
{
    (void)state;
    int status = run(call_socket, 1);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void the_c_library_works(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= THREADS; threads++)
        assert_int_equal(run(sort_and_allocate, threads), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earlier_threads_are_shut_in),
        cmocka_unit_test(the_c_library_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
