/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/issuer_counters.h"

#include <inttypes.h>

#include "lib/check.h"
#include "lib/facts.h"

#define PREFIX "statim_issuer"

static const struct metric_row rows[ISSUER_COUNTER_COUNT] = {
#define X(name, kind, help) {#name, METRIC_##kind, help},
    ISSUER_COUNTER_TABLE(X)
#undef X
};

static const struct metric_row revoked_row = {"revoked", METRIC_COUNTER,
                                              "certificates revoked, by CRLReason"};
static const struct metric_row refused_row = {
    "refused", METRIC_COUNTER, "orders and revocations refused, by the problem's type"};

static const uint64_t bounds_us[] = {100,     250,     500,     1000,     2500,    5000,
                                     10000,   25000,   50000,   100000,   250000,  500000,
                                     1000000, 2500000, 5000000, 10000000, 60000000};
#define BOUND_COUNT (sizeof bounds_us / sizeof bounds_us[0])
_Static_assert(BOUND_COUNT <= TIME_HISTOGRAM_BOUNDS_MAX, "the histogram has a place for each");
static const struct time_histogram_bounds bounds = {bounds_us, BOUND_COUNT};

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

void issuer_count(struct issuer_metrics *m, enum issuer_counter counter, uint64_t n)
{
    CHECK(counter < ISSUER_COUNTER_COUNT);
    add(&m->counters[counter], n);
}

void issuer_count_refused(struct issuer_metrics *m, enum problem_type problem)
{
    CHECK(problem < PROBLEM_COUNT);
    add(&m->refused[problem], 1);
}

void issuer_count_revoked(struct issuer_metrics *m, unsigned reason)
{
    add(&m->revoked[reason < ISSUER_REVOCATION_REASONS ? reason : 0], 1);
}

void issuer_time(struct issuer_metrics *m, unsigned timed, uint64_t duration_ns)
{
    CHECK(timed < ISSUER_TIMED_COUNT);
    time_histogram_add(&m->timed[timed], bounds, duration_ns / 1000);
}

void issuer_time_since(struct issuer_metrics *m, unsigned timed, uint64_t *from_ns, uint64_t now_ns)
{
    issuer_time(m, timed, now_ns > *from_ns ? now_ns - *from_ns : 0);
    *from_ns = now_ns;
}

static const char *timed_word(unsigned timed)
{
    if (timed == ISSUER_TIMED_QUEUE)
        return "queue";
    return timed == ISSUER_TIMED_TOTAL ? "total" : issue_stage_word((enum issue_stage)timed);
}

static void write_times(const struct issuer_metrics *m, struct text_writer *w)
{
    char labels[64];
    time_histogram_write_head(w, PREFIX, "stage_seconds", "time that a stage of an issuance takes");
    for (unsigned i = 0; i < ISSUER_TIMED_COUNT; i++) {
        struct text_writer label;
        text_writer_start(&label, labels, sizeof labels);
        text_writer_format(&label, "stage=\"%s\"", timed_word(i));
        time_histogram_write(w, PREFIX, "stage_seconds", labels, bounds, &m->timed[i]);
    }
}

/* Only reasons of the RFC's table: 7 is not used. */
static void write_revoked(const struct issuer_metrics *m, struct text_writer *w)
{
    metrics_write_head(w, PREFIX, &revoked_row);
    for (uint8_t i = 0; i < ISSUER_REVOCATION_REASONS; i++)
        if (reason_valid(i))
            text_writer_format(w, PREFIX "_revoked_total{reason=\"%s\"} %" PRIu64 "\n",
                               reason_text(i), counter_get(&m->revoked[i]));
}

static void write_refused(const struct issuer_metrics *m, struct text_writer *w)
{
    metrics_write_head(w, PREFIX, &refused_row);
    for (unsigned i = 0; i < PROBLEM_COUNT; i++)
        text_writer_format(w, PREFIX "_refused_total{problem=\"%s\"} %" PRIu64 "\n",
                           problem_word((enum problem_type)i), counter_get(&m->refused[i]));
}

void issuer_metrics_write(const struct issuer_metrics *m, struct text_writer *w)
{
    for (unsigned i = 0; i < ISSUER_COUNTER_COUNT; i++)
        metrics_write_row(w, PREFIX, &rows[i], counter_get(&m->counters[i]));
    write_revoked(m, w);
    write_refused(m, w);
    write_times(m, w);
}
