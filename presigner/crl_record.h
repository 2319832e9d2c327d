/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of each published CRL, the CRL numbers, and what is at each URL path.
 *
 * Table `crl`: key issuer id 8 | shard 4; value version 1 (= 1), number 8, covers sequence 8,
 * thisUpdate 8, nextUpdate 8, next planned 8, entries 4, size 8, SHA-256 32, lease generation 8.
 * Under CRL_SHARD_NONE: version 1, the last number given away 8.
 * Table `path`: key URL path; value path entry (lib/blob_path.h). Integers big-endian. */
#pragma once

#include "lib/blob_path.h"
#include "lib/crl_shard.h"
#include "presigner/publish_db.h"

struct crl_record {
    uint64_t number;
    uint64_t covers_sequence; /* the state it was made from */
    uint64_t this_update_s;
    uint64_t next_update_s;
    uint64_t next_planned_s;
    uint32_t entry_count;
    uint64_t bytes;
    struct sha256 blob;
    uint64_t lease_generation; /* of the presigner that made it; 0: from before there were leases */
};

/** ERR_NOT_FOUND: none was published. */
MUST_CHECK enum err crl_record_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                   uint32_t shard, struct crl_record *ret);
MUST_CHECK enum err crl_record_put(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                   uint32_t shard, const struct crl_record *record);
/** Gives `count` numbers away for ever: once the transaction is committed, whatever happens next,
 *  none of them is given again. */
MUST_CHECK enum err crl_numbers_take(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                     uint64_t count, uint64_t *ret_first);
/** Gives all numbers up to `last` away. */
MUST_CHECK enum err crl_numbers_raise(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                      uint64_t last);

MUST_CHECK enum err path_record_put(const struct publish_db *db, MDB_txn *txn,
                                    const struct blob_path *path);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err path_record_delete(const struct publish_db *db, MDB_txn *txn, struct span path);
/** Borrows the transaction. ERR_NOT_FOUND. */
MUST_CHECK enum err path_record_get(const struct publish_db *db, MDB_txn *txn, struct span path,
                                    struct blob_path *ret);
