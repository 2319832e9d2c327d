/* SPDX-License-Identifier: Apache-2.0 */
/* What has changed in the store between two commits, from its change records. */
#pragma once

#include "edge/side_build.h"
#include "edge/snapshot_source.h"

struct snapshot_changes {
    bool everything; /* a record is missing, unreadable, or says so; or there are too many ranges */
    struct side_range *ranges;
    uint32_t range_count;
    uint32_t range_room;
};

/** Reads the records commit_from + 1 to commit_until. ERR_STORE, ERR_MEMORY; on both nothing is
 * held. */
MUST_CHECK enum err snapshot_changes_read(struct snapshot_source *source, struct MDB_txn *txn,
                                          uint64_t commit_from, uint64_t commit_until,
                                          struct snapshot_changes *ret);
void snapshot_changes_free(struct snapshot_changes *changes);
