/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's metrics and health from a view. */
#include "bpf/shed_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_BYTES (256u << 10)

static char page[PAGE_BYTES];

static void expect(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(page, whole) == NULL)
        fail_msg("not there: %s in\n%s", line, page);
}

static struct shed_view *example(void)
{
    static struct shed_view v;
    memset(&v, 0, sizeof v);
    for (unsigned i = 0; i < SHED_VALUE_COUNT; i++)
        v.values[i] = 1000 + i;
    v.interface_count = 2;
    snprintf(v.interfaces[0].name, sizeof v.interfaces[0].name, "eth0");
    snprintf(v.interfaces[1].name, sizeof v.interfaces[1].name, "a\"b\\c");
    v.interfaces[1].generic = true;
    for (unsigned r = 0; r < FILTER_REASON_COUNT; r++)
        v.interfaces[0].counts[r] = (struct filter_count){.packets = 10 + r, .bytes = 500 + r};
    v.interfaces[0].trouble[FILTER_TROUBLE_EVENTS_LOST] = 4711;
    v.route_known = true;
    v.route = ROUTE_DEPREFER;
    v.reason = CONTROLLER_STALE;
    return &v;
}

static void all_rows(void **state)
{
    (void)state;
    struct text_writer w;
    char line[256];
    text_writer_start(&w, page, sizeof page);
    shed_metrics_write(example(), &w);
    assert_int_equal(w.err, ERR_OK);
#define X(name, kind, metric, help)                                                    \
    snprintf(line, sizeof line, "statim_shed_%s%s %u", metric,                         \
             (kind) == METRIC_COUNTER ? "_total" : "", 1000u + (unsigned)SHED_##name); \
    expect(line);
    SHED_VALUE_TABLE(X)
#undef X
#define X(name, verdict, label, help)                                                        \
    snprintf(line, sizeof line,                                                              \
             "statim_shed_packets_total{interface=\"eth0\",action=\"%s\",reason=\"%s\"} %u", \
             FILTER_##verdict == FILTER_PASS   ? "pass"                                      \
             : FILTER_##verdict == FILTER_DROP ? "drop"                                      \
                                               : "answer",                                   \
             label, 10u + (unsigned)FILTER_REASON_##name);                                   \
    expect(line);                                                                            \
    snprintf(line, sizeof line,                                                              \
             "statim_shed_packets_total{interface=\"a?b?c\",action=\"%s\",reason=\"%s\"} 0", \
             FILTER_##verdict == FILTER_PASS   ? "pass"                                      \
             : FILTER_##verdict == FILTER_DROP ? "drop"                                      \
                                               : "answer",                                   \
             label);                                                                         \
    expect(line);
    FILTER_REASON_TABLE(X)
#undef X
    expect("statim_shed_bytes_total{interface=\"eth0\",action=\"drop\",reason=\"denied\"} 504");
    expect("statim_shed_events_lost_total{interface=\"eth0\"} 4711");
    expect("statim_shed_generic{interface=\"eth0\"} 0");
    expect("statim_shed_generic{interface=\"a?b?c\"} 1");
    expect("statim_shed_route{action=\"deprefer\",reason=\"stale\"} 1");
}

static void health(void **state)
{
    (void)state;
    struct shed_view *v = example();
    struct text_writer w;
    v->made_ns = 1000;
    v->fresh_for_ns = 500;
    text_writer_start(&w, page, sizeof page);
    assert_true(shed_health_write(v, 1500, &w));
    assert_string_equal(page, "ok\n");
    text_writer_start(&w, page, sizeof page);
    assert_true(shed_health_write(v, 900, &w)); /* a view made meanwhile */
    text_writer_start(&w, page, sizeof page);
    assert_false(shed_health_write(v, 1501, &w));
    assert_string_equal(page, "the agent's loop hangs\n");
    snprintf(v->trouble, sizeof v->trouble, "the filter cannot be reached");
    text_writer_start(&w, page, sizeof page);
    assert_false(shed_health_write(v, 1500, &w));
    assert_string_equal(page, "the filter cannot be reached\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_rows), cmocka_unit_test(health)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
