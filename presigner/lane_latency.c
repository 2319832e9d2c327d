/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lane_latency.h"

#include <inttypes.h>

#include "lib/metrics.h"

static const uint64_t bounds_ms[LANE_LATENCY_BOUND_COUNT] = {
#define X(bound) bound,
    LANE_LATENCY_TABLE(X)
#undef X
};

void lane_latency_add(struct lane_latency *l, uint64_t ms)
{
    size_t i = 0;
    while (i < LANE_LATENCY_BOUND_COUNT && ms > bounds_ms[i])
        i++;
    counter_add(&l->counts[i], 1);
    counter_add(&l->sum_ms, ms);
}

void lane_latency_write(struct text_writer *w, const char *prefix, const char *name,
                        const char *help, const struct lane_latency *l)
{
    uint64_t count = 0;
    text_writer_format(w, "# HELP %s_%s %s\n# TYPE %s_%s histogram\n", prefix, name, help, prefix,
                       name);
    for (size_t i = 0; i < LANE_LATENCY_BOUND_COUNT; i++) {
        count += counter_get(&l->counts[i]);
        text_writer_format(w, "%s_%s_bucket{le=\"%g\"} %" PRIu64 "\n", prefix, name,
                           (double)bounds_ms[i] / 1000, count);
    }
    count += counter_get(&l->counts[LANE_LATENCY_BOUND_COUNT]);
    text_writer_format(w, "%s_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", prefix, name, count);
    uint64_t sum_ms = counter_get(&l->sum_ms);
    text_writer_format(w, "%s_%s_sum %" PRIu64 ".%03u\n", prefix, name, sum_ms / 1000,
                       (unsigned)(sum_ms % 1000));
    text_writer_format(w, "%s_%s_count %" PRIu64 "\n", prefix, name, count);
}
