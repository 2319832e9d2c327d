/* SPDX-License-Identifier: Apache-2.0 */
/* The timing wheel against a list of deadlines: nothing is early, nothing is later than a tick
 * after the tick of its deadline, whatever is put, moved and removed in between. */
#include "edge/wheel.h"
#include "tests/fixture/edge_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#define SLOTS 64
#define NEVER UINT64_MAX
#define TICK  ((uint64_t)WHEEL_TICK_NS)

static struct {
    struct wheel wheel;
    uint64_t deadlines[SLOTS]; /* NEVER: none */
    uint64_t now_ns;
    uint64_t early_count; /* taken out before their time: looked at on the way */
} t;

static void start(uint64_t now_ns)
{
    t.now_ns = now_ns;
    t.early_count = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        t.deadlines[i] = NEVER;
    assert_int_equal(wheel_start(&t.wheel, SLOTS, now_ns), ERR_OK);
}

static void want(uint32_t slot, uint64_t deadline_ns)
{
    t.deadlines[slot] = deadline_ns;
    wheel_want(&t.wheel, slot, deadline_ns);
}

/* As a worker does: what is due has its time, what is not is put back. */
static void look(void)
{
    uint32_t slot = 0;
    while ((slot = wheel_next_due(&t.wheel, t.now_ns)) != WHEEL_NONE) {
        assert_true(slot < SLOTS);
        if (t.deadlines[slot] <= t.now_ns) {
            t.deadlines[slot] = NEVER;
        } else {
            t.early_count++;
            wheel_want(&t.wheel, slot, t.deadlines[slot]);
        }
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (t.deadlines[i] != NEVER && t.deadlines[i] + 2 * TICK <= t.now_ns)
            fail_msg("slot %u is %llu ns late", i, (unsigned long long)(t.now_ns - t.deadlines[i]));
    }
}

static uint64_t any_time(struct fixture_random *r)
{
    static const uint64_t spans[] = {TICK / 2,   4 * TICK,   100 * TICK, 511 * TICK,
                                     512 * TICK, 513 * TICK, 5000 * TICK};
    return fixture_random_next(r) % spans[fixture_random_below(r, 7)];
}

static void random_against_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture_random r = fixture_random_of(seed);
        start(any_time(&r));
        for (unsigned step = 0; step < 20000; step++) {
            uint32_t slot = fixture_random_below(&r, SLOTS);
            uint32_t what = fixture_random_below(&r, 10);
            if (what < 5) {
                want(slot, t.now_ns + any_time(&r));
            } else if (what < 6) {
                wheel_remove(&t.wheel, slot);
                t.deadlines[slot] = NEVER;
            } else {
                t.now_ns += fixture_random_next(&r) % (2 * TICK);
                look();
            }
        }
        wheel_stop(&t.wheel);
    }
}

/* The clock stood still (a suspended machine) and jumps over more than the wheel. */
static void jump(void **state)
{
    (void)state;
    start(12345);
    for (uint32_t i = 0; i < SLOTS; i++)
        want(i, t.now_ns + i * 50 * TICK);
    t.now_ns += 40 * 50 * TICK - TICK;
    look();
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_int_equal(t.deadlines[i] == NEVER, i < 40);
    wheel_stop(&t.wheel);
}

static void never_early(void **state)
{
    (void)state;
    start(0);
    uint64_t deadline_ns = 3 * TICK + 1;
    want(7, deadline_ns);
    assert_int_equal(wheel_next_due(&t.wheel, deadline_ns), WHEEL_NONE);
    assert_int_equal(wheel_next_due(&t.wheel, 4 * TICK - 1), WHEEL_NONE);
    assert_int_equal(wheel_next_due(&t.wheel, 4 * TICK), 7);
    assert_int_equal(wheel_next_due(&t.wheel, 10 * TICK), WHEEL_NONE);
    wheel_stop(&t.wheel);
}

/* A deadline that moves on with every request does not move the slot: it is seen early once. */
static void moving_on_is_free(void **state)
{
    (void)state;
    start(0);
    for (unsigned i = 0; i < 1000; i++) {
        want(3, t.now_ns + 20 * TICK);
        t.now_ns += TICK / 10;
        look();
    }
    assert_in_range(t.early_count, 1, 1000 / 10 / 20 + 1);
    wheel_stop(&t.wheel);
}

/* Nearer than where it stands: moved there. Removed: gone, and removed again: nothing. */
static void nearer_and_removed(void **state)
{
    (void)state;
    start(0);
    want(1, 100 * TICK);
    want(2, 100 * TICK);
    want(3, 100 * TICK);
    want(2, 5 * TICK);
    assert_int_equal(wheel_next_due(&t.wheel, 6 * TICK), 2);
    wheel_remove(&t.wheel, 3);
    wheel_remove(&t.wheel, 3);
    assert_int_equal(wheel_next_due(&t.wheel, 101 * TICK), 1);
    assert_int_equal(wheel_next_due(&t.wheel, 200 * TICK), WHEEL_NONE);
    wheel_stop(&t.wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_against_list), cmocka_unit_test(jump),
        cmocka_unit_test(never_early),         cmocka_unit_test(moving_on_is_free),
        cmocka_unit_test(nearer_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
