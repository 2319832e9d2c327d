/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy hitters, against counts that are kept of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "bpf/top.h"
#include "lib/random.h"

#define SECOND_NS UINT64_C(1000000000)

static struct top top;
static struct top_report report;

static struct prefix numbered(uint32_t number)
{
    const uint8_t address[16] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                                 (uint8_t)number};
    return prefix_of(4, address, 32);
}

static void add(uint32_t number, uint64_t packets, uint64_t now_ns)
{
    struct prefix prefix = numbered(number);
    top_add(&top, &prefix, (uint8_t)(number % FILTER_REASON_COUNT), packets, now_ns);
}

static const struct top_row *row_of(uint32_t number)
{
    struct prefix prefix = numbered(number);
    for (uint32_t i = 0; i < report.count; i++)
        if (prefix_same(&report.rows[i].prefix, &prefix))
            return &report.rows[i];
    return NULL;
}

static void few_are_exact(void **state)
{
    (void)state;
    memset(&top, 0, sizeof top);
    for (uint32_t i = 0; i < TOP_ROWS; i++)
        add(i, i + 1, SECOND_NS);
    top_read(&top, SECOND_NS, &report);
    assert_int_equal(report.count, TOP_ROWS);
    assert_int_equal(report.packets, TOP_ROWS * (TOP_ROWS + 1) / 2);
    for (uint32_t i = 0; i < TOP_ROWS; i++) {
        struct prefix expected = numbered(TOP_ROWS - 1 - i);
        assert_true(prefix_same(&report.rows[i].prefix, &expected));
        assert_int_equal(report.rows[i].packets, TOP_ROWS - i);
        assert_int_equal(report.rows[i].error, 0);
    }
}

/* Three heavy ones among a flood of sources that come once each. */
static void heavy_ones_are_found(void **state)
{
    (void)state;
    uint64_t random = 1;
    uint64_t true_counts[3] = {0};
    uint64_t total = 0;
    memset(&top, 0, sizeof top);
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t chosen = (uint32_t)(random_next(&random) % 100);
        total += 64;
        if (chosen >= 6) {
            add(1000 + i, 64, SECOND_NS);
            continue;
        }
        unsigned heavy = chosen < 3 ? 0 : chosen < 5 ? 1 : 2;
        true_counts[heavy] += 64;
        add(heavy, 64, SECOND_NS);
    }
    top_read(&top, SECOND_NS, &report);
    assert_int_equal(report.packets, total);
    for (unsigned i = 0; i < 3; i++) {
        const struct top_row *row = row_of(i);
        assert_non_null(row);
        assert_true(row->packets >= true_counts[i]);
        assert_true(row->packets - row->error <= true_counts[i]);
        assert_true(row->error <= total / TOP_ROWS);
        assert_true(row - report.rows == (ptrdiff_t)i);
    }
}

static void windows_pass(void **state)
{
    (void)state;
    const uint64_t w = TOP_WINDOW_NS;
    memset(&top, 0, sizeof top);
    top.begin_ns = 5 * SECOND_NS;
    add(1, 10, 5 * SECOND_NS);
    add(1, 5, 5 * SECOND_NS + w); /* the next window */
    add(2, 4, 5 * SECOND_NS + w);
    top_read(&top, 5 * SECOND_NS + w + w / 2, &report);
    assert_int_equal(report.packets, 19);
    assert_int_equal(report.during_ns, w + w / 2);
    assert_int_equal(row_of(1)->packets, 15);
    top_read(&top, 5 * SECOND_NS + 2 * w, &report); /* the first is over */
    assert_int_equal(report.packets, 9);
    assert_int_equal(row_of(1)->packets, 5);
    top_read(&top, 5 * SECOND_NS + 9 * w, &report);
    assert_int_equal(report.packets + report.count, 0);
    add(3, 1, 5 * SECOND_NS + 9 * w);
    top_read(&top, 4 * SECOND_NS, &report); /* a clock that goes back does no harm */
    assert_int_equal(report.packets, 1);
    assert_int_equal(report.during_ns, w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_exact),
        cmocka_unit_test(heavy_ones_are_found),
        cmocka_unit_test(windows_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
