/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics and /healthz of an issuer that issues, in SQLite, on clocks of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "issuer/issuer_pages.h"
#include "issuer/journal.h"
#include "lib/os/clock.h"
#include "tests/unit/issue_world.h"
#include "tests/unit/metrics_form.h"

#define TEXT_BYTES (256u << 10)
#define DAY_S      UINT64_C(86400)
#define DEADLINE_S 20

static struct issue_world world;
static struct issuer_pages *pages;
static char text[TEXT_BYTES];
static uint64_t wall_ahead_s;
static uint64_t monotonic_ahead_ns;

static uint64_t wall_s(void *context)
{
    (void)context;
    return clock_wall_s() + wall_ahead_s;
}

static uint64_t monotonic_ns(void *context)
{
    (void)context;
    return clock_monotonic_ns() + monotonic_ahead_ns;
}

static int start(void **state)
{
    (void)state;
    wall_ahead_s = 0;
    monotonic_ahead_ns = 0;
    issue_world_make(&world, "");
    assert_int_equal(issue_world_open(&world), ERR_OK);
    world.foundation.issuer.clock = (struct issuer_clock){wall_s, monotonic_ns, NULL};
    assert_int_equal(issuer_pages_open(&world.foundation.issuer, &pages), ERR_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pages = issuer_pages_close(pages);
    issue_world_remove(&world);
    return 0;
}

static unsigned read_page(const char *path)
{
    struct text_writer w;
    text_writer_start(&w, text, sizeof text);
    for (const struct admin_page *page = issuer_admin_pages; page->path != NULL; page++)
        if (strcmp(page->path, path) == 0) {
            unsigned status = page->write(pages, &w);
            assert_int_equal(w.err, ERR_OK);
            return status;
        }
    fail_msg("no page %s", path);
    return 0;
}

static void read_metrics(void)
{
    assert_int_equal(read_page("/metrics"), 200);
    metrics_form_check(text);
}

static void expect_line(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("not there: %s", line);
}

/* The number behind a sample's name and labels. */
static double value_of(const char *sample)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s ", sample);
    const char *at = strstr(text, whole);
    if (at == NULL)
        fail_msg("not there: %s", sample);
    return strtod(at + strlen(whole), NULL);
}

static struct issue_result issue_one(void)
{
    struct issue_result result = {0};
    struct problem why;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct buffer csr = issue_world_csr(key, WORLD_DOMAIN);
    issue_world_validate(&world, WORLD_DOMAIN);
    assert_int_equal(issue_world_ask(&world, span_of(csr.data, csr.size), "order-1", &result, &why),
                     ERR_OK);
    buffer_done(&csr);
    EVP_PKEY_free(key);
    return result;
}

static void nothing_yet(void **state)
{
    (void)state;
    char line[256];
    const char *ca = world.foundation.authorities->authorities[0].id_text;
    read_metrics();
    expect_line("statim_issuer_certificates_issued_total 0");
    expect_line("statim_issuer_registry_up 1");
    expect_line("statim_issuer_audit_failed 0");
    expect_line("statim_issuer_certificates_expiring{days=\"30\"} 0");
    snprintf(line, sizeof line, "statim_issuer_feed_lag_events{ca=\"%s\"} 0", ca);
    expect_line(line);
    snprintf(line, sizeof line, "tls_cert_days_remaining{which=\"ca\",ca=\"%s\"}", ca);
    double days = value_of(line);
    assert_true(days > 2999.9 && days <= 3000);
    assert_null(strstr(text, "which=\"listener\"")); /* none runs */
    assert_null(strstr(text, "which=\"issued\""));
    assert_int_equal(read_page("/healthz"), 200);
    assert_string_equal(text, "ok\n");
}

static void one_issued(void **state)
{
    (void)state;
    char line[256];
    char serial[SERIAL_HEX_MAX];
    const struct authority *authority = &world.foundation.authorities->authorities[0];
    read_metrics(); /* what it says now about expiry is kept for a minute */
    struct issue_result result = issue_one();
    serial_to_hex(&result.serial, serial);
    wall_ahead_s = 100;
    read_metrics();
    expect_line("statim_issuer_certificates_issued_total 1");
    expect_line("statim_issuer_stage_seconds_count{stage=\"sign\"} 1");
    snprintf(line, sizeof line, "statim_issuer_feed_lag_events{ca=\"%s\"} 1", authority->id_text);
    expect_line(line);
    snprintf(line, sizeof line, "statim_issuer_feed_lag_seconds{ca=\"%s\"}", authority->id_text);
    assert_true(value_of(line) >= 99 && value_of(line) <= 110);

    authority_published_note(authority, result.seq);
    wall_ahead_s = result.not_after_s - 5 * DAY_S - clock_wall_s();
    read_metrics();
    expect_line("statim_issuer_certificates_expiring{days=\"7\"} 0"); /* kept */
    monotonic_ahead_ns = UINT64_C(61000000000);
    read_metrics();
    snprintf(line, sizeof line, "statim_issuer_feed_lag_events{ca=\"%s\"} 0", authority->id_text);
    expect_line(line);
    expect_line("statim_issuer_certificates_expiring{days=\"1\"} 0");
    expect_line("statim_issuer_certificates_expiring{days=\"7\"} 1");
    expect_line("statim_issuer_certificates_expiring{days=\"30\"} 1");
    snprintf(line, sizeof line, "tls_cert_days_remaining{which=\"issued\",ca=\"%s\",serial=\"%s\"}",
             authority->id_text, serial);
    assert_true(value_of(line) > 4.99 && value_of(line) <= 5);
    issue_result_done(&result);
}

static void run_raw(const char *statement)
{
    char path[WORLD_PATH + 16];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/registry.db", world.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* What expires cannot be counted: that is told of in the log, and the last numbers stay. */
static void a_report_that_fails_is_no_trouble(void **state)
{
    (void)state;
    read_metrics();
    run_raw("ALTER TABLE certificate RENAME TO elsewhere");
    monotonic_ahead_ns = UINT64_C(61000000000);
    read_metrics();
    expect_line("statim_issuer_registry_up 1");
    expect_line("statim_issuer_certificates_expiring{days=\"30\"} 0");
    assert_int_equal(read_page("/healthz"), 200);
    run_raw("ALTER TABLE elsewhere RENAME TO certificate");
}

/* The audit log cannot be written; then it can. */
static void health_of_the_audit_log(void **state)
{
    (void)state;
    char tiles[WORLD_PATH + 16];
    char away[WORLD_PATH + 16];
    uint64_t leaf;
    struct journal *journal = world.foundation.issuer.journal;
    snprintf(tiles, sizeof tiles, "%s/audit/tile", world.folder);
    snprintf(away, sizeof away, "%s/audit/away", world.folder);
    assert_int_equal(rename(tiles, away), 0);
    assert_int_equal(file_publish(tiles, span_text("no folder"), 0644), ERR_OK);
    assert_int_not_equal(journal_append(journal, span_text("{}"), &leaf), ERR_OK);
    assert_int_equal(read_page("/healthz"), 503);
    assert_non_null(strstr(text, "the audit log cannot be written: "));
    read_metrics();
    expect_line("statim_issuer_audit_failed 1");
    expect_line("statim_issuer_audit_refused_total 1");
    assert_int_equal(unlink(tiles), 0);
    assert_int_equal(rename(away, tiles), 0);
    uint64_t until_s = clock_wall_s() + DEADLINE_S;
    while (read_page("/healthz") != 200)
        assert_true(clock_wall_s() < until_s);
}

static void health_of_certificates(void **state)
{
    (void)state;
    wall_ahead_s = 3001 * DAY_S;
    assert_int_equal(read_page("/healthz"), 503);
    assert_non_null(strstr(text, "a certificate is over: which=\"ca\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {TEST(nothing_yet), TEST(one_issued),
                                       TEST(a_report_that_fails_is_no_trouble),
                                       TEST(health_of_the_audit_log), TEST(health_of_certificates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
