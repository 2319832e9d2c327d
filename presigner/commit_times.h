/* SPDX-License-Identifier: Apache-2.0 */
/* When revocations were accepted: the wall clock of each commit of the status database that has
 * one, until they are published. For the histograms of the fast lane; nothing is decided by it.
 *
 * Table `commit`: key the last sequence of the transaction (8), value version 1 (= 1), wall clock
 * in milliseconds (8). */
#pragma once

#include "presigner/status_db.h"

/** Within the transaction that makes the changes. ERR_LIMIT, ERR_STORE. */
MUST_CHECK enum err commit_times_put(const struct status_db *db, MDB_txn *txn,
                                     uint64_t last_sequence, uint64_t wall_ms);
/** Forgets those up to `until_sequence`, which are published, and gives the time of the first there
 *  was; 0: none. ERR_STORE. */
MUST_CHECK enum err commit_times_take(const struct status_db *db, MDB_txn *txn,
                                      uint64_t until_sequence, uint64_t *ret_first_ms);
