/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer's metrics as text: what was counted is what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>

#include "issuer/audit_metrics.h"
#include "issuer/expiring.h"
#include "issuer/feed_lag.h"
#include "issuer/issuer_counters.h"
#include "tests/unit/metrics_form.h"

#define TEXT_BYTES (256u << 10)

static char text[TEXT_BYTES];
static struct text_writer writer;

static int start(void **state)
{
    (void)state;
    text_writer_start(&writer, text, sizeof text);
    return 0;
}

static void expect_line(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("not there: %s", line);
}

static void counts_and_times(void **state)
{
    (void)state;
    static struct issuer_metrics m;
    uint64_t clock_ns = 1000000;
    issuer_count(&m, ISSUER_certificates_issued, 2);
    issuer_count(&m, ISSUER_certificates_issued, 1);
    issuer_count_refused(&m, PROBLEM_LINT);
    issuer_count_revoked(&m, 1);
    issuer_count_revoked(&m, 200);
    issuer_time_since(&m, ISSUE_STAGE_SIGN, &clock_ns, 1100000); /* 100 us: of the first bucket */
    assert_int_equal(clock_ns, 1100000);
    issuer_time_since(&m, ISSUE_STAGE_SIGN, &clock_ns, 900000); /* a clock never does */
    issuer_time(&m, ISSUE_STAGE_SIGN, 101000);
    issuer_time(&m, ISSUER_TIMED_TOTAL, UINT64_C(61000000000));
    issuer_metrics_write(&m, &writer);
    assert_int_equal(writer.err, ERR_OK);
    metrics_form_check(text);
    expect_line("statim_issuer_certificates_issued_total 3");
    expect_line("statim_issuer_refused_total{problem=\"lint\"} 1");
    expect_line("statim_issuer_refused_total{problem=\"bad-csr\"} 0");
    expect_line("statim_issuer_revoked_total{reason=\"keyCompromise\"} 1");
    expect_line("statim_issuer_revoked_total{reason=\"unspecified\"} 1");
    expect_line("statim_issuer_stage_seconds_bucket{stage=\"sign\",le=\"0.0001\"} 2");
    expect_line("statim_issuer_stage_seconds_bucket{stage=\"sign\",le=\"0.00025\"} 3");
    expect_line("statim_issuer_stage_seconds_count{stage=\"sign\"} 3");
    expect_line("statim_issuer_stage_seconds_sum{stage=\"sign\"} 0.000201");
    expect_line("statim_issuer_stage_seconds_bucket{stage=\"total\",le=\"60\"} 0");
    expect_line("statim_issuer_stage_seconds_bucket{stage=\"total\",le=\"+Inf\"} 1");
    expect_line("statim_issuer_stage_seconds_count{stage=\"queue\"} 0");
}

static void audit_log_of_a_moment(void **state)
{
    (void)state;
    const struct journal_status status = {.err = ERR_DISK_FULL,
                                          .size = 110,
                                          .signed_size = 100,
                                          .unsigned_ns = 1250000000,
                                          .waiting = 3,
                                          .commits = 50,
                                          .checkpoints = 7,
                                          .failures = 1,
                                          .refused = 4};
    audit_metrics_write(&status, &writer);
    metrics_form_check(text);
    expect_line("statim_issuer_audit_failed 1");
    expect_line("statim_issuer_audit_entries 110");
    expect_line("statim_issuer_audit_lag_entries 10");
    expect_line("statim_issuer_audit_lag_seconds 1.250");
    expect_line("statim_issuer_audit_waiting 3");
    expect_line("statim_issuer_audit_commits_total 50");
    expect_line("statim_issuer_audit_refused_total 4");
}

static void feeds_behind_and_not(void **state)
{
    (void)state;
    static struct authority_set set = {
        .count = 2,
        .authorities = {{.id_text = "00000000000000aa"}, {.id_text = "00000000000000bb"}}};
    const struct feed_lag lags[] = {
        {.last_seq = 9, .published_seq = 7, .waiting_since_s = 100},
        {.last_seq = 9, .published_seq = 9},
    };
    feed_lags_write(&set, lags, 130, &writer);
    metrics_form_check(text);
    expect_line("statim_issuer_feed_lag_events{ca=\"00000000000000aa\"} 2");
    expect_line("statim_issuer_feed_lag_seconds{ca=\"00000000000000aa\"} 30");
    expect_line("statim_issuer_feed_lag_events{ca=\"00000000000000bb\"} 0");
    expect_line("statim_issuer_feed_lag_seconds{ca=\"00000000000000bb\"} 0");
    expect_line("statim_issuer_feed_published_seq{ca=\"00000000000000bb\"} 9");
}

static void days_that_remain(void **state)
{
    (void)state;
    const uint64_t now_s = 2000000000;
    struct expiring e = {
        .windows = {{1, 2}, {30, 40}},
        .soonest = {{0xab, {2, {0x12, 0x34}}, now_s + 43200}, {0xab, {1, {0x05}}, now_s}},
        .soonest_count = 2,
    };
    expiring_write_counts(&e, &writer);
    days_remaining_write_head(&writer);
    days_remaining_write(&writer, "which=\"listener\",name=\"public\"", now_s - 86400, now_s);
    expiring_write_soonest(&e, now_s, &writer);
    metrics_form_check(text);
    expect_line("statim_issuer_certificates_expiring{days=\"1\"} 2");
    expect_line("statim_issuer_certificates_expiring{days=\"30\"} 40");
    expect_line("tls_cert_days_remaining{which=\"listener\",name=\"public\"} -1.000");
    expect_line("tls_cert_days_remaining{which=\"issued\",ca=\"00000000000000ab\",serial=\"1234\"} "
                "0.500");
    expect_line("tls_cert_days_remaining{which=\"issued\",ca=\"00000000000000ab\",serial=\"05\"} "
                "0.000");
}

/* Several threads, and nothing is lost. */
#define EACH 10000u

static void *count_many(void *context)
{
    struct issuer_metrics *m = context;
    for (unsigned i = 0; i < EACH; i++) {
        issuer_count(m, ISSUER_orders_repeated, 1);
        issuer_time(m, ISSUE_STAGE_LINT, 1000);
    }
    return NULL;
}

static void many_count(void **state)
{
    (void)state;
    static struct issuer_metrics m;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &m), 0);
    issuer_metrics_write(&m, &writer); /* meanwhile */
    metrics_form_check(text);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    text_writer_start(&writer, text, sizeof text);
    issuer_metrics_write(&m, &writer);
    expect_line("statim_issuer_orders_repeated_total 40000");
    expect_line("statim_issuer_stage_seconds_sum{stage=\"lint\"} 0.040000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, start)
    const struct CMUnitTest tests[] = {TEST(counts_and_times), TEST(audit_log_of_a_moment),
                                       TEST(feeds_behind_and_not), TEST(days_that_remain),
                                       TEST(many_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
