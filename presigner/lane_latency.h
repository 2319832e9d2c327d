/* SPDX-License-Identifier: Apache-2.0 */
/* How long revocations take to the edges, as Prometheus histograms. One thread writes, any reads.
 */
#pragma once

#include "lib/time_histogram.h"

/* Upper bounds, in milliseconds. */
#define LANE_LATENCY_TABLE(X) \
    X(10) X(25) X(50) X(100) X(250) X(500) X(1000) X(2500) X(5000) X(10000) X(30000) X(60000)

enum {
#define X(bound) LANE_LATENCY_BOUND_##bound,
    LANE_LATENCY_TABLE(X)
#undef X
        LANE_LATENCY_BOUND_COUNT
};

/* From the commit of a revocation in the status database, the oldest one of a log entry, to when
 * the presigner saw the acknowledgement of that entry. */
struct lane_latencies {
    struct time_histogram each; /* one sample an edge and entry */
    struct time_histogram all;  /* one an entry: when the last live edge had it */
};

void lane_latency_add(struct time_histogram *h, uint64_t ms);
/** HELP, TYPE, the buckets, sum and count, in seconds as is the custom; name without prefix. */
void lane_latency_write(struct text_writer *w, const char *prefix, const char *name,
                        const char *help, const struct time_histogram *h);
