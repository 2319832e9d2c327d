/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/priority.h"

static int nice_now(void)
{
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(errno, 0);
    return nice;
}

/* sched_runtime of the calling thread; 0 from a kernel that does not tell. */
static uint64_t slice_now(void)
{
    uint64_t attr[6] = {0}; /* struct sched_attr, version 0: the runtime is its fourth word */
    assert_int_equal(syscall(SYS_sched_getattr, 0, attr, sizeof attr, 0), 0);
    return attr[3];
}

static void *child_slice(void *ret)
{
    *(uint64_t *)ret = slice_now();
    return NULL;
}

static void slices(void **state)
{
    (void)state;
    uint64_t before_ns = slice_now();
    assert_true(priority_slice(PRIORITY_SHORT_SLICE_NS));
    if (before_ns == 0 && slice_now() == 0) {
        print_message("this kernel has no slices of one's own\n");
        skip();
    }
    assert_int_equal(slice_now(), PRIORITY_SHORT_SLICE_NS);
    assert_int_equal(nice_now(), 0);
    uint64_t inherited_ns = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, child_slice, &inherited_ns), 0);
    pthread_join(thread, NULL);
    assert_int_equal(inherited_ns, PRIORITY_SHORT_SLICE_NS);
    assert_true(priority_slice(0));
    assert_int_not_equal(slice_now(), PRIORITY_SHORT_SLICE_NS);
}

static void there_and_back(void **state)
{
    (void)state;
    struct priority here = priority_here();
    assert_int_equal(here.nice, nice_now());
    if (!here.returns) {
        print_message("neither CAP_SYS_NICE nor RLIMIT_NICE\n");
        skip();
    }
    priority_background(&here, true);
    assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE);
    priority_background(&here, false);
    assert_int_equal(nice_now(), here.nice);
    /* One that was started further back stays there. */
    assert_int_equal(setpriority(PRIO_PROCESS, 0, PRIORITY_BACKGROUND_NICE + 1), 0);
    struct priority back = priority_here();
    priority_background(&back, true);
    assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE + 1);
    priority_background(&back, false);
    assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE + 1);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, here.nice), 0);
}

#define NOBODY 65534

/* In a child without any privilege and with a limit of its own: its nice value when it went to the
 * background and when it came back, which is 0 when it never went. */
static void child_without_privileges(rlim_t limit, int *ret_there, int *ret_back)
{
    int values[2];
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit nice = {.rlim_cur = limit, .rlim_max = limit};
        if (prlimit(0, RLIMIT_NICE, &nice, NULL) != 0 || setuid(NOBODY) != 0)
            _exit(1);
        struct priority here = priority_here();
        priority_background(&here, true);
        values[0] = getpriority(PRIO_PROCESS, 0);
        priority_background(&here, false);
        values[1] = getpriority(PRIO_PROCESS, 0);
        _exit(write(pipes[1], values, sizeof values) == sizeof values ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(pipes[1]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        print_message("RLIMIT_NICE cannot be set here\n");
        skip();
    }
    assert_int_equal(read(pipes[0], values, sizeof values), sizeof values);
    close(pipes[0]);
    *ret_there = values[0];
    *ret_back = values[1];
}

static void without_privileges(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give up privileges\n");
        skip();
    }
    int there;
    int back;
    child_without_privileges(0, &there, &back);
    assert_int_equal(there, 0);
    assert_int_equal(back, 0);
}

static void with_a_limit(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give up privileges\n");
        skip();
    }
    int there;
    int back;
    child_without_privileges(20, &there, &back);
    assert_int_equal(there, PRIORITY_BACKGROUND_NICE);
    assert_int_equal(back, 0);
}

/* Privileges and limit go while it is in the background: it stays there, alive. */
static void the_way_back_is_taken(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give up privileges\n");
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0};
        struct priority here = priority_here();
        priority_background(&here, true);
        if (!here.returns || prlimit(0, RLIMIT_NICE, &none, NULL) != 0 || setuid(NOBODY) != 0)
            _exit(1);
        priority_background(&here, false);
        _exit(getpriority(PRIO_PROCESS, 0) == PRIORITY_BACKGROUND_NICE ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    if (WEXITSTATUS(status) == 1)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(without_privileges),
        cmocka_unit_test(with_a_limit),
        cmocka_unit_test(the_way_back_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
