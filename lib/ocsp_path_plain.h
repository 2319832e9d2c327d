/* SPDX-License-Identifier: Apache-2.0 */
/* The OCSP GET path as nearly all clients write it: the standard alphabet, any octet of it
 * percent-encoded, padding all there or not there. First the percent-encoding is taken away, then
 * sixteen symbols at a time are decoded, both in the room of the output. Part of lib/base64.c. */
#pragma once

#include "lib/base64.h"
#include "lib/hex.h"

#ifdef __SSE2__
#include "lib/octets.h"

/* Undoes the percent-encoding at `at`; false: it is none. */
static inline bool ocsp_path_undo(struct span path, size_t at, uint8_t *ret)
{
    if (path.size - at < 3)
        return false;
    unsigned high = hex_digit(path.data[at + 1]), low = hex_digit(path.data[at + 2]);
    *ret = (uint8_t)(high << 4 | low);
    return high <= 15 && low <= 15;
}

/* Copies the path without its percent-encoding. Writes up to OCTETS_WIDE octets more than it says.
 */
static inline bool ocsp_path_copy(struct span path, uint8_t *out, size_t *ret_size)
{
    size_t at = 0, size = 0;
    while (at + OCTETS_WIDE <= path.size) {
        __m128i x = octets_load_wide(path.data + at);
        _mm_storeu_si128((__m128i *)(void *)(out + size), x);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('%')));
        unsigned run = mask == 0 ? OCTETS_WIDE : (unsigned)__builtin_ctz(mask);
        at += run;
        size += run;
        if (mask != 0) {
            if (!ocsp_path_undo(path, at, &out[size++]))
                return false;
            at += 3;
        }
    }
    while (at < path.size) {
        uint8_t c = path.data[at++];
        if (c == '%') {
            if (!ocsp_path_undo(path, at - 1, &c))
                return false;
            at += 2;
        }
        out[size++] = c;
    }
    *ret_size = size;
    return true;
}

/* Sixteen symbols to what they stand for; clears octets of `valid` where there is none. What is to
 * be added changes at the start of each run of the alphabet, and so does the last symbol of it. */
static inline __m128i ocsp_path_values(__m128i x, __m128i *valid)
{
    __m128i plus = _mm_cmpeq_epi8(x, _mm_set1_epi8('+'));
    __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('/'));
    __m128i digit = _mm_cmpgt_epi8(x, _mm_set1_epi8('0' - 1));
    __m128i upper = _mm_cmpgt_epi8(x, _mm_set1_epi8('A' - 1));
    __m128i lower = _mm_cmpgt_epi8(x, _mm_set1_epi8('a' - 1));
    __m128i add = _mm_add_epi8(_mm_and_si128(plus, _mm_set1_epi8(62 - '+')),
                               _mm_and_si128(slash, _mm_set1_epi8(63 - '/')));
    add = _mm_add_epi8(add, _mm_and_si128(digit, _mm_set1_epi8(52 - '0')));
    add = _mm_add_epi8(add, _mm_and_si128(upper, _mm_set1_epi8((0 - 'A') - (52 - '0'))));
    add = _mm_add_epi8(add, _mm_and_si128(lower, _mm_set1_epi8((26 - 'a') - (0 - 'A'))));
    __m128i last = _mm_add_epi8(_mm_set1_epi8('9'), _mm_and_si128(upper, _mm_set1_epi8('Z' - '9')));
    last = _mm_add_epi8(last, _mm_and_si128(lower, _mm_set1_epi8('z' - 'Z')));
    __m128i within = _mm_andnot_si128(_mm_cmpgt_epi8(x, last), digit);
    *valid = _mm_and_si128(*valid, _mm_or_si128(within, _mm_or_si128(plus, slash)));
    return _mm_add_epi8(x, add);
}

/* Sixteen values of six bits to twelve octets; writes two more. */
static inline void ocsp_path_pack(__m128i values, uint8_t *out)
{
    __m128i first = _mm_slli_epi16(_mm_and_si128(values, _mm_set1_epi16(0xFF)), 6);
    __m128i twelve = _mm_or_si128(first, _mm_srli_epi16(values, 8));
    __m128i twenty_four = _mm_madd_epi16(twelve, _mm_set1_epi32(1 << 16 | 1 << 12));
    __m128i high = _mm_slli_epi64(twenty_four, 40);
    __m128i low = _mm_slli_epi64(_mm_srli_epi64(twenty_four, 32), 16);
    __m128i big = _mm_or_si128(high, low);
    uint64_t a = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(big));
    uint64_t b = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(big, big)));
    memcpy(out, &a, sizeof a);
    memcpy(out + 6, &b, sizeof b);
}

/* The padding and what is left of a group before it. */
static inline bool ocsp_path_unpad(const uint8_t *text, size_t *size)
{
    size_t count = *size;
    while (count > 0 && *size - count < 2 && text[count - 1] == '=')
        count--;
    size_t pads = *size - count;
    *size = count;
    return count > 0 && count % 4 != 1 && (pads == 0 || count % 4 + pads == 4);
}

/** Whether the path is of this kind; only then ret_size is filled. What is in `out` otherwise is
 *  nothing. */
static inline bool ocsp_path_decode_plain(struct span path, uint8_t *out, size_t out_size,
                                          size_t *ret_size)
{
    size_t count;
    if (out_size < OCSP_PATH_DECODE_BYTES(path.size) || !ocsp_path_copy(path, out, &count) ||
        !ocsp_path_unpad(out, &count))
        return false;
    /* Symbols that stand for zero fill the last sixteen. */
    _mm_storeu_si128((__m128i *)(void *)(out + count), _mm_set1_epi8('A'));
    __m128i valid = _mm_set1_epi8(-1);
    uint8_t *to = out;
    for (size_t at = 0; at < count; at += OCTETS_WIDE, to += OCTETS_WIDE * 3 / 4)
        ocsp_path_pack(ocsp_path_values(octets_load_wide(out + at), &valid), to);
    size_t size = count * 3 / 4;
    /* Leftover bits would be a second spelling of the same octets. */
    if (_mm_movemask_epi8(valid) != 0xFFFF || (count % 4 != 0 && out[size] != 0))
        return false;
    *ret_size = size;
    return true;
}

#else

static inline bool ocsp_path_decode_plain(struct span path, uint8_t *out, size_t out_size,
                                          size_t *ret_size)
{
    (void)path;
    (void)out;
    (void)out_size;
    (void)ret_size;
    return false;
}

#endif
