/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/time_histogram.h"

#include <inttypes.h>

#include "lib/metrics.h"

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

void time_histogram_add(struct time_histogram *h, struct time_histogram_bounds bounds, uint64_t us)
{
    size_t i = 0;
    while (i < bounds.count && us > bounds.us[i])
        i++;
    add(&h->counts[i], 1);
    add(&h->sum_us, us);
}

void time_histogram_write_head(struct text_writer *w, const char *prefix, const char *name,
                               const char *help)
{
    text_writer_format(w, "# HELP %s_%s %s\n# TYPE %s_%s histogram\n", prefix, name, help, prefix,
                       name);
}

void time_histogram_write(struct text_writer *w, const char *prefix, const char *name,
                          const char *labels, struct time_histogram_bounds bounds,
                          const struct time_histogram *h)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    uint64_t count = 0;
    for (size_t i = 0; i < bounds.count; i++) {
        count += counter_get(&h->counts[i]);
        text_writer_format(w, "%s_%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", prefix, name, labels,
                           comma, (double)bounds.us[i] / 1e6, count);
    }
    count += counter_get(&h->counts[bounds.count]);
    text_writer_format(w, "%s_%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", prefix, name, labels,
                       comma, count);
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    uint64_t sum_us = counter_get(&h->sum_us);
    text_writer_format(w, "%s_%s_sum%s%s%s %" PRIu64 ".%06u\n", prefix, name, open, labels, close,
                       sum_us / 1000000, (unsigned)(sum_us % 1000000));
    text_writer_format(w, "%s_%s_count%s%s%s %" PRIu64 "\n", prefix, name, open, labels, close,
                       count);
}
