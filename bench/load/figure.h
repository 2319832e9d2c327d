/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people, and texts for pages. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define FIGURE_MAX 32

/** Three digits and a unit: "847 ns", "12.3 us", "1.23 ms", "10.0 s". */
void figure_duration(double ns, char ret[static FIGURE_MAX]);
/** Whole, in groups of three: "1,234,567". */
void figure_count(double value, char ret[static FIGURE_MAX]);
/** Three digits and a letter, for axes: "950", "12.5k", "3M". */
void figure_short(double value, char ret[static FIGURE_MAX]);
/** "12.3 MB" */
void figure_bytes(double bytes, char ret[static FIGURE_MAX]);

/** How many octets a well-formed UTF-8 character has at text; 0: it is none. Not beyond a NUL. */
unsigned utf8_size(const char *text);
/** Copies, with "?" for each octet that belongs to no UTF-8 character or is a control character. */
void utf8_clean(const char *text, char *out, size_t out_size);
/** Text for HTML and SVG, between tags or in an attribute: escaped, and cleaned as above. */
void html_text(const char *text, FILE *out);
