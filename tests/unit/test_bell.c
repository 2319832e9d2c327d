/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/bell.h"
#include "lib/os/clock.h"

#define LONG_NS UINT64_C(60000000000)

static void a_ring_before_the_wait_is_not_lost(void **state)
{
    (void)state;
    struct bell bell = {0};
    uint32_t rung = bell_rung(&bell);
    bell_ring(&bell);
    uint64_t begin_ns = clock_monotonic_ns();
    bell_wait(&bell, rung, LONG_NS);
    assert_true(clock_monotonic_ns() - begin_ns < LONG_NS / 2);
}

static void the_time_ends_a_wait(void **state)
{
    (void)state;
    struct bell bell = {0};
    bell_wait(&bell, bell_rung(&bell), 1000000);
    assert_int_equal(bell_rung(&bell), 0);
}

/* Two processes, as in an edge: the other one answers each ring. */
static void it_is_heard_in_another_process(void **state)
{
    (void)state;
    struct bell *bells =
        mmap(NULL, 2 * sizeof *bells, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(bells != MAP_FAILED);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (uint32_t i = 0; i < 100; i++) {
            while (bell_rung(&bells[0]) == i)
                bell_wait(&bells[0], i, LONG_NS);
            bell_ring(&bells[1]);
        }
        _exit(0);
    }
    uint64_t begin_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < 100; i++) {
        bell_ring(&bells[0]);
        while (bell_rung(&bells[1]) == i)
            bell_wait(&bells[1], i, LONG_NS);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(clock_monotonic_ns() - begin_ns < LONG_NS);
    munmap(bells, 2 * sizeof *bells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_before_the_wait_is_not_lost),
        cmocka_unit_test(the_time_ends_a_wait),
        cmocka_unit_test(it_is_heard_in_another_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
