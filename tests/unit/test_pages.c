/* SPDX-License-Identifier: Apache-2.0 */
/* The admin pages over made-up shared memory. */
#include "edge/pages.h"
#include "edge/stale_watch.h"
#include "edge/worker_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S     1800000000u
#define PAGE_MAX  ADMIN_RESPONSE_BYTES_MAX
#define LINES_MAX 1000

static struct edge_shared *shared;
static struct edge_config config;
static struct pages pages;
static char *page;

static uint64_t now_s(void)
{
    return NOW_S;
}

/* Healthy, the second half of the counters being the serving process's. */
static int setup(void **state)
{
    (void)state;
    assert_int_equal(edge_shared_map(&shared), ERR_OK);
    page = malloc(PAGE_MAX);
    assert_non_null(page);
    config = (struct edge_config){.head_age_max_s = 100, .stale_permille_max = 10};
    shared->stale_permille = 10;
    pages = (struct pages){.config = &config, .shared = shared, .now_s = now_s};
    shared->serve_parity = 1;
    shared->serve_alive = 1;
    shared->sync_alive = 1;
    shared->gauges[1][GAUGE_READY] = 1;
    shared->gauges[1][GAUGE_SNAPSHOT_COMPLETE] = 1;
    shared->gauges[1][GAUGE_SNAPSHOT_CHECKED_S] = NOW_S - PAGES_SNAPSHOT_AGE_MAX_S;
    shared->gauges[1][GAUGE_SNAPSHOT_STATEMENTS] = 4711;
    shared->sync[SYNC_HEAD_TIME] = NOW_S - 100;
    shared->sync[SYNC_HEAD_VALID_UNTIL] = NOW_S;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(page);
    return 0;
}

static unsigned write_page(const char *path)
{
    const struct admin_page *row = pages_table();
    while (row->path != NULL && strcmp(row->path, path) != 0)
        row++;
    assert_non_null(row->path);
    struct text_writer w;
    text_writer_start(&w, page, PAGE_MAX);
    unsigned status = row->write(&pages, &w);
    assert_int_equal(w.err, ERR_OK);
    return status;
}

static void healthy(void **state)
{
    (void)state;
    assert_int_equal(write_page("/healthz"), 200);
    assert_string_equal(page, "ok\n");
}

static void expect_sick(const char *text)
{
    assert_int_equal(write_page("/healthz"), 503);
    assert_string_equal(page, text);
}

static void each_sickness(void **state)
{
    (void)state;
    static const struct {
        size_t offset; /* of a number in the shared memory */
        uint64_t value;
        const char *text;
    } rows[] = {
        {offsetof(struct edge_shared, serve_alive), 0, "the serving process is not running\n"},
        {offsetof(struct edge_shared, stale_permille), 11,
         "11 of 1000 answers are past their nextUpdate, at most 10\n"},
        {offsetof(struct edge_shared, sync_alive), 0, "the sync process is not running\n"},
        {offsetof(struct edge_shared, gauges[1][GAUGE_READY]), 0, "no snapshot is being served\n"},
        {offsetof(struct edge_shared, gauges[1][GAUGE_SNAPSHOT_COMPLETE]), 0,
         "the data set is not complete yet\n"},
        {offsetof(struct edge_shared, gauges[1][GAUGE_SNAPSHOT_CHECKED_S]), NOW_S - 31,
         "the served snapshot has been behind the store for 31 s\n"},
        {offsetof(struct edge_shared, sync[SYNC_HEAD_TIME]), 0, "no head has been accepted yet\n"},
        {offsetof(struct edge_shared, sync[SYNC_HEAD_TIME]), NOW_S - 101,
         "the newest head is 101 s old, at most 100\n"},
        {offsetof(struct edge_shared, sync[SYNC_HEAD_VALID_UNTIL]), NOW_S - 1,
         "the newest head is past its validity\n"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t *number = (uint64_t *)(void *)((uint8_t *)shared + rows[i].offset);
        uint64_t before = *number;
        *number = rows[i].value;
        expect_sick(rows[i].text);
        *number = before;
        assert_int_equal(write_page("/healthz"), 200);
    }
}

static void all_at_once(void **state)
{
    (void)state;
    shared->serve_alive = 0;
    shared->serve_parity = 0; /* the other half has no snapshot */
    shared->sync[SYNC_HEAD_VALID_UNTIL] = 1;
    expect_sick("the serving process is not running\nno snapshot is being served\n"
                "the newest head is past its validity\n");
    assert_int_equal(write_page("/"), 200);
    assert_non_null(strstr(page, "the serving process is not running"));
    assert_null(strstr(page, "healthy"));
}

static const char *after_name(const char *at)
{
    return at + strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

/* `name{labels} value` or a comment; the series without its value goes to `series`. */
static void check_line(char *line, const char **series, unsigned *count)
{
    if (strncmp(line, "# HELP statim_edge_", 19) == 0 ||
        strncmp(line, "# TYPE statim_edge_", 19) == 0)
        return;
    const char *end = after_name(line);
    assert_true(end > line && strncmp(line, "statim_edge_", 12) == 0);
    char *space = strrchr(line, ' ');
    if (*end == '{')
        assert_true(space > end && space[-1] == '}');
    else
        assert_ptr_equal(end, space);
    assert_true(space[1] != '\0' && strspn(space + 1, "0123456789") == strlen(space + 1));
    *space = '\0';
    for (unsigned i = 0; i < *count; i++)
        assert_string_not_equal(series[i], line);
    assert_true(*count < LINES_MAX);
    series[(*count)++] = line;
}

static void metrics_parse(void **state)
{
    (void)state;
    static const char *series[LINES_MAX];
    unsigned count = 0;
    assert_int_equal(write_page("/metrics"), 200);
    char *rest = page;
    while (*rest != '\0')
        check_line(strsep(&rest, "\n"), series, &count);
    assert_int_equal(count, SERVE_COUNTER_COUNT + SYNC_COUNTER_COUNT + SERVE_GAUGE_COUNT + 10);
}

/* HELP and TYPE once for each name. */
static void metrics_heads(void **state)
{
    (void)state;
    static const char *names[LINES_MAX];
    unsigned count = 0;
    assert_int_equal(write_page("/metrics"), 200);
    char *rest = page;
    while (rest != NULL && *rest != '\0') {
        char *line = strsep(&rest, "\n");
        if (strncmp(line, "# TYPE ", 7) != 0)
            continue;
        line[7 + strcspn(line + 7, " ")] = '\0';
        for (unsigned i = 0; i < count; i++)
            assert_string_not_equal(names[i], line);
        assert_true(count < LINES_MAX);
        names[count++] = line;
    }
    assert_true(count > 50);
}

static void both_halves_are_summed(void **state)
{
    (void)state;
    shared->workers[0][0].values[SERVE_REQUESTS] = 1;
    shared->workers[0][255].values[SERVE_REQUESTS] = 10;
    shared->workers[1][3].values[SERVE_REQUESTS] = 100;
    shared->workers[1][3].values[serve_counter_outcome(OUTCOME_GOOD)] = 111;
    shared->workers[1][4].values[serve_counter_end(CONN_END_IDLE)] = 5;
    assert_int_equal(write_page("/metrics"), 200);
    assert_non_null(strstr(page, "\nstatim_edge_requests_total 111\n"));
    assert_non_null(
        strstr(page, "\nstatim_edge_outcomes_total{outcome=\"good\",status=\"200\"} 111\n"));
    assert_non_null(strstr(page, "\nstatim_edge_connections_ended_total{reason=\"idle\"} 5\n"));
    assert_non_null(strstr(page, "\nstatim_edge_snapshot_statements 4711\n"));
}

static void answer(enum outcome outcome, uint64_t count)
{
    shared->workers[1][0].values[serve_counter_outcome(outcome)] += count;
    shared->workers[1][0].values[SERVE_REQUESTS] += count;
}

static void stale_answers_by_window(void **state)
{
    (void)state;
    struct stale_watch watch = {0};
    answer(OUTCOME_GOOD, 5000);
    stale_watch_step(&watch, shared, 1);
    assert_int_equal(shared->stale_permille, 0);
    answer(OUTCOME_STALE, 15);
    answer(OUTCOME_FUTURE, 5);
    answer(OUTCOME_GOOD, 980);
    stale_watch_step(&watch, shared, STALE_WINDOW_NS);
    assert_int_equal(shared->stale_permille, 0); /* the window is not over */
    stale_watch_step(&watch, shared, STALE_WINDOW_NS + 1);
    assert_int_equal(shared->stale_permille, 20);
    assert_int_equal(write_page("/healthz"), 503);
    answer(OUTCOME_GOOD, 99999);
    answer(OUTCOME_STALE, 1);
    stale_watch_step(&watch, shared, 2 * STALE_WINDOW_NS + 1);
    assert_int_equal(shared->stale_permille, 1); /* not nothing */
    stale_watch_step(&watch, shared, 3 * STALE_WINDOW_NS + 1);
    assert_int_equal(shared->stale_permille, 0); /* nobody asked */
}

/* The value of a series; NULL: not there. */
static const char *value_of(const char *series)
{
    size_t size = strlen(series);
    for (const char *line = page; line != NULL; line = strchr(line, '\n')) {
        line += line != page;
        if (strncmp(line, series, size) == 0 && line[size] == ' ')
            return line + size + 1;
    }
    return NULL;
}

static void news_have_an_age(void **state)
{
    (void)state;
    assert_int_equal(write_page("/metrics"), 200);
    assert_int_equal(strtoull(value_of("statim_edge_news_age_seconds"), NULL, 10), 100);
    shared->sync[SYNC_HEAD_TIME] = NOW_S + 7;
    write_page("/metrics");
    assert_int_equal(strtoull(value_of("statim_edge_news_age_seconds"), NULL, 10), 0);
    shared->sync[SYNC_HEAD_TIME] = 0;
    write_page("/metrics");
    assert_null(value_of("statim_edge_news_age_seconds"));
}

static uint64_t number_of(const char *series)
{
    const char *text = value_of(series);
    assert_non_null(text);
    return strtoull(text, NULL, 10);
}

/* This thread as worker 1 of the serving process: what it does shows, what it does not does not. */
static void worker_times(void **state)
{
    (void)state;
    write_page("/metrics");
    assert_int_equal(number_of("statim_edge_serve_process_id"), 0);
    assert_null(value_of("statim_edge_worker_run_nanoseconds_total{worker=\"1\"}"));
    worker_time_announce(shared, 1, 1);
    write_page("/metrics");
    if (access("/proc/thread-self/schedstat", R_OK) != 0) {
        print_message("this kernel does not show the time of threads\n");
        skip();
    }
    assert_null(value_of("statim_edge_worker_run_nanoseconds_total{worker=\"0\"}"));
    assert_int_equal(number_of("statim_edge_serve_process_id"), (uint64_t)getpid());
    uint64_t run = number_of("statim_edge_worker_run_nanoseconds_total{worker=\"1\"}");
    uint64_t wait = number_of("statim_edge_worker_wait_nanoseconds_total{worker=\"1\"}");
    uint64_t clock = number_of("statim_edge_worker_clock_nanoseconds");
    uint64_t busy = 0, passed = 0;
    while (busy < 50 * 1000 * 1000) { /* ends: this loop is busy itself */
        write_page("/metrics");
        busy = number_of("statim_edge_worker_run_nanoseconds_total{worker=\"1\"}") - run +
               number_of("statim_edge_worker_wait_nanoseconds_total{worker=\"1\"}") - wait;
        passed = number_of("statim_edge_worker_clock_nanoseconds") - clock;
    }
    assert_true(busy * 10 > passed * 8 && busy < passed * 12 / 10);
    shared->serve_parity = 0; /* the other half has no workers */
    write_page("/metrics");
    assert_null(value_of("statim_edge_worker_run_nanoseconds_total{worker=\"1\"}"));
    shared->serve_parity = 1;
    worker_time_forget(shared, 1);
    write_page("/metrics");
    assert_null(value_of("statim_edge_worker_run_nanoseconds_total{worker=\"1\"}"));
}

/* A thread of that number is there, but it is another process's. */
static void no_other_thread(void **state)
{
    (void)state;
    worker_time_announce(shared, 1, 0);
    shared->serve_process[1] = 1;
    struct worker_time time;
    assert_int_equal(worker_time_read(shared, 1, 0, &time), ERR_NOT_FOUND);
}

static void status_page(void **state)
{
    (void)state;
    shared->workers[0][0].values[serve_counter_outcome(OUTCOME_GOOD)] = 31337;
    assert_int_equal(write_page("/"), 200);
    assert_non_null(strstr(page, "<pre>healthy</pre>"));
    assert_non_null(strstr(page, "<th>known and good</th><td>31337</td>"));
    assert_non_null(strstr(page, "<td>4711</td>"));
    assert_non_null(strstr(page, "2027-01-15T07:58:20Z"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(healthy),
        TEST(each_sickness),
        TEST(all_at_once),
        TEST(metrics_parse),
        TEST(metrics_heads),
        TEST(both_halves_are_summed),
        TEST(stale_answers_by_window),
        TEST(news_have_an_age),
        TEST(worker_times),
        TEST(no_other_thread),
        TEST(status_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
