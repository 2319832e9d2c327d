/* SPDX-License-Identifier: Apache-2.0 */
/* Edges' pages: what is taken from them, what is refused, and what a site of several comes to. */
#include "bpf/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX "statim_edge_"
#define WHOLE                                                                                    \
    "# HELP statim_edge_serve_ready 1 when a snapshot is being served\n"                         \
    "# TYPE statim_edge_serve_ready gauge\n" PREFIX "serve_ready 1\n"                            \
    "\n" PREFIX "snapshot_complete 1\n" PREFIX "processes_running{process=\"serve\"} 1\n" PREFIX \
    "processes_running{process=\"sync\"} 0\n" PREFIX "news_age_seconds 17\n" PREFIX              \
    "serve_process_id 4711\n" PREFIX "worker_clock_nanoseconds 1000\n"

static enum err read_text(const char *text, struct edge_metrics *ret)
{
    /* A copy of just that size, so that a read behind it shows. */
    size_t size = strlen(text);
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, text, size);
    enum err err = measure_metrics(span_of(copy, size), ret);
    free(copy);
    return err;
}

static void whole_page(void **state)
{
    (void)state;
    struct edge_metrics m;
    assert_int_equal(read_text(WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"2\"} 30\n" PREFIX
                                            "worker_wait_nanoseconds_total{worker=\"2\"} 4\n" PREFIX
                                            "worker_run_nanoseconds_total{worker=\"0\"} 5\n",
                               &m),
                     ERR_OK);
    assert_true(m.serving && m.has_news);
    assert_int_equal(m.news_age_s, 17);
    assert_int_equal(m.process, 4711);
    assert_int_equal(m.clock_ns, 1000);
    assert_int_equal(m.worker_count, 3);
    assert_true(m.workers[2].known && !m.workers[0].known && !m.workers[1].known);
    assert_int_equal(m.workers[2].run_ns, 30);
    assert_int_equal(m.workers[2].wait_ns, 4);
}

/* Each of the three that serving needs. */
static void serving(void **state)
{
    (void)state;
    static const char *const ones[] = {PREFIX "serve_ready 1\n", PREFIX "snapshot_complete 1\n",
                                       PREFIX "processes_running{process=\"serve\"} 1\n"};
    for (size_t i = 0; i < 3; i++) {
        char text[] = WHOLE;
        struct edge_metrics m;
        char *at = strstr(text, ones[i]);
        assert_non_null(at);
        at[strlen(ones[i]) - 2] = '0';
        assert_int_equal(read_text(text, &m), ERR_OK);
        assert_false(m.serving);
    }
}

static void without_news(void **state)
{
    (void)state;
    char text[] = WHOLE;
    struct edge_metrics m;
    memcpy(strstr(text, "news_age"), "gnus", 4);
    assert_int_equal(read_text(text, &m), ERR_OK);
    assert_false(m.has_news);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"", ERR_NOT_FOUND},
        {"\n", ERR_NOT_FOUND},
        {"not a metric", ERR_TRUNCATED},
        {WHOLE "x", ERR_TRUNCATED},
        {WHOLE "x\n", ERR_MALFORMED},
        {WHOLE "x \n", ERR_MALFORMED},
        {WHOLE " 1\n", ERR_MALFORMED},
        {WHOLE "x 1 2\n", ERR_MALFORMED},
        {WHOLE "x{a=\"b 1\n", ERR_MALFORMED},
        {WHOLE "x{a=\"b\\\" 1\n", ERR_MALFORMED},
        {WHOLE "x{a=\"b\\\n", ERR_MALFORMED},
        {WHOLE "x 1\r\n", ERR_MALFORMED},
        {WHOLE "x\t1\n", ERR_MALFORMED},
        {WHOLE PREFIX "serve_ready 1\n", ERR_EXISTS},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"0\"} 1\n" PREFIX
                      "worker_run_nanoseconds_total{worker=\"0\"} 1\n",
         ERR_EXISTS},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"256\"} 1\n", ERR_LIMIT},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"01\"} 1\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"\"} 1\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\"1\",a=\"2\"} 1\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_run_nanoseconds_total{worker=\" 1\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_wait_nanoseconds_total{worker=\"1\"} -1\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_wait_nanoseconds_total{worker=\"1\"} 1.5\n", ERR_MALFORMED},
        {WHOLE PREFIX "worker_wait_nanoseconds_total{worker=\"1\"} 18446744073709551616\n",
         ERR_LIMIT},
        {WHOLE "# \x01\n", ERR_MALFORMED},
        {PREFIX "serve_ready 1\n" PREFIX "snapshot_complete 1\n", ERR_NOT_FOUND},
        {PREFIX "serve_ready yes\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct edge_metrics m = {.process = 1};
        enum err err = read_text(rows[i].text, &m);
        if (err != rows[i].err)
            fail_msg("row %zu: %s", i, err_name(err));
        assert_int_equal(m.process, 1); /* untouched */
    }
}

/* What is not asked for may be of any kind that the format knows. */
static void passed_over(void **state)
{
    (void)state;
    struct edge_metrics m;
    assert_int_equal(read_text(WHOLE "x{a=\"b c\\\"d\\\\\"} +Inf\nother_serve_ready 7\n" PREFIX
                                     "serve_ready{a=\"b\"} 3\n" PREFIX
                                     "worker_wait_nanoseconds_total{worker=\"255\"} "
                                     "18446744073709551615\n",
                               &m),
                     ERR_OK);
    assert_true(m.serving && m.worker_count == 0);
}

static void too_long(void **state)
{
    (void)state;
    struct edge_metrics m;
    char *text = malloc(MEASURE_BODY_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, '#', MEASURE_BODY_BYTES_MAX + 1);
    assert_int_equal(measure_metrics(span_of(text, MEASURE_LINE_BYTES_MAX + 1), &m), ERR_LIMIT);
    text[MEASURE_LINE_BYTES_MAX + 1] = '\n';
    assert_int_equal(measure_metrics(span_of(text, MEASURE_LINE_BYTES_MAX + 2), &m), ERR_LIMIT);
    for (size_t i = MEASURE_LINE_BYTES_MAX; i <= MEASURE_BODY_BYTES_MAX; i += 1000)
        text[i] = '\n';
    text[MEASURE_BODY_BYTES_MAX] = '\n';
    text[MEASURE_BODY_BYTES_MAX - 1] = '\n';
    assert_int_equal(measure_metrics(span_of(text, MEASURE_BODY_BYTES_MAX), &m), ERR_NOT_FOUND);
    assert_int_equal(measure_metrics(span_of(text, MEASURE_BODY_BYTES_MAX + 1), &m), ERR_LIMIT);
    free(text);
}

static void health(void **state)
{
    (void)state;
    bool healthy = false;
    char why[MEASURE_WHY_BYTES] = "before";
    assert_int_equal(measure_health(200, span_text("ok\n"), &healthy, why), ERR_OK);
    assert_true(healthy);
    assert_string_equal(why, "");
    assert_int_equal(measure_health(503,
                                    span_text("no h\xC3\xA9"
                                              "ad\nmore\n"),
                                    &healthy, why),
                     ERR_OK);
    assert_false(healthy);
    assert_string_equal(why, "no h??ad");
    static const struct {
        unsigned status;
        const char *body;
        enum err err;
    } rows[] = {
        {404, "ok\n", ERR_UNSUPPORTED}, {200, "", ERR_TRUNCATED},       {200, "ok", ERR_TRUNCATED},
        {200, "OK\n", ERR_MALFORMED},   {503, "ok\n", ERR_MALFORMED},   {503, "", ERR_TRUNCATED},
        {503, "\n", ERR_MALFORMED},     {200, "ok\n\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(measure_health(rows[i].status, span_text(rows[i].body), &healthy, why),
                         rows[i].err);
    assert_string_equal(why, "no h??ad");
}

static struct edge_metrics times(uint64_t clock_ns, uint64_t run_ns, uint64_t wait_ns)
{
    struct edge_metrics m = {.process = 1, .clock_ns = clock_ns, .worker_count = 2};
    m.workers[1] = (struct worker_time){true, run_ns, wait_ns};
    return m;
}

static void load(void **state)
{
    (void)state;
    uint32_t permille = 4711;
    struct edge_metrics before = times(1000, 100, 10), now = times(2000, 300, 20);
    assert_int_equal(measure_load(&before, &now, &permille), ERR_OK);
    assert_int_equal(permille, 210);
    now.workers[0] = (struct worker_time){true, 999, 0}; /* has not been there before */
    assert_int_equal(measure_load(&before, &now, &permille), ERR_OK);
    assert_int_equal(permille, 210);
    before.workers[0] = (struct worker_time){true, 99, 0};
    assert_int_equal(measure_load(&before, &now, &permille), ERR_OK);
    assert_int_equal(permille, 900);
    now.workers[0].wait_ns = UINT64_MAX;
    assert_int_equal(measure_load(&before, &now, &permille), ERR_OK);
    assert_int_equal(permille, 1000);
    permille = 4711;
    assert_int_equal(measure_load(&now, &now, &permille), ERR_NOT_FOUND);
    assert_int_equal(measure_load(&now, &before, &permille), ERR_NOT_FOUND);
    now = times(2000, 300, 20);
    now.process = 2;
    assert_int_equal(measure_load(&before, &now, &permille), ERR_NOT_FOUND);
    now = times(2000, 99, 20); /* gone back */
    assert_int_equal(measure_load(&before, &now, &permille), ERR_NOT_FOUND);
    now = times(2000, 300, 20);
    now.workers[1].known = false;
    assert_int_equal(measure_load(&before, &now, &permille), ERR_NOT_FOUND);
    assert_int_equal(permille, 4711);
}

static void several_edges(void **state)
{
    (void)state;
    const struct edge_look gone = {.gone = true};
    const struct edge_look silent = {0};
    const struct edge_look filling = {.answered = true, .news_age_s = UINT64_MAX};
    const struct edge_look well = {.answered = true,
                                   .healthy = true,
                                   .serving = true,
                                   .news_age_s = 5,
                                   .load_known = true,
                                   .load_permille = 300};
    const struct edge_look stale = {.answered = true,
                                    .serving = true,
                                    .news_age_s = 500,
                                    .load_known = true,
                                    .load_permille = 20};
    struct measurement m;
    measure_join((struct edge_look[]){gone, silent}, 2, &m);
    assert_false(m.answered || m.gone || m.ready || m.healthy || m.load_known);
    measure_join((struct edge_look[]){gone, gone}, 2, &m);
    assert_true(!m.answered && m.gone);
    measure_join((struct edge_look[]){gone, filling}, 2, &m);
    assert_true(m.answered && !m.ready && !m.healthy && !m.gone);
    measure_join((struct edge_look[]){filling, well, gone}, 3, &m);
    assert_true(m.answered && m.ready && m.healthy && m.load_known);
    assert_int_equal(m.news_age_s, 5);
    assert_int_equal(m.news_age_min_s, 5);
    measure_join((struct edge_look[]){well, stale}, 2, &m);
    assert_true(m.ready && !m.healthy);
    assert_int_equal(m.news_age_s, 500);
    assert_int_equal(m.news_age_min_s, 5);
    assert_int_equal(m.load_permille, 300);
    assert_false(m.queue_known || m.latency_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_page),    cmocka_unit_test(serving),
        cmocka_unit_test(without_news),  cmocka_unit_test(refused),
        cmocka_unit_test(passed_over),   cmocka_unit_test(too_long),
        cmocka_unit_test(health),        cmocka_unit_test(load),
        cmocka_unit_test(several_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
