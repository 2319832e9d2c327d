/* SPDX-License-Identifier: Apache-2.0 */
/* Searching a block. */
#include "lib/block.h"

#include "lib/prefetch.h"
#include "lib/wire.h"

#define PREFIX_BYTES 8
/* Neighbours looked at beside a guess before the rest is halved. */
#define NEAR_STEPS 12
#define WINDOW     8

static const uint8_t *serial_at(const struct block *b, uint32_t i)
{
    return b->serials + (size_t)i * b->serial_size;
}

/* A search compares 8 octets as one number. They start where the serials of the block begin to
 * differ, or 8 before their end: then the number decides alone. */
struct search {
    const uint8_t *serials;
    const uint8_t *octets; /* looked for */
    uint64_t prefix;       /* of octets */
    size_t size;
    size_t offset;
};

static uint64_t prefix_load(const uint8_t *serial, size_t size, size_t offset)
{
    if (size >= PREFIX_BYTES)
        return be64_load(serial + offset);
    uint64_t prefix = 0;
    for (size_t i = 0; i < size; i++)
        prefix = prefix << 8 | serial[i];
    return prefix;
}

static size_t prefix_offset(const uint8_t *first, const uint8_t *last, size_t size)
{
    size_t offset = 0;
    size_t offset_max = size >= PREFIX_BYTES ? size - PREFIX_BYTES : 0;
    while (offset < offset_max && first[offset] == last[offset])
        offset++;
    return offset;
}

/* Compares serial number i with the one looked for: <0 when i is below. */
static int search_compare(const struct search *s, uint32_t i, uint64_t *ret_prefix)
{
    const uint8_t *serial = s->serials + (size_t)i * s->size;
    uint64_t prefix = prefix_load(serial, s->size, s->offset);
    *ret_prefix = prefix;
    if (prefix != s->prefix)
        return prefix < s->prefix ? -1 : 1;
    size_t done = s->offset + PREFIX_BYTES;
    return done >= s->size ? 0 : memcmp(serial + done, s->octets + done, s->size - done);
}

/* Where `at` lies between low (value a) and high (value b), a <= at <= b, a < b. */
static uint32_t interpolate(uint32_t low, uint32_t high, uint64_t a, uint64_t at, uint64_t b)
{
    /* 32 bits are more than the count needs, and make the product fit. */
    unsigned shift = 63u - (unsigned)__builtin_clzll(b - a);
    shift = shift > 31 ? shift - 31 : 0;
    uint64_t guess = ((at - a) >> shift) * (high - low) / ((b - a) >> shift);
    return low + (uint32_t)guess;
}

/* Guesses that may go wrong before a binary search ends the matter. */
#define INTERPOLATIONS_MAX 3

/* Looks between low and high, both included, whose prefixes are a and b. */
static bool search_between(const struct search *s, uint32_t low, uint32_t high, uint64_t a,
                           uint64_t b, uint32_t *ret)
{
    for (int step = 0; low <= high; step++) {
        bool guess = step < INTERPOLATIONS_MAX && a < b && s->prefix >= a && s->prefix <= b;
        uint32_t middle = guess ? interpolate(low, high, a, s->prefix, b) : low + (high - low) / 2;
        uint64_t prefix;
        int order = search_compare(s, middle, &prefix);
        if (order == 0) {
            *ret = middle;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
            a = prefix;
        } else if (middle == 0) {
            return false;
        } else {
            high = middle - 1;
            b = prefix;
        }
    }
    return false;
}

/* A cold block costs its cache misses, and each step of a search waits for the one before. Asked
 * for together, all lines of the serials (12 for a full block of 16-octet serials) come at the
 * price of one. */
bool block_find(const struct block *block, const struct serial *serial, struct statement *ret)
{
    if (serial->size != block->serial_size)
        return false;
    prefetch(block->serials, (size_t)block->count * block->serial_size);
    uint32_t last = (uint32_t)block->count - 1;
    const uint8_t *first_octets = serial_at(block, 0);
    const uint8_t *last_octets = serial_at(block, last);
    struct search s = {.serials = block->serials, .octets = serial->octets, .size = serial->size};
    s.offset = prefix_offset(first_octets, last_octets, s.size);
    if (memcmp(s.octets, first_octets, s.offset) != 0)
        return false;
    s.prefix = prefix_load(s.octets, s.size, s.offset);
    uint64_t a = prefix_load(first_octets, s.size, s.offset);
    uint64_t b = prefix_load(last_octets, s.size, s.offset);
    uint32_t i;
    if (s.prefix < a || s.prefix > b || !search_between(&s, 0, last, a, b, &i))
        return false;
    block_statement(block, i, ret);
    return true;
}

/* Binary search in [low, high). */
static bool search_halves(const struct search *s, uint32_t low, uint32_t high, uint32_t *ret)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t prefix;
        int order = search_compare(s, middle, &prefix);
        if (order == 0) {
            *ret = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* From a place that is below the serial (step 1) or above it (step -1) towards it. */
static bool search_from(const struct search *s, uint32_t count, uint32_t place, int step,
                        uint32_t *ret)
{
    for (int i = 0; i < NEAR_STEPS; i++) {
        if (place == (step > 0 ? count - 1 : 0))
            return false;
        place += (uint32_t)step;
        uint64_t prefix;
        int order = search_compare(s, place, &prefix);
        if (order == 0) {
            *ret = place;
            return true;
        }
        if ((order > 0) == (step > 0))
            return false;
    }
    return step > 0 ? search_halves(s, place + 1, count, ret) : search_halves(s, 0, place, ret);
}

/* The first of WINDOW places around the guess that is not below, counted without branches that
 * nobody could foresee. */
static uint32_t window_lower(const struct search *s, uint32_t count, uint32_t guess)
{
    uint32_t low = guess < WINDOW / 2 ? 0 : guess - WINDOW / 2;
    low = low + WINDOW <= count ? low : count - WINDOW;
    uint32_t place = low;
    const uint8_t *serial = s->serials + (size_t)low * s->size + s->offset;
    for (uint32_t i = 0; i < WINDOW; i++, serial += s->size)
        place += be64_load(serial) < s->prefix;
    return place < count ? place : count - 1;
}

bool block_find_near(const struct block *block, const struct serial *serial, uint32_t guess,
                     uint8_t common_size, uint32_t *ret)
{
    if (serial->size != block->serial_size)
        return false;
    struct search s = {.serials = block->serials, .octets = serial->octets, .size = serial->size};
    size_t offset_max = s.size >= PREFIX_BYTES ? s.size - PREFIX_BYTES : 0;
    s.offset = common_size < offset_max ? common_size : offset_max;
    s.prefix = prefix_load(s.octets, s.size, s.offset);
    if (s.size >= PREFIX_BYTES && block->count >= WINDOW)
        guess = window_lower(&s, block->count, guess);
    uint64_t prefix;
    int order = search_compare(&s, guess, &prefix);
    if (order == 0) {
        *ret = guess;
        return true;
    }
    return search_from(&s, block->count, guess, order < 0 ? 1 : -1, ret);
}

void block_prefetch_body(const struct block *block, uint32_t i)
{
    prefetch(block->bodies + (size_t)i * block->stride_bytes, block->stride_bytes);
}
