/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/background.h"
#include "lib/os/clock.h"
#include "lib/os/priority.h"

#define NOBODY      65534
#define DEADLINE_NS UINT64_C(20000000000)

static int nice_now(void)
{
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(errno, 0);
    return nice;
}

static struct background *usual(void)
{
    if (!priority_here().returns || nice_now() != 0 || sched_getscheduler(0) != SCHED_OTHER) {
        print_message("neither CAP_SYS_NICE nor RLIMIT_NICE, or not as usual\n");
        skip();
    }
    struct background *b = NULL;
    assert_int_equal(background_new(&b), ERR_OK);
    return b;
}

static void there_and_back(void **state)
{
    (void)state;
    struct background *b = usual();
    for (int i = 0; i < 100; i++) {
        background_renew(b);
        uint64_t begin_ns = clock_monotonic_ns();
        background_begin(b);
        int policy = sched_getscheduler(0);
        /* On a busy machine even this may have taken longer than the patience. */
        if (clock_monotonic_ns() - begin_ns < BACKGROUND_PATIENCE_NS)
            assert_int_equal(policy, SCHED_IDLE);
        assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE);
        background_end(b);
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
        assert_int_equal(nice_now(), 0);
    }
    assert_null(background_free(b));
}

/* Each time anew, never before its time, and from then on until it is renewed. */
static void not_for_ever(void **state)
{
    (void)state;
    struct background *b = usual();
    for (int i = 0; i < 3; i++) {
        background_renew(b);
        uint64_t begin_ns = clock_monotonic_ns();
        background_begin(b);
        while (sched_getscheduler(0) != SCHED_OTHER)
            assert_true(clock_monotonic_ns() - begin_ns < DEADLINE_NS);
        assert_true(clock_monotonic_ns() - begin_ns >= BACKGROUND_PATIENCE_NS);
        assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE);
        background_end(b);
        assert_int_equal(nice_now(), 0);
        background_begin(b);
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
        assert_int_equal(nice_now(), PRIORITY_BACKGROUND_NICE);
        background_end(b);
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
        assert_int_equal(nice_now(), 0);
    }
    background_free(b);
}

/* In a child, which exits with 0 when it was the same before, in and after the background. */
static void child_stays(bool without_rights, int policy)
{
    int nice = nice_now();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0};
        struct background *b = NULL;
        if (without_rights && (prlimit(0, RLIMIT_NICE, &none, NULL) != 0 || setuid(NOBODY) != 0))
            _exit(1);
        if (sched_setscheduler(0, policy, &(struct sched_param){0}) != 0)
            _exit(1);
        if (background_new(&b) != ERR_OK)
            _exit(2);
        background_begin(b);
        bool same = sched_getscheduler(0) == policy && getpriority(PRIO_PROCESS, 0) == nice;
        background_end(b);
        same = same && sched_getscheduler(0) == policy && getpriority(PRIO_PROCESS, 0) == nice;
        background_free(b);
        _exit(same ? 0 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 1) {
        print_message("neither privileges can be given up here, nor a policy be taken\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_rights(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give up privileges\n");
        skip();
    }
    child_stays(true, SCHED_OTHER);
}

static void with_a_policy_of_its_own(void **state)
{
    (void)state;
    child_stays(false, SCHED_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(not_for_ever),
        cmocka_unit_test(without_rights),
        cmocka_unit_test(with_a_policy_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
