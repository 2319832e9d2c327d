/* SPDX-License-Identifier: Apache-2.0 */
/* Merges sorted runs of an import: those of the temporary file, and a last one in memory. Items
 * come in key order, those of one serial in the order of the runs. */
#pragma once

#include "presigner/import_runs.h"

/* Of the buffers together, as long as each has room for a page or so. */
#define IMPORT_MERGE_BYTES     (16u << 20)
#define IMPORT_MERGE_COUNT_MIN 96
#define IMPORT_MERGE_COUNT_MAX 8192

struct merge_source {
    struct import_item *items; /* what is read */
    size_t next;
    size_t count;
    uint64_t unread_first; /* in the file */
    uint64_t unread_count;
};

struct merge_node {
    uint64_t prefix; /* of the source's next item */
    uint32_t source;
};

struct import_merge {
    const struct import_runs *runs;
    struct merge_source *sources;
    struct merge_node *heap; /* the least first */
    struct import_item *buffers;
    size_t heap_count;
    size_t buffer_count; /* items in each buffer */
};

/** Borrows both; `last` may be NULL (with count 0). ERR_MEMORY, ERR_IO (errno tells). */
MUST_CHECK enum err import_merge_start(const struct import_runs *runs, struct import_item *last,
                                       size_t last_count, struct import_merge *ret);
void import_merge_done(struct import_merge *m);
/** ERR_NOT_FOUND: no more. ERR_IO. */
MUST_CHECK enum err import_merge_next(struct import_merge *m, struct import_item *ret);
