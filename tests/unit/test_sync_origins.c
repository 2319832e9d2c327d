/* SPDX-License-Identifier: Apache-2.0 */
/* Which origin is asked: round and round, back to the first one, and away from one that is old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/sync_origins.h"

#define SECOND UINT64_C(1000000000)

static void test_only_one(void **state)
{
    (void)state;
    struct sync_origins o = {.count = 1};
    sync_origins_next(&o, 0);
    assert_int_equal(o.current, 0);
    assert_false(sync_origins_rest(&o, true, SECOND)); /* there is nobody else to ask */
    assert_int_equal(o.current, 0);
}

static void test_round_and_round(void **state)
{
    (void)state;
    struct sync_origins o = {.count = 3};
    for (uint32_t i = 1; i <= 7; i++) {
        sync_origins_next(&o, 0);
        assert_int_equal(o.current, i % 3);
    }
}

/* In vain: the pause doubles up to its end. With success it begins anew. */
static void test_back_to_the_first(void **state)
{
    (void)state;
    struct sync_origins o = {.count = 2};
    uint64_t now_ns = 100 * SECOND;
    uint64_t pause_ns = SYNC_RETURN_MIN_NS;
    for (uint32_t i = 0; i < 10; i++) {
        sync_origins_next(&o, now_ns);
        assert_int_equal(o.current, 1);
        assert_false(sync_origins_rest(&o, false, now_ns + pause_ns - 1));
        assert_int_equal(o.current, 1);
        now_ns += pause_ns;
        assert_false(sync_origins_rest(&o, false, now_ns));
        assert_int_equal(o.current, 0);
        pause_ns = pause_ns * 2 < SYNC_RETURN_MAX_NS ? pause_ns * 2 : SYNC_RETURN_MAX_NS;
    }
    assert_false(sync_origins_rest(&o, false, now_ns)); /* it has served */
    sync_origins_next(&o, now_ns);
    assert_false(sync_origins_rest(&o, false, now_ns + SYNC_RETURN_MIN_NS));
    assert_int_equal(o.current, 0);
}

static void test_old(void **state)
{
    (void)state;
    struct sync_origins o = {.count = 2};
    assert_true(sync_origins_rest(&o, true, 0));
    assert_int_equal(o.current, 1);
    assert_false(sync_origins_rest(&o, false, SECOND));
    assert_int_equal(o.current, 1);
    assert_true(sync_origins_rest(&o, true, 2 * SECOND)); /* so is the other one */
    assert_int_equal(o.current, 0);
    assert_true(sync_origins_rest(&o, true, 3 * SECOND));
    assert_int_equal(o.current, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_one),
        cmocka_unit_test(test_round_and_round),
        cmocka_unit_test(test_back_to_the_first),
        cmocka_unit_test(test_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
