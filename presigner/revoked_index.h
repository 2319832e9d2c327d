/* SPDX-License-Identifier: Apache-2.0 */
/* The revoked certificates of each CRL shard in serial order: what a CRL is made from without a
 * look at all that are good. Kept by status_writer.h in the transaction of the change; made once by
 * revoked_index_step() for certificates from before the issuer had CRLs.
 *
 * Table `revoked`: key issuer id 8 | shard 4 | serial size 1, octets; value version 1 (= 1),
 * reason 1, revoked_at 4, not_after 4, sequence 8.
 * Table `meta`: key "shards" | issuer id 8; value crl_sets (crl_shard.h). */
#pragma once

#include "lib/crl_shard.h"
#include "presigner/status_db.h"

/** The sets of the issuer; none (count 0) when it has no CRLs. */
MUST_CHECK enum err crl_sets_get(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                 struct crl_sets *ret);
/** Makes the set current in a transaction of its own; nothing is written when it is already.
 *  ERR_CONFLICT (the set has another count), ERR_LIMIT. */
MUST_CHECK enum err crl_sets_configure(struct status_db *db, uint64_t issuer_id,
                                       const struct crl_set *set, struct crl_sets *ret);

/** For the writer: puts or replaces. The record is revoked and has a shard. */
MUST_CHECK enum err revoked_index_put(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                      const struct serial *serial,
                                      const struct cert_record *record);

struct revoked_cursor {
    MDB_cursor *cursor;
    uint8_t prefix[12];
    size_t prefix_size;
    bool started;
};
/** Those of a shard in serial order; CRL_SHARD_FULL: of all the issuer's shards, one after the
 *  other. */
MUST_CHECK enum err revoked_begin(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                                  uint32_t shard, struct revoked_cursor *ret);
/** The record's status is revoked, its shard is set. ERR_NOT_FOUND: no more. ERR_STORE. */
MUST_CHECK enum err revoked_next(struct revoked_cursor *c, struct status_cert *ret);
void revoked_end(struct revoked_cursor *c);

/** Looks at the next certificates above `*after`, in one short transaction, gives revoked ones a
 *  shard of the first set when they have none, and puts them in the index. Marks the sets as
 *  indexed at the end. `*after` starts as SERIAL_BEFORE_ALL. */
MUST_CHECK enum err revoked_index_step(struct status_db *db, uint64_t issuer_id,
                                       struct serial *after, bool *ret_done);
