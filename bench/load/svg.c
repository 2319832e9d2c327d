/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/svg.h"

#include <math.h>

/* In units of the viewBox. */
#define WIDTH         760.0
#define HEIGHT        300.0
#define LEFT          74.0
#define RIGHT         34.0
#define TOP           34.0
#define BOTTOM        44.0
#define LEGEND_X_STEP 150.0
#define TICKS_WANTED  6
#define DECADES_MAX   12

/* An axis with its range, and where it lies. */
struct ruler {
    const struct svg_axis *axis;
    double from, to; /* logarithms on a log axis */
    double begin, end;
};

static bool can_show(const struct svg_axis *axis, double value)
{
    return isfinite(value) && (axis->scale == SVG_LINEAR || value > 0);
}

static double inner(const struct svg_axis *axis, double value)
{
    return axis->scale == SVG_LOG ? log10(value) : value;
}

static double place(const struct ruler *r, double value)
{
    return r->begin + (inner(r->axis, value) - r->from) / (r->to - r->from) * (r->end - r->begin);
}

static bool shown(const struct svg_chart *chart, const struct svg_point *p)
{
    return can_show(&chart->x, p->x) && can_show(&chart->y, p->y);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS_WANTED fit. */
static double tick_step(double range)
{
    double raw = range / TICKS_WANTED;
    double power = pow(10, floor(log10(raw)));
    double times = raw / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void widen(struct ruler *r, bool from_zero)
{
    if (r->axis->scale == SVG_LOG) {
        r->from = floor(r->from);
        r->to = ceil(r->to);
        if (r->to - r->from < 1)
            r->to = r->from + 1;
        if (r->to - r->from > DECADES_MAX)
            r->from = r->to - DECADES_MAX;
        return;
    }
    if (from_zero && r->from > 0)
        r->from = 0;
    if (!(r->to > r->from))
        r->to = r->from + 1;
    if (from_zero) {
        double step = tick_step(r->to - r->from);
        r->to = ceil(r->to / step) * step;
    }
}

static void measure(const struct svg_chart *chart, struct ruler *x, struct ruler *y)
{
    bool any = false;
    for (size_t i = 0; i < chart->series_count; i++) {
        for (size_t k = 0; k < chart->series[i].count; k++) {
            const struct svg_point *p = &chart->series[i].points[k];
            if (!shown(chart, p))
                continue;
            double at_x = inner(&chart->x, p->x), at_y = inner(&chart->y, p->y);
            x->from = any ? fmin(x->from, at_x) : at_x;
            x->to = any ? fmax(x->to, at_x) : at_x;
            y->from = any ? fmin(y->from, at_y) : at_y;
            y->to = any ? fmax(y->to, at_y) : at_y;
            any = true;
        }
    }
    widen(x, false);
    widen(y, true);
}

static void put_tick(const struct ruler *r, double value, bool is_x, FILE *out)
{
    char text[FIGURE_MAX];
    double at = place(r, value);
    r->axis->figure(value, text);
    if (is_x)
        fprintf(out,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                at, at, TOP, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16);
    else
        fprintf(out,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                LEFT, WIDTH - RIGHT, at, at, LEFT - 6, at + 4);
    html_text(text, out);
    fputs("</text>", out);
}

/* Whole decades; with only one or two of them, 2 and 5 as well. */
static void put_log_ticks(const struct ruler *r, bool is_x, FILE *out)
{
    static const double times[] = {1, 2, 5};
    unsigned used = r->to - r->from <= 2 ? 3 : 1;
    for (double decade = r->from; decade <= r->to; decade += 1)
        for (unsigned i = 0; i < used && (i == 0 || decade < r->to); i++)
            put_tick(r, times[i] * pow(10, decade), is_x, out);
}

static void put_ticks(const struct ruler *r, bool is_x, FILE *out)
{
    if (r->axis->scale == SVG_LOG) {
        put_log_ticks(r, is_x, out);
        return;
    }
    double step = tick_step(r->to - r->from);
    double first = ceil(r->from / step - 1e-9);
    for (unsigned i = 0; (first + i) * step <= r->to + step * 1e-9; i++)
        put_tick(r, (first + i) * step, is_x, out);
}

static void put_labels(const struct svg_chart *chart, FILE *out)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 8);
    html_text(chart->x.label, out);
    fprintf(out, "</text><text x=\"4\" y=\"%.1f\">", TOP - 16);
    html_text(chart->y.label, out);
    fputs("</text>", out);
    for (size_t i = 0; i < chart->series_count; i++) {
        double at = WIDTH - RIGHT - LEGEND_X_STEP * (double)(chart->series_count - i);
        fprintf(out,
                "<line class=\"s%zu\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\">",
                i, at, at + 26, TOP - 20, TOP - 20, at + 32, TOP - 16);
        html_text(chart->series[i].name, out);
        fputs("</text>", out);
    }
}

static void put_series(const struct svg_chart *chart, size_t number, const struct ruler *x,
                       const struct ruler *y, FILE *out)
{
    const struct svg_series *s = &chart->series[number];
    bool pen_down = false;
    fprintf(out, "<path class=\"s%zu\" d=\"", number);
    for (size_t i = 0; i < s->count; i++) {
        const struct svg_point *p = &s->points[i];
        if (shown(chart, p))
            fprintf(out, "%c%.1f %.1f", pen_down ? 'L' : 'M', place(x, p->x), place(y, p->y));
        pen_down = shown(chart, p);
    }
    fputs("\"/>", out);
    for (size_t i = 0; i < s->count; i++)
        if (s->dots && shown(chart, &s->points[i]))
            fprintf(out, "<circle class=\"s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>", number,
                    place(x, s->points[i].x), place(y, s->points[i].y));
}

void svg_chart(const struct svg_chart *chart, FILE *out)
{
    struct ruler x = {.axis = &chart->x, .begin = LEFT, .end = WIDTH - RIGHT};
    struct ruler y = {.axis = &chart->y, .begin = HEIGHT - BOTTOM, .end = TOP};
    measure(chart, &x, &y);
    fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>", WIDTH, HEIGHT);
    html_text(chart->title, out);
    fputs("</title>", out);
    put_ticks(&x, true, out);
    put_ticks(&y, false, out);
    fprintf(out, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>", LEFT, TOP, HEIGHT - BOTTOM,
            WIDTH - RIGHT);
    put_labels(chart, out);
    for (size_t i = 0; i < chart->series_count; i++)
        put_series(chart, i, &x, &y, out);
    fputs("</svg>\n", out);
}
