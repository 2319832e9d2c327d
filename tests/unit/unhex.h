/* SPDX-License-Identifier: Apache-2.0 */
/* Octets in the tables of tests: hexadecimal, blanks between for the reader. */
#pragma once

#include "lib/check.h"
#include "lib/hex.h"

static inline struct span unhex(const char *text, uint8_t *out, size_t out_size)
{
    size_t size = 0, digits = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        unsigned value = hex_digit((uint8_t)*text);
        CHECK(value < 16 && size < out_size);
        if (digits++ % 2 == 0)
            out[size] = (uint8_t)(value << 4);
        else
            out[size++] |= (uint8_t)value;
    }
    CHECK(digits % 2 == 0);
    return span_of(out, size);
}

#define UNHEX(text) unhex((text), (uint8_t[1024]){0}, 1024)
