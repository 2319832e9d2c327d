/* SPDX-License-Identifier: Apache-2.0 */
/* What statim-bench tells: the same figures as text, JSON and a page. */
#pragma once

#include "bench/load/figure.h"
#include "bench/load/modes.h"

struct bench_stretch {
    struct load_result result;
    struct verdict verdict;
    bool held; /* STEP and RAMP */
};

struct bench_report {
    const struct load_options *options;
    uint64_t started_s;     /* wall clock */
    uint64_t request_count; /* different ones */
    const struct bench_stretch *stretches;
    uint32_t stretch_count; /* at least 1 */
    struct knee knee;
    struct verdict verdict;
    bool stopped; /* by a signal */
};

/* key in JSON and name in tables, quantile */
#define QUANTILE_TABLE(X) \
    X("p50", 0.5)         \
    X("p90", 0.9)         \
    X("p99", 0.99)        \
    X("p99.9", 0.999)     \
    X("p99.99", 0.9999)

/** For people. */
void report_text(const struct bench_report *report, FILE *out);
/** docs/bench.md has the schema. */
void report_json(const struct bench_report *report, FILE *out);
/** One page without scripts that loads nothing. */
void report_html(const struct bench_report *report, FILE *out);

typedef void report_write(const struct bench_report *report, FILE *out);
/** Writes a report so that the path has the old content or the whole new one. What is not a regular
 *  file (a pipe, a terminal) is written to as it is. Says what is wrong on standard error. ERR_IO,
 *  ERR_DISK_FULL, ERR_MEMORY. */
MUST_CHECK enum err report_publish(const struct bench_report *report, report_write *write,
                                   const char *path);
/** Whether there is a folder for it that can be written to: asked before the load. */
MUST_CHECK enum err report_place_check(const char *path);

/** The stretch that the figures are about: at the knee; when no rate held, the first. */
const struct bench_stretch *report_chosen(const struct bench_report *report);

/* Lines that text and page have in common. */
#define REPORT_LINE_MAX 400
void report_line_requests(const struct bench_report *report, char ret[static REPORT_LINE_MAX]);
void report_line_load(const struct bench_report *report, char ret[static REPORT_LINE_MAX]);
/** "clean", or "NOT CLEAN" and whose doing it is. */
const char *report_line_verdict(const struct verdict *verdict);

/** Answers a second, of those that came within the measured time. */
static inline double report_rate(const struct load_result *r)
{
    return r->wall_s > 0 ? (double)r->answers_in_time / r->wall_s : 0;
}
static inline double report_mean_ns(const struct histogram *h)
{
    return h->count > 0 ? (double)h->sum_ns / (double)h->count : 0;
}
/** Processor time of the generator per request. */
static inline double report_cpu_us(const struct load_result *r)
{
    return r->due > 0 ? r->cpu_s * 1e6 / (double)r->due : 0;
}
/** A duration of a histogram as text: "-" when it is empty, with "*" when too few values lie beyond
 *  the quantile for it to stand. */
#define REPORT_FIGURE_MAX (FIGURE_MAX + 4)
void report_figure(const struct histogram *h, double ns, bool stands,
                   char ret[static REPORT_FIGURE_MAX]);
/** Whether at least ten values lie beyond the quantile. */
static inline bool report_quantile_stands(const struct histogram *h, double quantile)
{
    return (double)h->count * (1 - quantile) >= 9.999;
}
