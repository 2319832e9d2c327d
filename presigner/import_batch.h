/* SPDX-License-Identifier: Apache-2.0 */
/* Collects certificates and hands them to the status database in key order: random serials then
 * touch each database page once a batch instead of once a certificate. */
#pragma once

#include "presigner/import_line.h"
#include "presigner/status_writer.h"

/* About 90 MB. */
#define IMPORT_BATCH_COUNT_MAX (1u << 20)

struct import_sort_item {
    uint64_t prefix; /* size and leading 7 octets of the serial: most comparisons end here */
    uint32_t place;  /* in `lines` */
};

struct import_batch {
    struct import_line *lines;
    struct import_sort_item *order;
    size_t count;
    size_t capacity;
};

/** ERR_MEMORY. */
MUST_CHECK enum err import_batch_start(size_t capacity, struct import_batch *ret);
void import_batch_done(struct import_batch *b);
static inline bool import_batch_full(const struct import_batch *b)
{
    return b->count == b->capacity;
}
/** Not when it is full. */
void import_batch_add(struct import_batch *b, const struct import_line *line);
/** Applies all in key order, those of one serial in the order they were added; empties the batch
 * and adds the number of changed certificates to *changed. Errors of status_writer_apply(). */
MUST_CHECK enum err import_batch_apply(struct import_batch *b, struct status_writer *w,
                                       uint64_t issuer_id, uint64_t *changed);
