/* SPDX-License-Identifier: Apache-2.0 */
/* Eight or sixteen octets at a time: the questions the HTTP codec asks of every octet. */
#pragma once

#include "lib/span.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* What the searches below stop at. The functions for one octet are the definition. */
static inline bool octet_is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7F;
}

static inline bool octet_is_not_visible(uint8_t c)
{
    return c <= 0x20 || c >= 0x7F;
}

static inline bool octet_is_colon(uint8_t c)
{
    return c == ':';
}

/* Not one of those that nearly all names and hosts consist of. */
static inline bool octet_is_not_plain(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return !((lower >= 'a' && lower <= 'z') || (c >= '-' && c <= ':' && c != '/'));
}

static inline size_t octets_find_one_by_one(const uint8_t *data, size_t from, size_t size,
                                            bool (*stops)(uint8_t))
{
    while (from < size && !stops(data[from]))
        from++;
    return from;
}

#ifdef __SSE2__

#define OCTETS_WIDE 16

static inline __m128i octets_load_wide(const uint8_t *data)
{
    return _mm_loadu_si128((const __m128i *)(const void *)data);
}

static inline __m128i octets_wide_control(__m128i x)
{
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
    return _mm_or_si128(below, _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7F)));
}

/* One more than DEL is the lowest signed value, and so are the octets with the top bit. */
static inline __m128i octets_wide_not_visible(__m128i x)
{
    __m128i one_more = _mm_add_epi8(x, _mm_set1_epi8(1));
    return _mm_cmpgt_epi8(_mm_set1_epi8(0x22), one_more);
}

static inline __m128i octets_wide_colon(__m128i x)
{
    return _mm_cmpeq_epi8(x, _mm_set1_epi8(':'));
}

/* Whether each octet is in a range: signed, for a range of ASCII. */
static inline __m128i octets_wide_within(__m128i x, char first, char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(x, _mm_set1_epi8((char)(first - 1))),
                         _mm_cmplt_epi8(x, _mm_set1_epi8((char)(last + 1))));
}

static inline __m128i octets_wide_not_plain(__m128i x)
{
    __m128i letters = octets_wide_within(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z');
    __m128i others =
        _mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('/')), octets_wide_within(x, '-', ':'));
    return _mm_cmpeq_epi8(_mm_or_si128(letters, others), _mm_setzero_si128());
}

static inline __attribute__((always_inline)) size_t octets_find_wide(const uint8_t *data,
                                                                     size_t from, size_t size,
                                                                     bool (*stops)(uint8_t),
                                                                     __m128i (*wide_stops)(__m128i))
{
    if (size < OCTETS_WIDE)
        return octets_find_one_by_one(data, from, size, stops);
    for (; from + OCTETS_WIDE <= size; from += OCTETS_WIDE) {
        unsigned mask = (unsigned)_mm_movemask_epi8(wide_stops(octets_load_wide(data + from)));
        if (mask != 0)
            return from + (unsigned)__builtin_ctz(mask);
    }
    /* The last octets once more, without those that are done. */
    size_t again = from - (size - OCTETS_WIDE);
    __m128i last = wide_stops(octets_load_wide(data + size - OCTETS_WIDE));
    unsigned mask = (unsigned)_mm_movemask_epi8(last) >> again;
    return mask != 0 ? from + (unsigned)__builtin_ctz(mask) : size;
}
#define OCTETS_FIND(what) octets_find_wide(data, from, size, octet_is_##what, octets_wide_##what)

#else
#define OCTETS_FIND(what) octets_find_one_by_one(data, from, size, octet_is_##what)
#endif

/** The first place in [from, size) with such an octet, else `size`. All of [0, size) must be
 *  readable. */
static inline size_t octets_find_control(const uint8_t *data, size_t from, size_t size)
{
    return OCTETS_FIND(control);
}

static inline size_t octets_find_not_visible(const uint8_t *data, size_t from, size_t size)
{
    return OCTETS_FIND(not_visible);
}

static inline size_t octets_find_colon(const uint8_t *data, size_t from, size_t size)
{
    return OCTETS_FIND(colon);
}

/** Whether [from, size) has only letters, digits, "-", "." and ":". */
static inline bool octets_all_plain(const uint8_t *data, size_t from, size_t size)
{
#ifdef __SSE2__
    if (size >= OCTETS_WIDE && size - from <= OCTETS_WIDE) {
        __m128i last = octets_wide_not_plain(octets_load_wide(data + size - OCTETS_WIDE));
        return (unsigned)_mm_movemask_epi8(last) >> (OCTETS_WIDE - (size - from)) == 0;
    }
#endif
    return OCTETS_FIND(not_plain) == size;
}
