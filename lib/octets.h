/* SPDX-License-Identifier: Apache-2.0 */
/* Eight octets at a time: the questions the HTTP codec asks of every octet. */
#pragma once

#include "lib/span.h"

#define OCTETS_EACH(octet) (0x0101010101010101u * (octet))

/* Sets the top bit of some octet exactly when one is below `limit` (at most 0x80) or is DEL. */
static inline uint64_t octets_below_or_del(uint64_t x, uint8_t limit)
{
    uint64_t del = x ^ OCTETS_EACH(0x7Fu);
    uint64_t below = (x - OCTETS_EACH((uint64_t)limit)) & ~x;
    return (below | ((del - OCTETS_EACH(1u)) & ~del)) & OCTETS_EACH(0x80u);
}

static inline uint64_t octets_load(const uint8_t *data)
{
    uint64_t x;
    memcpy(&x, data, sizeof x);
    return x;
}

/* The last, short word, filled up with letters, which no question is about. */
static inline uint64_t octets_load_tail(const uint8_t *data, size_t size)
{
    uint64_t x = OCTETS_EACH(0x41u);
    memcpy(&x, data, size);
    return x;
}

/** Whether any octet is a control character (below 0x20, tab included, or 0x7F). */
static inline bool octets_have_control(struct span s)
{
    uint64_t found = 0;
    size_t i = 0;
    for (; i + 8 <= s.size; i += 8)
        found |= octets_below_or_del(octets_load(s.data + i), 0x20);
    if (i < s.size)
        found |= octets_below_or_del(octets_load_tail(s.data + i, s.size - i), 0x20);
    return found != 0;
}

/** Whether every octet is visible ASCII (0x21 to 0x7E). */
static inline bool octets_all_visible(struct span s)
{
    uint64_t found = 0;
    size_t i = 0;
    for (; i + 8 <= s.size; i += 8) {
        uint64_t x = octets_load(s.data + i);
        found |= octets_below_or_del(x, 0x21) | (x & OCTETS_EACH(0x80u));
    }
    if (i < s.size) {
        uint64_t x = octets_load_tail(s.data + i, s.size - i);
        found |= octets_below_or_del(x, 0x21) | (x & OCTETS_EACH(0x80u));
    }
    return found == 0;
}
