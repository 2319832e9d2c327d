/* SPDX-License-Identifier: Apache-2.0 */
/* Whether HTML or SVG that our programs write is well-formed. Include cmocka.h before. */
#pragma once

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "bench/load/figure.h"

#define DEPTH_MAX 32

static inline bool is_void(const char *tag)
{
    return strcmp(tag, "meta") == 0 || strcmp(tag, "!DOCTYPE") == 0;
}

/* One tag, from its "<": its name, whether it closes itself, where it ends. */
static inline const char *read_tag(const char *c, char name[static 32], bool *ret_alone)
{
    size_t size = 0;
    char quote = 0;
    for (c++; *c != '\0' && !isspace((unsigned char)*c) && *c != '>' && size < 31; c++)
        if (*c != '/' || size == 0)
            name[size++] = *c;
    name[size] = '\0';
    for (; *c != '\0' && (quote != 0 || *c != '>'); c++) {
        if (*c == '"')
            quote = quote == 0 ? '"' : 0;
        assert_true(*c != '<');
    }
    assert_true(*c == '>');
    *ret_alone = c[-1] == '/' || is_void(name);
    return c + 1;
}

/* Every tag that opens is closed in order; "&" begins an entity; nothing else is left open. */
static inline void check_well_formed(const char *text)
{
    char open[DEPTH_MAX][32];
    size_t depth = 0;
    for (const char *c = text; *c != '\0';) {
        bool alone = false;
        char name[32];
        if (*c == '&')
            assert_true(strspn(c + 1, "#0123456789abcdefghijklmnopqrstuvwxyz") > 0 &&
                        c[1 + strspn(c + 1, "#0123456789abcdefghijklmnopqrstuvwxyz")] == ';');
        assert_true(utf8_size(c) > 0 && (*c == '\n' || (unsigned char)*c >= 0x20));
        if (*c != '<') {
            c++;
            c += (*c & 0xc0) == 0x80;
            continue;
        }
        c = read_tag(c, name, &alone);
        if (name[0] == '/') {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name + 1);
        } else if (!alone) {
            assert_true(depth < DEPTH_MAX);
            memcpy(open[depth++], name, sizeof name);
        }
    }
    assert_int_equal(depth, 0);
}
