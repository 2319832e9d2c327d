/* SPDX-License-Identifier: Apache-2.0 */
/* Counters from tables, and the Prometheus text format.
 *
 * A program declares its counters once:
 *   #define EDGE_COUNTER_TABLE(X) X(name, kind, "help") ...
 * and gets enum, array size and metric rows from it. Counters are uint64_t arrays, one per worker,
 * written by its owner only (relaxed stores) and summed by readers. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric_row {
    const char *name; /* without prefix */
    enum metric_kind kind;
    const char *help;
};

/** Owner's increment: no lock prefix, visible to readers. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}
static inline void counter_set(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}
static inline uint64_t counter_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/** Text sink with a sticky error; always NUL-terminated. */
struct text_writer {
    char *out;
    size_t out_size;
    size_t size;
    enum err err; /* ERR_NO_SPACE */
};
void text_writer_start(struct text_writer *w, char *out, size_t out_size);
__attribute__((format(printf, 2, 3))) void text_writer_format(struct text_writer *w,
                                                              const char *format, ...);

/** "# HELP", "# TYPE" and one sample, as "<prefix>_<name>" ("_total" added to counters). */
void metrics_write_row(struct text_writer *w, const char *prefix, const struct metric_row *row,
                       uint64_t value);
/** HELP and TYPE only; then samples with labels: labels is `a="b",c="d"`, escaped by the caller. */
void metrics_write_head(struct text_writer *w, const char *prefix, const struct metric_row *row);
void metrics_write_labelled(struct text_writer *w, const char *prefix, const struct metric_row *row,
                            const char *labels, uint64_t value);
