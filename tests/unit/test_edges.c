/* SPDX-License-Identifier: Apache-2.0 */
/* Who is counted as having a log entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tools/edges.h"

#define NOW_MS UINT64_C(1800000000000)

static void test_who_has_an_entry(void **state)
{
    (void)state;
    static const struct {
        uint64_t number, edges;
    } rows[] = {{1, 3}, {39, 3}, {40, 2}, {41, 1}, {42, 0}};
    struct lane_report report;
    /* a stands at an entry 57 of the log before the restore; d is silent. */
    struct span text =
        span_text("statim edges 1\nwritten 1800000000000\nredis up\nlog 41\nedges 5\n"
                  "a 57 1 1 live\nb 41 1 1 live\nc 40 1 1 live\n"
                  "d 41 1 99000 silent\ne 39 1 1 live\n");
    assert_int_equal(lane_report_read(text, &report), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(edges_at(&report, rows[i].number), rows[i].edges);
}

static void test_a_report_is_of_now(void **state)
{
    (void)state;
    struct lane_report report = {.written_ms = NOW_MS};
    assert_true(edges_current(&report, NOW_MS));
    assert_true(edges_current(&report, NOW_MS + LANE_REPORT_STALE_MS));
    assert_false(edges_current(&report, NOW_MS + LANE_REPORT_STALE_MS + 1));
    assert_true(edges_current(&report, NOW_MS - LANE_REPORT_STALE_MS));
    assert_false(edges_current(&report, NOW_MS - LANE_REPORT_STALE_MS - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_an_entry),
        cmocka_unit_test(test_a_report_is_of_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
