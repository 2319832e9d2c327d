/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as a Prometheus histogram. Many threads may add, any reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct text_writer; /* lib/metrics.h */

#define TIME_HISTOGRAM_BOUNDS_MAX 24

/* Upper bounds in microseconds, ascending. */
struct time_histogram_bounds {
    const uint64_t *us;
    size_t count; /* up to TIME_HISTOGRAM_BOUNDS_MAX */
};

/* All zero: empty. */
struct time_histogram {
    uint64_t counts[TIME_HISTOGRAM_BOUNDS_MAX + 1]; /* each in its own; the one behind the last
                                                  bound: above all */
    uint64_t sum_us;
};

void time_histogram_add(struct time_histogram *h, struct time_histogram_bounds bounds, uint64_t us);
/** HELP and TYPE of "<prefix>_<name>". */
void time_histogram_write_head(struct text_writer *w, const char *prefix, const char *name,
                               const char *help);
/** The buckets, sum and count, in seconds as is the custom; `labels` as in lib/metrics.h, or "". */
void time_histogram_write(struct text_writer *w, const char *prefix, const char *name,
                          const char *labels, struct time_histogram_bounds bounds,
                          const struct time_histogram *h);
