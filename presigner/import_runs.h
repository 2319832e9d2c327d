/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs of an import in a temporary file without a name: it is gone, and its room free again,
 * as soon as the process ends, however it ends. */
#pragma once

#include "presigner/import_batch.h"

/* With whole batches: 4 G lines. The merge has a buffer of some KiB for each. */
#define IMPORT_RUNS_MAX 16384

struct import_run {
    uint64_t first; /* item number in the file */
    uint64_t count;
};

struct import_runs {
    int fd; /* -1 until the first run */
    struct import_run *runs;
    size_t count;
    size_t capacity;
    uint64_t item_count;
};

void import_runs_start(struct import_runs *ret);
void import_runs_done(struct import_runs *r);
/** Appends a run. The file lies in `directory`. ERR_DISK_FULL, ERR_IO (errno tells), ERR_MEMORY,
 *  ERR_LIMIT (IMPORT_RUNS_MAX). */
MUST_CHECK enum err import_runs_add(struct import_runs *r, const char *directory,
                                    const struct import_item *items, size_t count);
/** Reads exactly `count` items from number `first` on. ERR_IO. */
MUST_CHECK enum err import_runs_read(const struct import_runs *r, uint64_t first, size_t count,
                                     struct import_item *ret);
