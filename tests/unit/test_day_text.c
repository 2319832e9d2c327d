/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/day_text.h"
#include "lib/digits.h"
#include "lib/limit.h"

#define DAY_S 86400u

/* lib/timetext.c is the judge. */
static void expect_time(const struct day_table *table, uint32_t time_s)
{
    uint8_t got[IMF_FIXDATE_BYTES + 1], want[IMF_FIXDATE_BYTES + 1];
    memset(got, 'x', sizeof got);
    memset(want, 'x', sizeof want);
    struct generalized_time time = day_table_generalized(table, time_s);
    generalized_time_put(&time, got);
    generalized_time_write(time_s, want);
    assert_memory_equal(got, want, sizeof got);
    day_table_imf(table, time_s, got);
    imf_fixdate_write(time_s, want);
    assert_memory_equal(got, want, sizeof got);
}

static void test_every_day_near(void **state)
{
    (void)state;
    static const uint64_t nows_s[] = {0,          86399,      86400,          16u * DAY_S,
                                      17 * DAY_S, 1709164800, 1800000000,     TIME_S_MAX - DAY_S,
                                      TIME_S_MAX, UINT64_MAX, TIME_S_MAX + 1u};
    static struct day_table table;
    for (size_t i = 0; i < sizeof nows_s / sizeof nows_s[0]; i++) {
        day_table_set(&table, nows_s[i]);
        uint64_t now_s = nows_s[i] < TIME_S_MAX ? nows_s[i] : TIME_S_MAX;
        uint64_t first_s = now_s > 70 * DAY_S ? now_s - 70 * DAY_S : 0;
        for (uint64_t s = first_s; s < now_s + 90 * DAY_S && s <= TIME_S_MAX; s += 3559)
            expect_time(&table, (uint32_t)s);
        expect_time(&table, 0);
        expect_time(&table, TIME_S_MAX);
    }
}

static void test_every_second_of_a_day(void **state)
{
    (void)state;
    static struct day_table table;
    day_table_set(&table, 1800000000);
    for (uint32_t s = 0; s < DAY_S; s++)
        expect_time(&table, 1800000000 / DAY_S * DAY_S + s);
}

static void test_without_a_day(void **state)
{
    (void)state;
    static const struct day_table table;
    for (uint64_t s = 0; s <= TIME_S_MAX; s += 86400 * 7 + 7919)
        expect_time(&table, (uint32_t)s);
}

static void expect_decimal(uint32_t number)
{
    uint8_t got[DIGITS_DECIMAL_ROOM];
    char want[DIGITS_DECIMAL_ROOM];
    int size = snprintf(want, sizeof want, "%u", number);
    assert_int_equal(digits_put_decimal(got, number) - got, size);
    assert_memory_equal(got, want, (size_t)size);
}

static void test_decimal(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        expect_decimal(i);
        expect_decimal(UINT32_MAX - i);
        expect_decimal(i * 21474u);
    }
    for (uint32_t power = 1; power <= 1000000000; power *= 10) {
        expect_decimal(power - 1);
        expect_decimal(power);
        if (power == 1000000000)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_near),
        cmocka_unit_test(test_every_second_of_a_day),
        cmocka_unit_test(test_without_a_day),
        cmocka_unit_test(test_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
