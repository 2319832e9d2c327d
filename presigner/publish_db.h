/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the publication's databases (publish_record.h). The caller owns transactions.
 * Errors: ERR_NOT_FOUND, those of status_db_err(), and those of the record readers. */
#pragma once

#include <lmdb.h>

#include "lib/template.h"
#include "presigner/publish_record.h"
#include "presigner/status_db.h"

struct publish_db {
    MDB_dbi range;
    MDB_dbi tail;
    MDB_dbi template_;
    MDB_dbi log;
    MDB_dbi garbage;
    MDB_dbi publication;
    MDB_dbi crl;
    MDB_dbi path;
};

/** The publication's tables of an open status database. */
struct publish_db publish_db_of(const struct status_db *status);

/** Zeros with log_first 1 when there is none yet. */
MUST_CHECK enum err publish_db_state_get(const struct publish_db *db, MDB_txn *txn,
                                         struct publish_state *ret);
MUST_CHECK enum err publish_db_state_put(const struct publish_db *db, MDB_txn *txn,
                                         const struct publish_state *state);

/** The range that has `serial` in it (or whose until bound it is). */
MUST_CHECK enum err publish_db_range_of(const struct publish_db *db, MDB_txn *txn,
                                        uint64_t issuer_id, const struct serial *serial,
                                        struct range_record *ret);
MUST_CHECK enum err publish_db_range_put(const struct publish_db *db, MDB_txn *txn,
                                         const struct range_record *range);
MUST_CHECK enum err publish_db_range_delete(const struct publish_db *db, MDB_txn *txn,
                                            const struct range_record *range);

MUST_CHECK enum err publish_db_tail_put(const struct publish_db *db, MDB_txn *txn,
                                        const struct tail_record *tail);
MUST_CHECK enum err publish_db_tail_get(const struct publish_db *db, MDB_txn *txn,
                                        uint64_t issuer_id, const struct serial *serial,
                                        struct tail_record *ret);

/** Number of the issuer's newest template and its content. */
MUST_CHECK enum err publish_db_template_last(const struct publish_db *db, MDB_txn *txn,
                                             uint64_t issuer_id, struct ocsp_template *ret);
MUST_CHECK enum err publish_db_template_get(const struct publish_db *db, MDB_txn *txn,
                                            uint64_t issuer_id, uint16_t template_no,
                                            struct ocsp_template *ret);
MUST_CHECK enum err publish_db_template_put(const struct publish_db *db, MDB_txn *txn,
                                            const struct ocsp_template *t);

MUST_CHECK enum err publish_db_log_get(const struct publish_db *db, MDB_txn *txn, uint64_t number,
                                       struct log_record *ret);
MUST_CHECK enum err publish_db_log_put(const struct publish_db *db, MDB_txn *txn,
                                       const struct log_record *record);
MUST_CHECK enum err publish_db_log_delete(const struct publish_db *db, MDB_txn *txn,
                                          uint64_t number);

/** When a name was first seen without a reference; `name` is kind and name together. */
MUST_CHECK enum err publish_db_garbage_get(const struct publish_db *db, MDB_txn *txn,
                                           struct span name, uint64_t *ret_since_s);
MUST_CHECK enum err publish_db_garbage_put(const struct publish_db *db, MDB_txn *txn,
                                           struct span name, uint64_t since_s);
/** Nothing happens when it is not there. */
MUST_CHECK enum err publish_db_garbage_delete(const struct publish_db *db, MDB_txn *txn,
                                              struct span name);

/** Walks a database in key order from a start. Closed by publish_cursor_close(). */
struct publish_cursor {
    MDB_cursor *cursor;
    MDB_cursor_op next;
    uint8_t start[KEY_BYTES_MAX + 1];
    size_t start_size;
};
/** Starts at the first key that is not below `start`. */
MUST_CHECK enum err publish_cursor_open(MDB_txn *txn, MDB_dbi dbi, struct span start,
                                        struct publish_cursor *ret);
/** ERR_NOT_FOUND at the end. Key and value borrow the transaction. */
MUST_CHECK enum err publish_cursor_next(struct publish_cursor *c, struct span *ret_key,
                                        struct span *ret_value);
void publish_cursor_close(struct publish_cursor *c);
