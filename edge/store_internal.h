/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share; nobody else includes this. */
#pragma once

#include <lmdb.h>

#include "edge/store.h"
#include "edge/store_change.h"
#include "lib/block.h"

enum store_db {
    STORE_BLOCKS,
    STORE_TEMPLATES,
    STORE_CHANGES,
    STORE_META,
    STORE_BLOBS,
    STORE_BLOB_USES,
    STORE_PATHS,
    STORE_RELAY,
    STORE_RELAY_UNUSED
};

struct store_txn {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *blocks;
    bool writable;
    bool touched; /* blocks, templates or paths: the commit needs a change record */
    struct position position;
    struct store_changes changes;
    struct block_builder builder;
    uint8_t encoded[BLOCK_BYTES_MAX];
    uint8_t old[BLOCK_BYTES_MAX]; /* copy of the block that is being rewritten */
    uint8_t record[STORE_CHANGES_BYTES_MAX];
};

/** LMDB's error as one of ours. */
enum err store_err(int rc);
MDB_dbi store_dbi(const struct store *store, enum store_db db);

/* --- edge/store_record.c: records of any table --- */

/** The value borrows the database until the transaction ends or writes. ERR_NOT_FOUND. */
MUST_CHECK enum err store_get(struct store_txn *txn, enum store_db db, struct span key,
                              struct span *ret);
MUST_CHECK enum err store_put(struct store_txn *txn, enum store_db db, struct span key,
                              struct span value);
/** A new value of `size` octets, which the caller fills before it does anything else. */
MUST_CHECK enum err store_reserve(struct store_txn *txn, enum store_db db, struct span key,
                                  size_t size, uint8_t **ret);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err store_erase(struct store_txn *txn, enum store_db db, struct span key);
/** Calls `each` for every record of a table whose key is not below `from`, in order, until it gives
 *  an error, which is returned. Nothing may be written meanwhile: what is to go is collected first.
 */
typedef enum err store_each(void *context, struct span key, struct span value);
MUST_CHECK enum err store_walk_from(struct store_txn *txn, enum store_db db, struct span from,
                                    store_each *each, void *context);
MUST_CHECK enum err store_walk(struct store_txn *txn, enum store_db db, store_each *each,
                               void *context);

/** A block under the cursor. */
struct store_block {
    uint64_t issuer_id;
    struct serial last;
    const uint8_t *wire;
};

/** The first block not below (issuer, serial), of any issuer. ERR_NOT_FOUND: none. */
MUST_CHECK enum err store_seek(struct store_txn *txn, uint64_t issuer_id,
                               const struct serial *serial, struct store_block *ret);
/** The first block above (issuer, serial), of any issuer. ERR_NOT_FOUND. */
MUST_CHECK enum err store_seek_above(struct store_txn *txn, uint64_t issuer_id,
                                     const struct serial *serial, struct store_block *ret);
/** Moves the cursor: MDB_NEXT, MDB_PREV, MDB_LAST. ERR_NOT_FOUND. */
MUST_CHECK enum err store_move(struct store_txn *txn, MDB_cursor_op op, struct store_block *ret);

/** Puts a block under its last serial, padded; `flags` as for mdb_cursor_put. Does not count. */
MUST_CHECK enum err store_put_block(struct store_txn *txn, uint64_t issuer_id,
                                    const struct serial *last, struct span wire, unsigned flags);
/** Deletes the block under exactly this key. ERR_STORE when it is not there. */
MUST_CHECK enum err store_delete_block(struct store_txn *txn, uint64_t issuer_id,
                                       const struct serial *last);

/** Copies the block into txn->old and opens the copy, so that it outlives writes. */
struct block store_copy_block(struct store_txn *txn, const uint8_t *wire);

/** Encodes ascending statements into as many blocks as they need. `fill`: full blocks first (the
 * end of the key space, where more will follow), else halves. *ret_kept: whether a block with the
 * key `old_last` was among them (NULL: nobody asks). */
MUST_CHECK enum err store_emit(struct store_txn *txn, uint64_t issuer_id,
                               const struct statement *statements, size_t count, bool fill,
                               const struct serial *old_last, bool *ret_kept);
