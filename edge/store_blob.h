/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs and the paths that they are served at, in the store. A blob is one value on pages of its
 * own, which stay where they are while the record does: serve sends from the map. A blob that no
 * path refers to any more is therefore kept for STORE_BLOB_KEEP_S: longer than a transfer may take.
 */
#pragma once

#include "edge/store.h"
#include "lib/blob_path.h"

#define STORE_BLOB_KEEP_S 900u

/** Whether the blob of this hash and size is there. ERR_NOT_FOUND when not; ERR_CONFLICT: it has
 *  another size. */
MUST_CHECK enum err store_has_blob(struct store_txn *txn, const struct sha256 *hash,
                                   uint64_t blob_bytes);
/** Puts a blob in whose hash the caller has checked; one that is there already is left alone. Not
 *  used until a path names it. ERR_LIMIT (empty, or above BLOB_BYTES_MAX), ERR_DISK_FULL. */
MUST_CHECK enum err store_put_blob(struct store_txn *txn, const struct sha256 *hash,
                                   struct span octets, uint64_t now_s);
/** The blob's octets; they borrow the database until the record goes. ERR_NOT_FOUND. */
MUST_CHECK enum err store_get_blob(struct store_txn *txn, const struct sha256 *hash,
                                   uint64_t blob_bytes, struct span *ret);

/** At the path is now the blob, which must be there, or nothing when the path is withdrawn.
 *  ERR_NOT_FOUND (no such blob), ERR_CONFLICT (its size), and what blob_path_check() says. */
MUST_CHECK enum err store_put_path(struct store_txn *txn, const struct blob_path *path,
                                   uint64_t now_s);
/** ERR_NOT_FOUND. Spans borrow the database. */
MUST_CHECK enum err store_get_path(struct store_txn *txn, struct span path, struct blob_path *ret);

/** Withdraws all paths for which `keep` is false. */
typedef bool store_keep_path(void *context, struct span path);
MUST_CHECK enum err store_drop_paths(struct store_txn *txn, store_keep_path *keep, void *context,
                                     uint64_t now_s);

/** Removes blobs that have been unused for STORE_BLOB_KEEP_S; counts them. A clock that was put
 *  back keeps them longer. */
MUST_CHECK enum err store_collect_blobs(struct store_txn *txn, uint64_t now_s,
                                        uint64_t *ret_removed);
