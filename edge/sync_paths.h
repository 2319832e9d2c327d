/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and blobs of a log entry or an index, put into the store. */
#pragma once

#include "edge/store.h"
#include "lib/blob_path.h"
#include "lib/index.h"

/* Unused blobs are looked for no more often than this. */
#define SYNC_COLLECT_S 60u

/** Whether the store has the blob whole. ERR_NOT_FOUND when not; ERR_CONFLICT: it has another size.
 */
MUST_CHECK enum err sync_blob_is_here(struct store_txn *txn, const struct sha256 *hash,
                                      uint64_t blob_bytes);
/** Puts a path in, or withdraws it. Its blob must be there: errors of sync_blob_is_here(),
 *  store_put_path(). */
MUST_CHECK enum err sync_path_apply(struct store_txn *txn, const struct blob_path *path,
                                    uint64_t now_s);
/** Withdraws the paths that the index does not have. ERR_MEMORY. */
MUST_CHECK enum err sync_paths_drop_others(struct store_txn *txn, const struct index_reader *index,
                                           uint64_t now_s);
