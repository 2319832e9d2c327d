/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/histogram.h"

#include <math.h>
#include <string.h>

#include "lib/check.h"

#define LINEAR   (1u << HISTOGRAM_SUB_BITS) /* values below have a place each */
#define HALF     (LINEAR / 2) /* places of an octave: the lower half is the one below */
#define LINEAR_N HISTOGRAM_SUB_BITS

_Static_assert(HISTOGRAM_VALUE_MAX >> (HISTOGRAM_OCTAVES + LINEAR_N) == 0,
               "every value has a place");

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
    h->min_ns = UINT64_MAX;
}

/* How far a value is shifted down until only its leading bits are left. */
static unsigned shift_of(uint64_t value_ns)
{
    unsigned top = 63 - (unsigned)__builtin_clzll(value_ns | 1);
    return top < LINEAR_N ? 0 : top - (LINEAR_N - 1);
}

static uint32_t place_of(uint64_t value_ns)
{
    unsigned shift = shift_of(value_ns);
    return shift * HALF + (uint32_t)(value_ns >> shift);
}

/* The largest value that belongs to a place. */
static uint64_t place_end(uint32_t place)
{
    if (place < LINEAR)
        return place;
    unsigned shift = place / HALF - 1;
    uint64_t leading = place - shift * HALF;
    return ((leading + 1) << shift) - 1;
}

void histogram_record(struct histogram *h, uint64_t value_ns)
{
    if (value_ns > HISTOGRAM_VALUE_MAX)
        value_ns = HISTOGRAM_VALUE_MAX;
    h->count++;
    h->sum_ns += value_ns;
    if (value_ns < h->min_ns)
        h->min_ns = value_ns;
    if (value_ns > h->max_ns)
        h->max_ns = value_ns;
    h->places[place_of(value_ns)]++;
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
    if (from->count == 0)
        return;
    to->count += from->count;
    to->sum_ns += from->sum_ns;
    if (from->min_ns < to->min_ns)
        to->min_ns = from->min_ns;
    if (from->max_ns > to->max_ns)
        to->max_ns = from->max_ns;
    uint32_t last = place_of(from->max_ns);
    for (uint32_t i = place_of(from->min_ns); i <= last; i++)
        to->places[i] += from->places[i];
}

/* How many values are at or below the quantile: at least one, at most all. */
static uint64_t rank_of(const struct histogram *h, double quantile)
{
    double rank = ceil(quantile * (double)h->count);
    if (!(rank >= 1))
        return 1;
    return rank >= (double)h->count ? h->count : (uint64_t)rank;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = rank_of(h, quantile);
    uint64_t seen = 0;
    for (uint32_t i = place_of(h->min_ns); i < HISTOGRAM_PLACES; i++) {
        seen += h->places[i];
        if (seen >= rank) {
            uint64_t end_ns = place_end(i);
            return end_ns < h->max_ns ? end_ns : h->max_ns;
        }
    }
    check_failed("the places add up to the count", __FILE__, __LINE__);
}
