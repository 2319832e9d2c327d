/* SPDX-License-Identifier: Apache-2.0 */
/* Line charts as SVG, for a page that brings the colours as classes: s0, s1, s2 (lines and dots),
 * grid, axis. Pure but for the FILE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/load/figure.h"

#define SVG_SERIES_MAX 3

enum svg_scale { SVG_LINEAR, SVG_LOG };

typedef void svg_figure(double value, char ret[static FIGURE_MAX]);

struct svg_axis {
    const char *label;
    enum svg_scale scale;
    svg_figure *figure; /* writes the ticks */
};

struct svg_point {
    double x;
    double y;
};

struct svg_series {
    const char *name;
    const struct svg_point *points; /* x rising */
    size_t count;
    bool dots; /* marks each point */
};

struct svg_chart {
    const char *title;
    struct svg_axis x;
    struct svg_axis y;
    struct svg_series series[SVG_SERIES_MAX];
    size_t series_count;
};

/** Linear axes begin at 0 (y) or the first x; log axes span whole decades. What a log axis cannot
 *  show (0 and below), and what is no finite number, is a gap in its line. */
void svg_chart(const struct svg_chart *chart, FILE *out);
