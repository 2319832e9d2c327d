/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_latency.h"

#define US_PER_MS 1000u

static const uint64_t bounds_us[LANE_LATENCY_BOUND_COUNT] = {
#define X(bound) (bound) * US_PER_MS,
    LANE_LATENCY_TABLE(X)
#undef X
};
_Static_assert(LANE_LATENCY_BOUND_COUNT <= TIME_HISTOGRAM_BOUNDS_MAX, "");

static const struct time_histogram_bounds bounds = {bounds_us, LANE_LATENCY_BOUND_COUNT};

void lane_latency_add(struct time_histogram *h, uint64_t ms)
{
    time_histogram_add(h, bounds, ms * US_PER_MS);
}

void lane_latency_write(struct text_writer *w, const char *prefix, const char *name,
                        const char *help, const struct time_histogram *h)
{
    time_histogram_write_head(w, prefix, name, help);
    time_histogram_write(w, prefix, name, "", bounds, h);
}
