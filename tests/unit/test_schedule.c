/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/serial.h"
#include "presigner/schedule.h"

#define NEVER SCHEDULE_NO_LIMIT

static void test_times(void **state)
{
    (void)state;
    const struct {
        struct schedule_policy policy;
        uint64_t now_s;
        enum err err;
        uint32_t this_update_s, next_update_s;
    } rows[] = {
        {{1000, 500, 100, NEVER}, 10000, ERR_OK, 9900, 10900},
        {{1000, 500, 0, NEVER}, 10000, ERR_OK, 10000, 11000},
        {{1000, 500, 100, 10900}, 10000, ERR_OK, 9900, 10900},
        {{1000, 500, 100, 10899}, 10000, ERR_OK, 9900, 10899},
        {{1000, 500, 100, 10001}, 10000, ERR_OK, 9900, 10001},
        {{1000, 500, 100, 10000}, 10000, ERR_EXPIRED, 0, 0},
        {{1000, 500, 100, 5}, 10000, ERR_EXPIRED, 0, 0},
        {{1000, 500, 100, NEVER}, 99, ERR_RANGE, 0, 0},
        {{1000, 500, 100, NEVER}, UINT32_MAX, ERR_RANGE, 0, 0},
        {{1000, 500, 100, NEVER}, UINT32_MAX - 900u, ERR_OK, UINT32_MAX - 1000u, UINT32_MAX},
        {{1000, 500, 100, NEVER}, UINT64_MAX, ERR_RANGE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t this_update_s = 0, next_update_s = 0;
        assert_int_equal(
            schedule_times(&rows[i].policy, rows[i].now_s, &this_update_s, &next_update_s),
            rows[i].err);
        assert_int_equal(this_update_s, rows[i].this_update_s);
        assert_int_equal(next_update_s, rows[i].next_update_s);
    }
}

/* Period 400, so a slot 30 is at 30, 430, ..., 10030, 10430. */
static void test_due(void **state)
{
    (void)state;
    const struct {
        uint64_t responder_not_after_s, slot_s;
        uint32_t this_update_s, next_update_s;
        uint64_t due_s;
    } rows[] = {
        {NEVER, 30, 0, 0, 0},
        {NEVER, 30, 9930, 10930, 10430}, /* signed in its slot: one period later */
        {NEVER, 30, 9929, 10929, 10030}, /* a second before it */
        {NEVER, 30, 9931, 10931, 10430}, /* a second late: back to its place */
        {NEVER, 0, 9900, 10900, 10400},  /* never later than this_update + refresh */
        {10950, 30, 9930, 10930, 10430}, /* the certificate is no hindrance */
        {10500, 30, 9930, 10500, 10430}, /* cut short, and this certificate cannot do better */
        {NEVER, 30, 9930, 10500, 10000}, /* cut short, a new certificate can: rest of 500 */
        {10501, 30, 9930, 10500, 10000},
        {NEVER, 30, 9930, 400, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_policy policy = {1000, 500, 100, rows[i].responder_not_after_s};
        assert_int_equal(
            schedule_due(&policy, rows[i].slot_s, rows[i].this_update_s, rows[i].next_update_s),
            rows[i].due_s);
    }
}

static void test_backlog(void **state)
{
    (void)state;
    struct schedule_backlog b = {0};
    schedule_backlog_add(&b, 0, 0, 1000);
    assert_int_equal(b.range_count, 1);
    assert_int_equal(b.due_count, 0);
    schedule_backlog_add(&b, 900, 1100, 1000);
    schedule_backlog_add(&b, 800, 1050, 1000);
    assert_int_equal(b.due_count, 0);
    assert_int_equal(b.next_due_s, 1050);
    schedule_backlog_add(&b, 700, 1000, 1000);
    assert_int_equal(b.late_s, 0);
    schedule_backlog_add(&b, 600, 990, 1000);
    assert_int_equal(b.due_count, 2);
    assert_int_equal(b.late_s, 10);
    assert_int_equal(b.oldest_this_update_s, 600);
    assert_int_equal(b.range_count, 5);
}

#define RANGES  2000
#define BUCKETS 20
#define TICK_S  10
#define START_S 1800000000u

struct simulated_range {
    uint64_t slot_s;
    uint32_t this_update_s, next_update_s;
};

static void sign(const struct schedule_policy *policy, struct simulated_range *r, uint64_t now_s)
{
    assert_int_equal(schedule_times(policy, now_s, &r->this_update_s, &r->next_update_s), ERR_OK);
}

/* All ranges are signed at once, then refreshed when due, with a machine that looks every ten
 * seconds: no statement gets old, and from the first period on the load is even. */
static void test_load_is_even(void **state)
{
    (void)state;
    const struct schedule_policy policy = {7 * 86400, 302400, 300, NEVER};
    const uint64_t period_s = policy.refresh_s - policy.backdate_s;
    static struct simulated_range ranges[RANGES];
    unsigned buckets[4][BUCKETS] = {{0}};
    for (uint32_t i = 0; i < RANGES; i++) {
        uint8_t key[KEY_BYTES_MAX];
        struct serial until = {.size = 2, .octets = {(uint8_t)(i >> 8), (uint8_t)i}};
        ranges[i].slot_s = schedule_slot(&policy, span_of(key, key_write(1, &until, key)));
        assert_true(ranges[i].slot_s < period_s);
        sign(&policy, &ranges[i], START_S);
    }
    for (uint64_t at_s = 0; at_s < 4 * period_s; at_s += TICK_S) {
        for (size_t i = 0; i < RANGES; i++) {
            struct simulated_range *r = &ranges[i];
            uint64_t now_s = START_S + at_s;
            if (schedule_due(&policy, r->slot_s, r->this_update_s, r->next_update_s) > now_s)
                continue;
            assert_true(now_s - r->this_update_s <= policy.refresh_s + TICK_S);
            sign(&policy, r, now_s);
            buckets[at_s / period_s][at_s % period_s * BUCKETS / period_s]++;
        }
    }
    for (size_t cycle = 0; cycle < 4; cycle++) {
        for (size_t i = 0; i < BUCKETS; i++)
            assert_in_range(buckets[cycle][i], 60, 140); /* 100 +- 4 sigma */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_load_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
