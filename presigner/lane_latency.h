/* SPDX-License-Identifier: Apache-2.0 */
/* How long revocations take to the edges, as a Prometheus histogram. One thread writes, any reads.
 */
#pragma once

#include <stdint.h>

struct text_writer; /* lib/metrics.h */

/* Upper bounds, in milliseconds. */
#define LANE_LATENCY_TABLE(X) \
    X(10) X(25) X(50) X(100) X(250) X(500) X(1000) X(2500) X(5000) X(10000) X(30000) X(60000)

enum {
#define X(bound) LANE_LATENCY_BOUND_##bound,
    LANE_LATENCY_TABLE(X)
#undef X
        LANE_LATENCY_BOUND_COUNT
};

struct lane_latency {
    uint64_t counts[LANE_LATENCY_BOUND_COUNT + 1]; /* each in its own; the last: above all */
    uint64_t sum_ms;
};

/* From the commit of a revocation in the status database, the oldest one of a log entry, to when
 * the presigner saw the acknowledgement of that entry. */
struct lane_latencies {
    struct lane_latency each; /* one sample an edge and entry */
    struct lane_latency all;  /* one an entry: when the last live edge had it */
};

void lane_latency_add(struct lane_latency *l, uint64_t ms);
/** HELP, TYPE, the buckets, sum and count, in seconds as is the custom; name without prefix. */
void lane_latency_write(struct text_writer *w, const char *prefix, const char *name,
                        const char *help, const struct lane_latency *l);
