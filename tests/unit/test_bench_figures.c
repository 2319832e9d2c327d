/* SPDX-License-Identifier: Apache-2.0 */
/* Charts of any points, figures as people read them, texts made safe. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/svg.h"
#include "tests/unit/well_formed.h"

/* ---- charts ---- */

static void plain_figure(double value, char ret[static FIGURE_MAX])
{
    snprintf(ret, FIGURE_MAX, "<%g&>", value);
}

static char *drawn(const struct svg_chart *chart)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    svg_chart(chart, out);
    assert_int_equal(fclose(out), 0);
    check_well_formed(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    return text;
}

static void charts_of_odd_points(void **state)
{
    (void)state;
    static const struct svg_point points[] = {
        {0, 0}, {1, 5}, {2, (double)NAN}, {3, 7}, {4, (double)INFINITY}, {5, -3}, {6, 1e9}, {7, 0}};
    static const enum svg_scale scales[] = {SVG_LINEAR, SVG_LOG};
    for (size_t count = 0; count <= sizeof points / sizeof points[0]; count++) {
        for (unsigned i = 0; i < 4; i++) {
            const struct svg_chart chart = {
                .title = "a<b>&\"",
                .x = {.label = "x<", .scale = scales[i & 1], .figure = plain_figure},
                .y = {.label = "y&", .scale = scales[i >> 1], .figure = plain_figure},
                .series = {{.name = "<s>", .points = points, .count = count, .dots = true}},
                .series_count = 1,
            };
            free(drawn(&chart));
        }
    }
}

static void chart_scales(void **state)
{
    (void)state;
    static const struct svg_point points[] = {{1, 100}, {2, 0}, {3, 10000}, {4, 1000}};
    const struct svg_chart chart = {
        .title = "t",
        .x = {.label = "x", .figure = figure_short},
        .y = {.label = "y", .scale = SVG_LOG, .figure = figure_short},
        .series = {{.name = "s", .points = points, .count = 4}},
        .series_count = 1,
    };
    char *text = drawn(&chart);
    /* 0 is a gap; 1000 lies in the middle of 100 to 10000: y from 256 up to 34. */
    assert_non_null(strstr(text, "<path class=\"s0\" d=\"M74.0 256.0M508.7 34.0L726.0 145.0\"/>"));
    free(text);
}

/* ---- figures ---- */

static void figures(void **state)
{
    (void)state;
    static const struct {
        svg_figure *figure;
        double value;
        const char *text;
    } cases[] = {
        {figure_duration, 0, "0 ns"},
        {figure_duration, 999, "999 ns"},
        {figure_duration, 999.6, "1.00 us"},
        {figure_duration, 12345, "12.3 us"},
        {figure_duration, 123456, "123 us"},
        {figure_duration, 999600, "1.00 ms"},
        {figure_duration, 5e9, "5.00 s"},
        {figure_duration, 3.6e12, "3600 s"},
        {figure_count, 0, "0"},
        {figure_count, 999, "999"},
        {figure_count, 1000, "1,000"},
        {figure_count, 1234567, "1,234,567"},
        {figure_count, 999.6, "1,000"},
        {figure_short, 0, "0"},
        {figure_short, 950, "950"},
        {figure_short, 12500, "12.5k"},
        {figure_short, 3e6, "3M"},
        {figure_short, 1e13, "1e+04G"},
        {figure_bytes, 5, "5.00 B"},
        {figure_bytes, 18600000, "18.6 MB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FIGURE_MAX];
        cases[i].figure(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void clean_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xc3", "?"},
        {"\xc0\xaf", "??"},
        {"\xe0\x80\xaf", "???"},
        {"\xed\xa0\x80", "???"},
        {"\xf4\x90\x80\x80", "????"},
        {"\xff\xfe", "??"},
        {"a\x1b[31m\x7f\r\n", "a?[31m???"},
        {"\xc2\x9b", "??"},
        {"\xc2\xa0", "\xc2\xa0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char clean[32];
        utf8_clean(cases[i].text, clean, sizeof clean);
        assert_string_equal(clean, cases[i].clean);
    }
    char small[3];
    utf8_clean("a\xe2\x82\xac", small, sizeof small);
    assert_string_equal(small, "a");
    utf8_clean("abc", small, sizeof small);
    assert_string_equal(small, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(charts_of_odd_points),
        cmocka_unit_test(chart_scales),
        cmocka_unit_test(figures),
        cmocka_unit_test(clean_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
