/* SPDX-License-Identifier: Apache-2.0 */
/* The edge's store as the serving process sees it: an LMDB environment opened read-only, that
 * snapshots are made from. Builder thread only. */
#pragma once

#include "edge/store_format.h"

struct MDB_cursor;
struct MDB_env;
struct MDB_txn;

struct snapshot_source;

/** Opens the LMDB folder at `path`. `map_bytes` is the largest size the store may ever have: it is
 *  fixed for the life of the process. ERR_NOT_FOUND (no store there yet: try again later),
 * ERR_RANGE (the writer's map is larger than map_bytes), ERR_STORE, ERR_MEMORY. */
MUST_CHECK enum err snapshot_source_open(const char *path, size_t map_bytes,
                                         struct snapshot_source **ret);
/** All snapshots of the source must have been freed. NULL in, NULL out. */
struct snapshot_source *snapshot_source_free(struct snapshot_source *source);
/** How far the store is right now, in a short transaction of its own: cheap enough for each second.
 *  ERR_NOT_FOUND (nothing committed yet), ERR_RANGE, ERR_STORE. */
MUST_CHECK enum err snapshot_source_position(struct snapshot_source *source, struct position *ret);

/** The store's file, whose pages snapshots show. The source's own. ERR_STORE. */
MUST_CHECK enum err snapshot_source_file(const struct snapshot_source *source, int *ret_fd);

/** A read transaction on the newest commit, and the position in it. The caller ends it with
 *  snapshot_txn_end(). Errors as above. */
MUST_CHECK enum err snapshot_txn_begin(struct snapshot_source *source, struct MDB_txn **ret_txn,
                                       struct position *ret_position);
void snapshot_txn_end(struct MDB_txn *txn);

/* The databases of the store that snapshots read. */
enum snapshot_db {
    SNAPSHOT_DB_BLOCK,
    SNAPSHOT_DB_TEMPLATE,
    SNAPSHOT_DB_CHANGE,
    SNAPSHOT_DB_META,
    SNAPSHOT_DB_BLOB,
    SNAPSHOT_DB_PATH,
    SNAPSHOT_DB_RELAY,
    SNAPSHOT_DB_COUNT
};

/** One value; it stays where it is until the transaction ends. ERR_NOT_FOUND, ERR_STORE. */
MUST_CHECK enum err snapshot_txn_get(struct snapshot_source *source, struct MDB_txn *txn,
                                     enum snapshot_db db, struct span key, struct span *ret);
/** ERR_STORE, ERR_MEMORY. */
MUST_CHECK enum err snapshot_cursor_open(struct snapshot_source *source, struct MDB_txn *txn,
                                         enum snapshot_db db, struct MDB_cursor **ret);
void snapshot_cursor_close(struct MDB_cursor *cursor);
/** The first record whose key is not before `key` (an empty key: the first of all).
 *  ERR_NOT_FOUND, ERR_STORE. */
MUST_CHECK enum err snapshot_cursor_seek(struct MDB_cursor *cursor, struct span key,
                                         struct span *ret_key, struct span *ret_value);
/** The next record. ERR_NOT_FOUND, ERR_STORE. */
MUST_CHECK enum err snapshot_cursor_next(struct MDB_cursor *cursor, struct span *ret_key,
                                         struct span *ret_value);
