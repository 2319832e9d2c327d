/* SPDX-License-Identifier: Apache-2.0 */
/* High dynamic range histogram of durations: three significant digits from 1 ns to an hour, in
 * fixed memory, with counts that add up over threads. Not thread-safe: one writer each, merged at
 * the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 2^11 places an octave half: the width of a place is at most 1/1024 of its value. */
#define HISTOGRAM_SUB_BITS  11
#define HISTOGRAM_VALUE_MAX 3600000000000u /* ns; larger ones count as this */
#define HISTOGRAM_OCTAVES   32             /* above the first 2^11 values */
#define HISTOGRAM_PLACES \
    ((1u << HISTOGRAM_SUB_BITS) + HISTOGRAM_OCTAVES * (1u << (HISTOGRAM_SUB_BITS - 1)))

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns;                   /* of an empty one: UINT64_MAX */
    uint64_t max_ns;                   /* exact, not rounded to a place */
    uint64_t places[HISTOGRAM_PLACES]; /* a day of load overflows 32 bits */
};

void histogram_clear(struct histogram *h);
void histogram_record(struct histogram *h, uint64_t value_ns);
void histogram_add(struct histogram *to, const struct histogram *from);
/** The smallest recorded value (upper end of its place, at most max_ns) that at least this share of
 *  all values does not exceed. 0 when empty. quantile in 0..1. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);
