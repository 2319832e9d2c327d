/* SPDX-License-Identifier: Apache-2.0 */
/* Store: the edge's LMDB environment as the sync process writes it (edge/store_format.h).
 *
 * Crash safety. A commit syncs its pages before it writes its meta page, and the meta page goes to
 * disk with the next commit (MDB_NOMETASYNC): a power cut can lose the last transaction, never the
 * database. The position is in the same transaction as the data it tells of, so a lost transaction
 * is fetched and applied again. Only the first filling of an empty store runs without any sync
 * (store_bulk_start): a marker file beside the database names the boot in which that began, and a
 * marker of another boot makes store_prepare() remove the half-filled database. A killed process
 * harms neither mode.
 *
 * When a meta page cannot be written, LMDB does no more for the process (ERR_BROKEN from every
 * transaction after it): it must end, and another go on.
 *
 * One thread uses a store. At most one write transaction is open at a time. */
#pragma once

#include "edge/store_format.h"
#include "lib/template.h"

struct store;
struct store_txn;

struct store_config {
    const char *path;   /* folder; made when missing unless read_only */
    uint64_t map_bytes; /* the largest size the database may grow to; sparse */
    bool read_only;
};

/** Removes a database whose unsynced filling did not outlive the machine. Call it before any
 * process opens the store; store_open() calls it too. ERR_IO, ERR_LIMIT (path). */
MUST_CHECK enum err store_prepare(const char *path);

/** ERR_STORE, ERR_DISK_FULL, ERR_IO, ERR_MEMORY, ERR_NOT_FOUND (read_only and not there),
 * ERR_UNSUPPORTED (pages of another size than STORE_PAGE_BYTES). */
MUST_CHECK enum err store_open(const struct store_config *config, struct store **ret);
/** No transaction may be open. NULL in, NULL out. */
struct store *store_close(struct store *store);

/** From here commits do not sync. Only when the store has never been complete; does nothing where
 *  the boot cannot be told. ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err store_bulk_start(struct store *store);
/** Syncs everything committed so far; later commits sync again. Before the commit that says
 *  "complete". */
MUST_CHECK enum err store_bulk_finish(struct store *store);
/** Removes the marker; after that commit. */
MUST_CHECK enum err store_bulk_forget(struct store *store);

/** Frees the reader slots of processes that died. Cheap; now and then. */
void store_reap_readers(struct store *store);

/** The position as committed; all zero in an empty store. */
MUST_CHECK enum err store_position_read(struct store *store, struct position *ret);

/** A transaction; each ends with store_commit() or store_abort(). ERR_BROKEN, ERR_STORE,
 * ERR_MEMORY. */
MUST_CHECK enum err store_read(struct store *store, struct store_txn **ret);
MUST_CHECK enum err store_write(struct store *store, struct store_txn **ret);
/** Writes position and change record, and commits. On failure nothing of the transaction is kept.
 *  The transaction is gone either way. ERR_DISK_FULL, ERR_IO, ERR_STORE. */
MUST_CHECK enum err store_commit(struct store_txn *txn, struct position *ret_position);
/** NULL in, NULL out. */
struct store_txn *store_abort(struct store_txn *txn);

/** The transaction's position: changed in place, written at commit. commit and statement_count
 *  belong to the store. */
struct position *store_position(struct store_txn *txn);

/** The hash of the issuers that the store is filled for (edge/issuer_set.h); zero when it has never
 * been put. ERR_UNSUPPORTED. */
MUST_CHECK enum err store_get_issuers(struct store_txn *txn, struct sha256 *ret);
MUST_CHECK enum err store_put_issuers(struct store_txn *txn, const struct sha256 *hash);

/** ERR_NOT_FOUND. The signature borrows the database until the transaction ends or writes. */
MUST_CHECK enum err store_find(struct store_txn *txn, uint64_t issuer_id,
                               const struct serial *serial, struct statement *ret);

/** ERR_CONFLICT: the number is taken by other content. Equal content is no change. */
MUST_CHECK enum err store_put_template(struct store_txn *txn, const struct ocsp_template *t);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err store_get_template(struct store_txn *txn, uint64_t issuer_id,
                                       uint16_t template_no, struct ocsp_template *ret);

/* The templates of one issuer. */
struct store_templates {
    uint64_t issuer_id;
    uint32_t count;
    uint16_t newest; /* the largest number */
};
/** Of the first issuer that has any, from `from` on. ERR_NOT_FOUND: none. */
MUST_CHECK enum err store_next_templates(struct store_txn *txn, uint64_t from,
                                         struct store_templates *ret);

/** Walks all blocks in key order, from an empty `issuer` and SERIAL_BEFORE_ALL: gives the first
 * block whose key is above (issuer, last). ERR_NOT_FOUND at the end. For tools and tests. */
MUST_CHECK enum err store_next_block(struct store_txn *txn, uint64_t *issuer_id,
                                     struct serial *last, struct span *ret_wire);
