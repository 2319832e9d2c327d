/* SPDX-License-Identifier: Apache-2.0 */
/* How far an issuer's feed has been followed (docs/formats.md, "Feed"), in the status database, so
 * that one transaction makes an event's change and says that it was made.
 *
 * Table `meta`, integers big-endian:
 *   "feed" || issuer id 8   version 1 (= 1), seq 8, SHA-256 of that event's line 32, sequence of
 * the database after it 8 "told" || issuer id 8   version 1 (= 1), log number 8: the issuer was
 * told of entries up to it
 */
#pragma once

#include "lib/digest.h"
#include "presigner/status_db.h"

struct feed_position {
    uint64_t seq; /* 0: none yet */
    struct sha256 hash;
    uint64_t sequence; /* changes up to here include all that the events made */
};

/** All zeros when there is none. ERR_STORE. */
MUST_CHECK enum err feed_position_get(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                      struct feed_position *ret);
MUST_CHECK enum err feed_position_put(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                      const struct feed_position *position);

/** ERR_NOT_FOUND: nothing was told yet. ERR_STORE. */
MUST_CHECK enum err feed_told_get(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  uint64_t *ret_log_number);
MUST_CHECK enum err feed_told_put(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  uint64_t log_number);
