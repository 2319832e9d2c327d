/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/charts.h"

#include <math.h>
#include <stdlib.h>

#include "bench/load/svg.h"

#define CURVE_PER_DECADE 40
#define CURVE_POINTS_MAX 400
/* A day has 86,400 seconds, a screen far fewer columns. */
#define COLUMNS_MAX 400u

/* ---- over the share of answers ---- */

/* x is 1 / (1 - quantile): each power of ten is one more 9. */
static void share_figure(double value, char ret[static FIGURE_MAX])
{
    int nines = (int)lround(log10(value));
    double percent = 100 * (1 - 1 / value);
    (void)snprintf(ret, FIGURE_MAX, "%.*f %%", nines > 2 ? nines - 2 : 0, percent);
}

static size_t curve(const struct histogram *h, struct svg_point points[static CURVE_POINTS_MAX])
{
    size_t count = 0;
    if (h->count == 0)
        return 0;
    for (double x = 1; x < (double)h->count && count < CURVE_POINTS_MAX - 1;
         x = pow(10, (double)count / CURVE_PER_DECADE)) {
        uint64_t ns = x > 1 ? histogram_quantile(h, 1 - 1 / x) : h->min_ns;
        points[count++] = (struct svg_point){.x = x, .y = (double)ns};
    }
    points[count++] = (struct svg_point){.x = (double)h->count, .y = (double)h->max_ns};
    return count;
}

void chart_percentiles(const struct load_result *result, FILE *out)
{
    struct svg_point latency[CURVE_POINTS_MAX], service[CURVE_POINTS_MAX];
    struct svg_chart chart = {
        .title = "Latency by share of answers",
        .x = {.label = "share of the answers that were not later",
              .scale = SVG_LOG,
              .figure = share_figure},
        .y = {.label = "latency", .scale = SVG_LOG, .figure = figure_duration},
        .series = {{.name = "latency", .points = latency}, {.name = "service", .points = service}},
        .series_count = result->offered_per_s > 0 ? 2 : 1,
    };
    chart.series[0].count = curve(&result->latency, latency);
    chart.series[1].count = curve(&result->service, service);
    svg_chart(&chart, out);
}

/* ---- over time ---- */

struct columns {
    size_t count;
    struct svg_point lines[3][COLUMNS_MAX];
};

static void put_column(struct columns *c, double second, double a, double b, double d)
{
    c->lines[0][c->count] = (struct svg_point){.x = second, .y = a};
    c->lines[1][c->count] = (struct svg_point){.x = second, .y = b};
    c->lines[2][c->count] = (struct svg_point){.x = second, .y = d};
    c->count++;
}

static uint32_t column_seconds(const struct load_result *r)
{
    return (r->second_count + COLUMNS_MAX - 1) / COLUMNS_MAX;
}

/* Seconds of the column that begins there; the last second of a stretch may be a part of one. */
static double column_length(const struct load_result *r, uint32_t begin, uint32_t width)
{
    uint32_t end = begin + width < r->second_count ? begin + width : r->second_count;
    double length = end - begin;
    if (end == r->second_count && r->wall_s > begin && r->wall_s < end)
        length = r->wall_s - begin;
    return length;
}

/* Means of several seconds. */
static void throughput_columns(const struct load_result *r, struct columns *c)
{
    uint32_t width = column_seconds(r);
    for (uint32_t begin = 0; begin < r->second_count; begin += width) {
        double due = 0, answered = 0, errors = 0, length = column_length(r, begin, width);
        for (uint32_t i = begin; i < begin + width && i < r->second_count; i++) {
            due += (double)r->seconds[i].due;
            answered += (double)r->seconds[i].answered;
            errors += (double)r->seconds[i].errors;
        }
        put_column(c, begin + 1, answered / length, errors / length, due / length);
    }
}

/* The worst of several seconds: a mean of quantiles is none. */
static void latency_columns(const struct load_result *r, struct columns *c)
{
    uint32_t width = column_seconds(r);
    for (uint32_t begin = 0; begin < r->second_count; begin += width) {
        double p50 = 0, p99 = 0;
        for (uint32_t i = begin; i < begin + width && i < r->second_count; i++) {
            p50 = fmax(p50, (double)r->seconds[i].p50_ns);
            p99 = fmax(p99, (double)r->seconds[i].p99_ns);
        }
        put_column(c, begin + 1, p50, p99, 0);
    }
}

static void chart_columns(const struct columns *c, const struct svg_chart *form, FILE *out)
{
    struct svg_chart chart = *form;
    for (size_t i = 0; i < chart.series_count; i++) {
        chart.series[i].points = c->lines[i];
        chart.series[i].count = c->count;
        /* One point is no line. */
        chart.series[i].dots = chart.series[i].dots || c->count < 3;
    }
    svg_chart(&chart, out);
}

void chart_throughput(const struct load_result *result, FILE *out)
{
    struct columns c = {0};
    const struct svg_chart form = {
        .title = "Throughput and errors over time",
        .x = {.label = "seconds", .figure = figure_short},
        .y = {.label = "a second", .figure = figure_short},
        .series = {{.name = "answered"}, {.name = "errors"}, {.name = "due"}},
        .series_count = result->offered_per_s > 0 ? 3 : 2,
    };
    throughput_columns(result, &c);
    chart_columns(&c, &form, out);
}

void chart_latencies(const struct load_result *result, FILE *out)
{
    struct columns c = {0};
    const struct svg_chart form = {
        .title = "Latency over time",
        .x = {.label = "seconds", .figure = figure_short},
        .y = {.label = "latency", .scale = SVG_LOG, .figure = figure_duration},
        .series = {{.name = "p50"}, {.name = "p99"}},
        .series_count = 2,
    };
    latency_columns(result, &c);
    chart_columns(&c, &form, out);
}

/* ---- over the rate ---- */

static int by_x(const void *a, const void *b)
{
    double left = ((const struct svg_point *)a)->x, right = ((const struct svg_point *)b)->x;
    return (left > right) - (left < right);
}

_Static_assert(LOAD_STEPS_MAX <= COLUMNS_MAX, "a column a stretch");

static void sort_columns(struct columns *c)
{
    for (unsigned i = 0; i < 3; i++)
        qsort(c->lines[i], c->count, sizeof c->lines[i][0], by_x);
}

void chart_steps_throughput(const struct bench_report *report, FILE *out)
{
    struct columns c = {0};
    const struct svg_chart form = {
        .title = "Throughput and errors by offered rate",
        .x = {.label = "requests offered a second", .figure = figure_short},
        .y = {.label = "a second", .figure = figure_short},
        .series = {{.name = "answered", .dots = true}, {.name = "errors", .dots = true}},
        .series_count = 2,
    };
    for (uint32_t i = 0; i < report->stretch_count; i++) {
        const struct load_result *r = &report->stretches[i].result;
        double errors = r->wall_s > 0 ? (double)result_errors(r) / r->wall_s : 0;
        put_column(&c, r->offered_per_s, report_rate(r), errors, 0);
    }
    sort_columns(&c);
    chart_columns(&c, &form, out);
}

void chart_steps_latency(const struct bench_report *report, FILE *out)
{
    struct columns c = {0};
    const struct svg_chart form = {
        .title = "Latency by offered rate",
        .x = {.label = "requests offered a second", .figure = figure_short},
        .y = {.label = "latency", .scale = SVG_LOG, .figure = figure_duration},
        .series = {{.name = "p50", .dots = true}, {.name = "p99", .dots = true}},
        .series_count = 2,
    };
    for (uint32_t i = 0; i < report->stretch_count; i++) {
        const struct load_result *r = &report->stretches[i].result;
        put_column(&c, r->offered_per_s, (double)histogram_quantile(&r->latency, 0.5),
                   (double)histogram_quantile(&r->latency, 0.99), 0);
    }
    sort_columns(&c);
    chart_columns(&c, &form, out);
}
