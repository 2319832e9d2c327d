/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment of the presigner: the status of every certificate, the log of changes, and
 * the publication's own databases, so that one write transaction spans all of them.
 *
 * Several processes use it at once (the daemon publishes while `statim import` writes). LMDB lets
 * one writer in at a time; a commit is durable when it returns. Readers never wait.
 *
 * Database     key                             value
 * cert         wire key (lib/serial.h)         cert record
 * change       sequence 8                      wire key || cert record as of that sequence
 * meta         "layout"                        version 1
 * meta         "count" || issuer id 8          good 8, revoked 8
 * meta         "feed", "told" || issuer id 8   presigner/feed_position.h
 *
 * Cert records: presigner/cert_record.h; status_writer.h makes changes. All integers big-endian.
 * Table `revoked`: presigner/revoked_index.h; `commit`: presigner/commit_times.h. The others belong
 * to presigner/publish_record.h and presigner/crl_record.h.
 *
 * Sequences count accepted changes from 1 without gaps, in commit order: the order of changes is
 * theirs, never a clock's. Change records are only ever appended. */
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "presigner/cert_record.h"

/* enum, name in the environment */
#define STATUS_DB_TABLE(X)        \
    X(CERT, "cert")               \
    X(CHANGE, "change")           \
    X(META, "meta")               \
    X(RANGE, "range")             \
    X(TAIL, "tail")               \
    X(TEMPLATE, "template")       \
    X(LOG, "log")                 \
    X(GARBAGE, "garbage")         \
    X(PUBLICATION, "publication") \
    X(REVOKED, "revoked")         \
    X(CRL, "crl")                 \
    X(PATH, "path")               \
    X(COMMIT, "commit")

enum status_table {
#define X(name, text) STATUS_##name,
    STATUS_DB_TABLE(X)
#undef X
        STATUS_TABLE_COUNT
};

#define STATUS_DB_LAYOUT         1
#define STATUS_MAP_BYTES_DEFAULT (64ull << 30)

struct status_db {
    MDB_env *env;
    MDB_dbi dbi[STATUS_TABLE_COUNT];
    pthread_rwlock_t map_lock; /* read: the map stays where it is while a transaction begins */
    unsigned open_count;       /* of transactions; atomic */
};

/** Opens <state_dir>/status, made when missing (the directory too), and all tables. The map size is
 *  how far it may grow; the file is sparse. ERR_IO, ERR_DISK_FULL, ERR_UNSUPPORTED (layout),
 *  ERR_STORE, ERR_MEMORY. */
MUST_CHECK enum err status_db_open(const char *state_dir, uint64_t map_size_bytes,
                                   struct status_db **ret);
/** All transactions must have ended. Takes NULL, returns NULL. */
struct status_db *status_db_close(struct status_db *db);

/** The error of an LMDB return code: MDB_NOTFOUND is ERR_NOT_FOUND, a full disk ERR_DISK_FULL, a
 *  full map (raise map_size_bytes) ERR_LIMIT, no memory ERR_MEMORY, an environment that LMDB
 * has given up (a meta page could not be written: end the process) ERR_BROKEN, all else ERR_STORE.
 */
MUST_CHECK enum err status_db_err(int lmdb_code);

/** Transactions. When another process has made the file larger than our map, the map is made
 *  anew; that cannot be while another transaction of ours uses the old one: then ERR_BUSY, and the
 *  same call succeeds once that has ended. Read transactions are not bound to a thread (MDB_NOTLS);
 * a write transaction is. status_txn_write() waits for other writers, also those of other
 * processes. */
MUST_CHECK enum err status_txn_read(struct status_db *db, MDB_txn **ret);
MUST_CHECK enum err status_txn_write(struct status_db *db, MDB_txn **ret);
/** Durable when it returns ERR_OK; the transaction has ended either way. */
MUST_CHECK enum err status_txn_commit(MDB_txn *txn);
/** Ends a read transaction, drops a write transaction. Takes NULL; returns NULL. */
MDB_txn *status_txn_abort(MDB_txn *txn);

/** The newest sequence; 0 when there is none. */
MUST_CHECK enum err status_last_sequence(struct status_db *db, MDB_txn *txn, uint64_t *ret);
/** The same in a read transaction of its own: cheap enough to poll. */
MUST_CHECK enum err status_poll_sequence(struct status_db *db, uint64_t *ret);

/** ERR_NOT_FOUND: the certificate is unknown. */
MUST_CHECK enum err status_get(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                               const struct serial *serial, struct cert_record *ret);

struct status_counts {
    uint64_t good;
    uint64_t revoked;
};
/** Certificates of an issuer, expired ones included; kept by the writer, so it costs one read. */
MUST_CHECK enum err status_counts(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  struct status_counts *ret);

/* The key and the size of a count record, for the writer. */
#define STATUS_COUNT_KEY_BYTES 13
#define STATUS_COUNT_BYTES     16
MDB_val status_count_key(uint64_t issuer_id, uint8_t room[static STATUS_COUNT_KEY_BYTES]);

/* Changes in order of sequence. */
struct status_change {
    uint64_t issuer_id;
    struct serial serial;
    struct cert_record record; /* as of record.sequence */
};

struct status_change_cursor {
    MDB_cursor *cursor;
    uint64_t after;
};

/** Those with a sequence above `after_sequence`. The cursor ends before its transaction does. */
MUST_CHECK enum err status_changes_begin(struct status_db *db, MDB_txn *txn,
                                         uint64_t after_sequence, struct status_change_cursor *ret);
/** ERR_NOT_FOUND: no more. ERR_STORE: a record that cannot be. */
MUST_CHECK enum err status_changes_next(struct status_change_cursor *c, struct status_change *ret);
void status_changes_end(struct status_change_cursor *c);

/* Certificates of one issuer in key order. */
struct status_cert {
    struct serial serial;
    struct cert_record record;
};

struct status_cert_cursor {
    MDB_cursor *cursor;
    uint64_t issuer_id;
    struct serial until;
    struct serial after;
    bool started;
};

/** Those with `after` < serial <= `until`; both may be bounds (lib/serial.h). */
MUST_CHECK enum err status_certs_begin(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                       const struct serial *after, const struct serial *until,
                                       struct status_cert_cursor *ret);
/** ERR_NOT_FOUND: no more. ERR_STORE: a record that cannot be. */
MUST_CHECK enum err status_certs_next(struct status_cert_cursor *c, struct status_cert *ret);
void status_certs_end(struct status_cert_cursor *c);
