/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/figure.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void three_digits(double value, const char *unit, char ret[static FIGURE_MAX])
{
    int places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    (void)snprintf(ret, FIGURE_MAX, "%.*f%s", places, value, unit);
}

void figure_duration(double ns, char ret[static FIGURE_MAX])
{
    if (ns < 999.5)
        (void)snprintf(ret, FIGURE_MAX, "%.0f ns", ns);
    else if (ns < 999.5e3)
        three_digits(ns / 1e3, " us", ret);
    else if (ns < 999.5e6)
        three_digits(ns / 1e6, " ms", ret);
    else
        three_digits(ns / 1e9, " s", ret);
}

void figure_count(double value, char ret[static FIGURE_MAX])
{
    char digits[FIGURE_MAX];
    int size = snprintf(digits, sizeof digits, "%.0f", fmin(fabs(value), 1e18));
    char *to = ret;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
}

void figure_short(double value, char ret[static FIGURE_MAX])
{
    static const char letters[] = " kMG";
    unsigned thousands = 0;
    while (value >= 999.5 && thousands < sizeof letters - 2) {
        value /= 1000;
        thousands++;
    }
    (void)snprintf(ret, FIGURE_MAX, "%.3g%.*s", value, thousands > 0, letters + thousands);
}

void figure_bytes(double bytes, char ret[static FIGURE_MAX])
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
    unsigned unit = 0;
    while (bytes >= 999.5 && unit < sizeof units / sizeof units[0] - 1) {
        bytes /= 1000;
        unit++;
    }
    three_digits(bytes, units[unit], ret);
}

/* RFC 3629 section 4: the shortest form only, no surrogates, up to U+10FFFF. */
unsigned utf8_size(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    unsigned size = c[0] < 0x80   ? 1
                    : c[0] < 0xc2 ? 0
                    : c[0] < 0xe0 ? 2
                    : c[0] < 0xf0 ? 3
                    : c[0] < 0xf5 ? 4
                                  : 0;
    for (unsigned i = 1; i < size; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return size;
}

static unsigned shown_size(const char *text)
{
    unsigned size = utf8_size(text);
    unsigned char c = (unsigned char)text[0];
    /* C0, DEL and C1 (U+0080..U+009F). */
    bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
    return control ? 0 : size;
}

void utf8_clean(const char *text, char *out, size_t out_size)
{
    size_t at = 0;
    while (*text != '\0' && at + 1 < out_size) {
        unsigned size = shown_size(text);
        if (at + size + 1 > out_size)
            break;
        if (size == 0)
            out[at++] = '?';
        memcpy(out + at, text, size);
        at += size;
        text += size > 0 ? size : 1;
    }
    out[at] = '\0';
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(const char *text, FILE *out)
{
    while (*text != '\0') {
        unsigned size = shown_size(text);
        const char *name = entity(*text);
        if (name != NULL)
            fputs(name, out);
        else if (size == 0)
            fputc('?', out);
        else
            fwrite(text, 1, size, out);
        text += size > 0 ? size : 1;
    }
}
