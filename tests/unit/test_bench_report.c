/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of results made by hand: JSON read back, HTML and SVG well-formed and escaped,
 * figures as people read them, files replaced whole. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/live.h"
#include "bench/load/report.h"
#include "tests/unit/scratch.h"
#include "tests/unit/well_formed.h"

#define SECONDS     5
#define STRETCHES   3
#define NASTY_FILE  "a<b>&\"c'\x1b\xff\xc3\xa4"
#define NASTY_CLEAN "a<b>&\"c'??\xc3\xa4"

static struct load_second seconds[SECONDS];
static struct bench_stretch stretches[STRETCHES];
static struct load_options options;

static void fill_stretch(struct bench_stretch *s, double rate)
{
    struct load_result *r = &s->result;
    memset(s, 0, sizeof *s);
    histogram_clear(&r->latency);
    histogram_clear(&r->service);
    histogram_clear(&r->lag);
    for (unsigned i = 1; i <= 2000; i++) {
        histogram_record(&r->latency, 1000u * i);
        histogram_record(&r->service, 900u * i);
        histogram_record(&r->lag, 10u * i);
    }
    r->ends[LOAD_END_GOOD] = 1900;
    r->ends[LOAD_END_REVOKED] = 100;
    r->ends[LOAD_END_WRONG_SERIAL] = 7;
    r->due = 2007;
    r->offered_per_s = rate;
    r->wall_s = 5;
    r->answers_in_time = 1990; /* the last came later */
    r->cpu_s = 0.5;
    r->busy_share = 0.1;
    r->bytes_in = 123456;
    r->seconds = seconds;
    r->second_count = SECONDS;
    for (unsigned i = 0; i < SECONDS; i++)
        seconds[i] = (struct load_second){
            .due = 400, .answered = 390 + i, .errors = i, .p50_ns = 1000, .p99_ns = 50000 * i};
    verdict_of(r, 0.001, &s->verdict);
}

static struct bench_report *make_report(enum load_mode mode)
{
    static struct bench_report report;
    options = (struct load_options){.url = "http://h/" NASTY_FILE,
                                    .issuer_file = NASTY_FILE,
                                    .serials_file = "s",
                                    .mode = mode,
                                    .rate_per_s = 400,
                                    .rate_to_per_s = 1200,
                                    .step_count = STRETCHES,
                                    .p99_times = 10,
                                    .connections = 256,
                                    .threads = 1,
                                    .duration_s = 5,
                                    .json_file = "j"};
    for (unsigned i = 0; i < STRETCHES; i++) {
        fill_stretch(&stretches[i], 400.0 * (i + 1));
        stretches[i].held = i < 2;
    }
    report = (struct bench_report){.options = &options,
                                   .started_s = 1700000000,
                                   .request_count = 12345,
                                   .stretches = stretches,
                                   .stretch_count = mode == LOAD_STEADY ? 1 : STRETCHES};
    knee_start(&options, &report.knee);
    if (mode != LOAD_STEADY) {
        report.knee.state = KNEE_FOUND;
        report.knee.held_per_s = 800;
        report.knee.failed_per_s = 1200;
    }
    report.verdict = stretches[0].verdict;
    return &report;
}

static char *written(report_write *write, const struct bench_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    write(report, out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

static json_t *at(json_t *j, const char *path)
{
    char copy[128];
    char *rest = NULL;
    assert_true(snprintf(copy, sizeof copy, "%s", path) < (int)sizeof copy);
    for (char *name = strtok_r(copy, "/", &rest); name != NULL; name = strtok_r(NULL, "/", &rest)) {
        j = isdigit((unsigned char)name[0]) ? json_array_get(j, strtoul(name, NULL, 10))
                                            : json_object_get(j, name);
        if (j == NULL)
            fail_msg("%s: no %s", path, name);
    }
    return j;
}

static json_t *read_json(const struct bench_report *report)
{
    json_error_t error;
    char *text = written(report_json, report);
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (j == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return j;
}

static void json_says_all(void **state)
{
    (void)state;
    json_t *j = read_json(make_report(LOAD_STEADY));
    static const struct {
        const char *path;
        json_int_t value;
    } integers[] = {
        {"schema", 1},
        {"different_requests", 12345},
        {"options/connections", 256},
        {"stretches/0/due", 2007},
        {"stretches/0/answered", 2000},
        {"stretches/0/errors", 7},
        {"stretches/0/ends/good", 1900},
        {"stretches/0/ends/revoked", 100},
        {"stretches/0/ends/wrong_serial", 7},
        {"stretches/0/ends/unsent", 0},
        {"stretches/0/bytes_in", 123456},
        {"stretches/0/latency_ns/count", 2000},
        {"stretches/0/latency_ns/min", 1000},
        {"stretches/0/latency_ns/max", 2000000},
        {"stretches/0/service_ns/max", 1800000},
        {"stretches/0/lag_ns/max", 20000},
        {"stretches/0/seconds/4/errors", 4},
        {"stretches/0/seconds/4/p99_ns", 200000},
        {"verdict/exit", 1},
    };
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++)
        if (json_integer_value(at(j, integers[i].path)) != integers[i].value)
            fail_msg("%s: %lld", integers[i].path,
                     (long long)json_integer_value(at(j, integers[i].path)));
    assert_string_equal(json_string_value(at(j, "started")), "2023-11-14T22:13:20Z");
    assert_string_equal(json_string_value(at(j, "version")), STATIM_VERSION);
    assert_string_equal(json_string_value(at(j, "options/issuer")), NASTY_CLEAN);
    assert_string_equal(json_string_value(at(j, "verdict/reasons/0/name")), "wrong_answers");
    assert_true(json_is_false(at(j, "verdict/clean")) && json_is_null(at(j, "knee")));
    assert_true(json_real_value(at(j, "stretches/0/answered_per_s")) == 398);
    assert_true(fabs(json_real_value(at(j, "stretches/0/latency_ns/mean")) - 1000500) < 1);
    double p99 = (double)json_integer_value(at(j, "stretches/0/latency_ns/p99"));
    assert_true(p99 >= 1980000 && p99 < 1980000 * 1.001);
    assert_true(json_object_get(at(j, "stretches/0/latency_ns"), "p99.99") != NULL);
    assert_int_equal(json_object_size(at(j, "stretches/0/ends")), LOAD_END_COUNT);
    json_decref(j);
}

static void json_of_modes(void **state)
{
    (void)state;
    struct bench_report *report = make_report(LOAD_STEP);
    json_t *j = read_json(report);
    assert_string_equal(json_string_value(at(j, "knee/state")), "found");
    assert_true(json_real_value(at(j, "knee/held_per_s")) == 800);
    assert_int_equal(json_array_size(at(j, "stretches")), STRETCHES);
    assert_true(json_is_true(at(j, "stretches/1/held")));
    assert_true(json_is_false(at(j, "stretches/2/held")));
    json_decref(j);
    assert_ptr_equal(report_chosen(report), &stretches[1]);
    report->knee.held_per_s = 0;
    stretches[0].held = stretches[1].held = false;
    assert_ptr_equal(report_chosen(report), &stretches[0]);
}

static void json_of_closed_loop(void **state)
{
    (void)state;
    struct bench_report *report = make_report(LOAD_STEADY);
    options.rate_per_s = 0;
    stretches[0].result.offered_per_s = 0;
    stretches[0].result.second_count = 0;
    json_t *j = read_json(report);
    assert_true(json_is_null(at(j, "options/rate_per_s")));
    assert_true(json_is_null(at(j, "stretches/0/rate_per_s")));
    assert_true(json_is_null(at(j, "stretches/0/lag_ns")));
    assert_int_equal(json_array_size(at(j, "stretches/0/seconds")), 0);
    json_decref(j);
}

static void html_is_well_formed(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 6; mode++) {
        struct bench_report *report = make_report((enum load_mode)(mode % 3));
        if (mode >= 3) {
            histogram_clear(&stretches[0].result.latency);
            stretches[0].result.second_count = 0;
            stretches[0].result.wall_s = 0;
        }
        char *text = written(report_html, report);
        check_well_formed(text);
        assert_non_null(strstr(text, "<h1>http://h/a&lt;b&gt;&amp;&quot;c&#39;??\xc3\xa4</h1>"));
        assert_null(strstr(text, "<b>"));
        static const char *const never[] = {"<script", "src=", "href=", "url(",
                                            "@import", "nan",  "inf\"", "-inf"};
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
            if (strstr(text, never[i]) != NULL)
                fail_msg("%s is in the page", never[i]);
        assert_non_null(strstr(text, "NOT CLEAN"));
        assert_true((strstr(text, "the knee is at 800") != NULL) == (mode % 3 != LOAD_STEADY));
        free(text);
    }
}

static void text_says_it(void **state)
{
    (void)state;
    char *text = written(report_text, make_report(LOAD_RAMP));
    static const char *const wanted[] = {
        "OCSP by GET, SHA-1 CertIDs, 12,345 serials, uniform",
        "open loop, ramp from 400 to 1,200 requests/s",
        "the knee is at 800 requests/s; 1200 did not hold",
        "NOT CLEAN: errors",
        "7 of 2007 answers were errors",
        "answer is for another certificate",
        "1.98 ms",
        "p99.99        2.00 ms *",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strstr(text, wanted[i]) == NULL)
            fail_msg("'%s' is not in\n%s", wanted[i], text);
    free(text);
}

/* ---- progress ---- */

static void progress_line(void **state)
{
    (void)state;
    struct bench_report *report = make_report(LOAD_STEADY);
    static const volatile sig_atomic_t no = 0, yes = SIGINT;
    struct live live;
    char line[LIVE_LINE_MAX];
    options.quiet = true;
    live_start(&options, &no, &live);
    assert_false(live.shown);
    live_stretch(&live, 1, 400);
    live_line(&live, &report->stretches[0].result, line);
    assert_string_equal(line, "5 of 5 s  394 answered/s  p50 1.00 us  p99 200 us  7 errors so far");
    assert_true(live_second(&live, &report->stretches[0].result));
    live_start(&options, &yes, &live);
    assert_false(live_second(&live, &report->stretches[0].result));
    options.mode = LOAD_RAMP;
    live_stretch(&live, 3, 12345);
    live_line(&live, &report->stretches[0].result, line);
    assert_int_equal(strncmp(line, "stretch 3, 12,345/s: 5 of", 25), 0);
}

/* ---- files ---- */

static void files(void **state)
{
    (void)state;
    char scratch[SCRATCH_BYTES];
    char path[300], text[16] = "";
    struct bench_report *report = make_report(LOAD_STEADY);
    scratch_make(scratch);
    snprintf(path, sizeof path, "%s/r.json", scratch);
    assert_int_equal(report_place_check(path), ERR_OK);
    assert_int_equal(report_publish(report, report_json, path), ERR_OK);
    assert_int_equal(report_publish(report, report_json, path), ERR_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "{\n");
    assert_int_equal(report_place_check(scratch), ERR_IO);
    snprintf(path, sizeof path, "%s/none/r.json", scratch);
    assert_int_equal(report_place_check(path), ERR_IO);
    assert_int_not_equal(report_publish(report, report_json, path), ERR_OK);
    /* A device is written to, not replaced. */
    assert_int_equal(report_place_check("/dev/null"), ERR_OK);
    assert_int_equal(report_publish(report, report_html, "/dev/null"), ERR_OK);
    assert_int_equal(report_publish(report, report_html, "/dev/full"), ERR_IO);
    file = fopen("/dev/null", "r");
    assert_non_null(file);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    scratch_remove(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_says_all),       cmocka_unit_test(json_of_modes),
        cmocka_unit_test(json_of_closed_loop), cmocka_unit_test(html_is_well_formed),
        cmocka_unit_test(text_says_it),

        cmocka_unit_test(progress_line),       cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
