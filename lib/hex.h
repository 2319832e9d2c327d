/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/** The value of a digit of either case; above 15 for anything else. */
static inline unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

/** Even number of digits of either case, nothing else. ERR_MALFORMED, ERR_NO_SPACE. */
MUST_CHECK enum err hex_decode(struct span text, uint8_t *out, size_t out_size, size_t *ret_size);
/** Lower case, NUL-terminated: out_size at least 2 * data.size + 1. ERR_NO_SPACE. */
MUST_CHECK enum err hex_encode(struct span data, char *out, size_t out_size);
