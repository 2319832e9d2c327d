/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's writer: an append-only Merkle log in a folder, in C2SP tlog-tiles layout
 * (lib/tile_path.h), so that any static file server publishes it and anybody's verifier reads it.
 *
 *   checkpoint     the signed size and root that others go by
 *   state          how far the writer has come (issuer/audit_format.h); at or beyond the checkpoint
 *   tile/...       hashes and entries
 *   lock           one writer
 *
 * What audit_log_append() has returned OK for is on the disk: the entries and tiles first, then the
 * state by rename. What a crash leaves beyond the state is nobody's: it is written over. A failed
 * append leaves the log as it was. Files below the state's size are never changed; parts of tiles
 * go when the whole tile is there.
 *
 * Not for two threads at a time. */
#pragma once

#include "issuer/audit_format.h"
#include "lib/os/file.h"

#define AUDIT_ENTRY_BYTES_MAX 65535u
#define AUDIT_BATCH_MAX       4096u /* entries of one append */

struct audit_log;

/** A new log in `folder` (made when missing): state and checkpoint of an empty tree, signed by
 * `key`, whose name is the log's origin. ERR_EXISTS, ERR_IO, ERR_DISK_FULL, ERR_CRYPTO. */
MUST_CHECK enum err audit_log_create(const char *folder, const struct publish_key *key);
/** Opens for writing; `key` stays borrowed. ERR_BUSY (another writer), ERR_NOT_FOUND (no log
 * there), ERR_CHAIN (the state is behind the checkpoint: it was restored from a backup, and going
 * on would make two histories), ERR_HASH (tiles do not have the root), errors of the checkpoint,
 * ERR_IO. */
MUST_CHECK enum err audit_log_open(const char *folder, const struct publish_key *key,
                                   struct audit_log **ret);
/** Appends entries of 1 to AUDIT_ENTRY_BYTES_MAX octets; `*ret_first` is the index of the first.
 * ERR_LIMIT (size, count), ERR_IO, ERR_DISK_FULL, ERR_MEMORY. */
MUST_CHECK enum err audit_log_append(struct audit_log *log, const struct span *entries,
                                     size_t count, uint64_t *ret_first);
/** Signs what there is and puts the checkpoint in its place. ERR_IO, ERR_DISK_FULL, ERR_CRYPTO. */
MUST_CHECK enum err audit_log_checkpoint(struct audit_log *log);
/** Whether one append takes these: their number and sizes. ERR_LIMIT. */
MUST_CHECK enum err audit_entries_check(const struct span *entries, size_t count);
uint64_t audit_log_size(const struct audit_log *log);
/** Takes NULL, returns NULL. */
struct audit_log *audit_log_close(struct audit_log *log);
