/* SPDX-License-Identifier: Apache-2.0 */
/* The prefixes that operators name: kept, changed, ended. */
#include "bpf/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct said_list list;

static struct said said_of(const char *text, bool deny, uint64_t until_ns)
{
    struct said said = {.deny = deny, .until_ns = until_ns};
    assert_int_equal(prefix_parse(span_text(text), &said.prefix), ERR_OK);
    return said;
}

static void put(const char *text, bool deny, uint64_t until_ns)
{
    const struct said said = said_of(text, deny, until_ns);
    assert_int_equal(said_put(&list, &said), ERR_OK);
}

static int begin(void **state)
{
    (void)state;
    list.count = 0;
    put("192.0.2.0/24", true, 100);
    put("192.0.2.0/25", true, 300);
    put("192.0.2.0/24", false, 200);
    put("2001:db8::/32", true, 100);
    return 0;
}

static void kinds_are_apart(void **state)
{
    (void)state;
    assert_int_equal(list.count, 4);
    assert_int_equal(said_count(&list, true, 4), 2);
    assert_int_equal(said_count(&list, true, 6), 1);
    assert_int_equal(said_count(&list, false, 4), 1);
    assert_int_equal(said_count(&list, false, 6), 0);
}

static void again_is_another_end(void **state)
{
    (void)state;
    put("192.0.2.0/24", true, 500);
    assert_int_equal(list.count, 4);
    assert_int_equal(said_expire(&list, 300), 3);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.said[0].until_ns, 500);
    assert_true(list.said[0].deny);
}

static void ends_at_its_time(void **state)
{
    (void)state;
    assert_int_equal(said_expire(&list, 99), 0);
    assert_int_equal(said_expire(&list, 100), 2);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.said[0].prefix.bits, 25); /* in their order still */
    assert_false(list.said[1].deny);
    assert_int_equal(said_expire(&list, UINT64_MAX), 2);
    assert_int_equal(list.count, 0);
}

static void taken_back(void **state)
{
    (void)state;
    const struct said there = said_of("192.0.2.0/24", true, 0);
    const struct said not_there = said_of("192.0.2.0/26", true, 0);
    assert_int_equal(said_remove(&list, true, &not_there.prefix), ERR_NOT_FOUND);
    assert_int_equal(said_remove(&list, true, &there.prefix), ERR_OK);
    assert_int_equal(said_remove(&list, true, &there.prefix), ERR_NOT_FOUND);
    assert_int_equal(list.count, 3);
    assert_int_equal(said_remove(&list, false, &there.prefix), ERR_OK);
    assert_int_equal(list.count, 2);
}

static void has_a_limit(void **state)
{
    (void)state;
    char text[32];
    for (unsigned i = list.count; i < SAID_MAX; i++) {
        snprintf(text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
        put(text, true, 1);
    }
    const struct said more = said_of("10.1.0.0/16", true, 1);
    assert_int_equal(said_put(&list, &more), ERR_LIMIT);
    assert_int_equal(list.count, SAID_MAX);
    put("192.0.2.0/24", true, 7); /* one that is there has room */
    assert_int_equal(list.said[0].until_ns, 7);
    assert_int_equal(said_expire(&list, 6), SAID_MAX - 4);
    assert_int_equal(said_put(&list, &more), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kinds_are_apart, begin),
        cmocka_unit_test_setup(again_is_another_end, begin),
        cmocka_unit_test_setup(ends_at_its_time, begin),
        cmocka_unit_test_setup(taken_back, begin),
        cmocka_unit_test_setup(has_a_limit, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
