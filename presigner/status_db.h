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
 *
 * Cert record: version 1 (= 1), status 1, reason 1, revoked_at 4, not_after 4, sequence 8, shard 4.
 * All integers big-endian. The other tables belong to presigner/publish_record.h.
 *
 * Sequences count accepted changes from 1 without gaps, in commit order: the order of changes is
 * theirs, never a clock's. Change records are only ever appended. */
#pragma once

#include <lmdb.h>

#include "lib/facts.h"

/* enum, name in the environment */
#define STATUS_DB_TABLE(X)  \
    X(CERT, "cert")         \
    X(CHANGE, "change")     \
    X(META, "meta")         \
    X(RANGE, "range")       \
    X(TAIL, "tail")         \
    X(TEMPLATE, "template") \
    X(LOG, "log")           \
    X(GARBAGE, "garbage")   \
    X(PUBLICATION, "publication")

enum status_table {
#define X(name, text) STATUS_##name,
    STATUS_DB_TABLE(X)
#undef X
        STATUS_TABLE_COUNT
};

#define STATUS_DB_LAYOUT         1
#define CERT_RECORD_VERSION      1
#define CERT_RECORD_BYTES        23
#define STATUS_MAP_BYTES_DEFAULT (64ull << 30)

/* What is known of one certificate. No record: unknown. */
struct cert_record {
    uint8_t status; /* enum cert_status */
    uint8_t reason; /* enum reason */
    uint32_t revoked_at_s;
    uint32_t not_after_s;
    uint64_t sequence; /* of the change that made it so */
    uint32_t shard;    /* CRL shard, fixed when first set; 0: none */
};

void cert_record_write(const struct cert_record *record, uint8_t ret[static CERT_RECORD_BYTES]);
/** ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED (version), ERR_MALFORMED (status, reason, or a good
 *  certificate with a revocation). */
MUST_CHECK enum err cert_record_read(struct span value, struct cert_record *ret);

/** Whether the statement of a certificate may be dropped: `grace_s` have passed since notAfter. */
static inline bool cert_expired(const struct cert_record *record, uint64_t grace_s, uint64_t now_s)
{
    return now_s > record->not_after_s + grace_s;
}

/** The state lattice, pure: joins what is claimed into what is known (NULL: unknown) and tells
 *  whether anything changed. Unknown < good < revoked: a revoked certificate never becomes good,
 * and the first accepted revocation keeps its time and reason, with one exception: a reason may
 * become keyCompromise, and the time then becomes the earlier of both (CA/B Baseline
 * Requirements 7.2.2). notAfter becomes the later of both; a shard once set stays. `sequence` is
 * left as known. */
bool cert_record_join(const struct cert_record *known, const struct cert_record *claimed,
                      struct cert_record *ret);

struct status_db {
    MDB_env *env;
    MDB_dbi dbi[STATUS_TABLE_COUNT];
};

/** Opens <state_dir>/status, made when missing (the directory too), and all tables. The map size is
 *  how far it may grow; the file is sparse. ERR_IO, ERR_DISK_FULL, ERR_UNSUPPORTED (layout),
 *  ERR_STORE, ERR_MEMORY. */
MUST_CHECK enum err status_db_open(const char *state_dir, uint64_t map_size_bytes,
                                   struct status_db **ret);
/** All transactions must have ended. Takes NULL, returns NULL. */
struct status_db *status_db_close(struct status_db *db);

/** The error of an LMDB return code: MDB_NOTFOUND is ERR_NOT_FOUND, a full disk ERR_DISK_FULL, a
 *  full map (raise map_size_bytes) ERR_LIMIT, no memory ERR_MEMORY, all else ERR_STORE. */
MUST_CHECK enum err status_db_err(int lmdb_code);

/** Transactions. Read transactions are not bound to a thread (MDB_NOTLS); a write transaction is.
 *  status_txn_write() waits for other writers, also those of other processes. */
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
