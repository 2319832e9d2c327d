/* SPDX-License-Identifier: Apache-2.0 */
/* What fetched octets must be before the sync core lets them pass. Pure. */
#pragma once

#include "edge/store_format.h"
#include "edge/sync_counters.h"
#include "lib/head.h"
#include "lib/index.h"
#include "lib/pack.h"

bool sync_hash_is_zero(const struct sha256 *hash);

/** A head against the position, the newest head verified, and the time of the log entry that the
 * position stands at. Errors of head_open() and head_check(), ERR_REPLAY (older than the newest
 * one, of the same second with a lower number, or not of the time that its number has beside our
 * entry, see edge/sync_lane.h). ERR_CHAIN also fills *ret: such a head is genuine. */
MUST_CHECK enum err sync_check_head(const struct verify_key *key, const struct position *position,
                                    const struct head *newest, uint64_t entry_time_s,
                                    uint64_t now_s, struct span bytes, struct head *ret);
/** The counter of a head's refusal. */
enum sync_counter sync_head_counter(enum err err);

/** The entry after the position. Errors of log_entry_open(), ERR_REPLAY (another number), ERR_CHAIN
 *  (another predecessor), ERR_HASH (the head has another hash for it). */
MUST_CHECK enum err sync_check_log(const struct verify_key *key, const struct position *position,
                                   const struct head *head, struct span bytes,
                                   struct log_entry *ret, struct sha256 *ret_hash);

/** The index of that hash. ERR_HASH, ERR_NETWORK, ERR_CONFLICT (with the head that names it),
 * errors of index_open(). */
MUST_CHECK enum err sync_check_index(const struct verify_key *key, const struct head *head,
                                     const struct sha256 *wanted, struct span bytes,
                                     struct index_reader *ret);

/** The pack that was announced. ERR_HASH, ERR_CONFLICT (kind, issuer, bounds or count differ),
 * errors of pack_open(). */
MUST_CHECK enum err sync_check_pack(const struct log_range *wanted, enum pack_kind kind,
                                    struct span bytes);

/** The blob that a path names. ERR_HASH: size or hash differ. */
MUST_CHECK enum err sync_check_blob(const struct blob_path *wanted, struct span bytes);
