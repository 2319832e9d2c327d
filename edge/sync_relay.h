/* SPDX-License-Identifier: Apache-2.0 */
/* What an edge with `relay: true` keeps of what it applies (edge/store_relay.h), in the transaction
 * that applies it, so that nothing is fetched twice. What the copy lacks all the same, because it
 * was switched on later or given up, edge/relay_fill.h fetches.
 *
 * The copy comes second: when there is no room for both, it is given up, and the edge goes on
 * without it for SYNC_RELAY_AGAIN_S. */
#pragma once

#include "edge/store.h"
#include "edge/sync_core.h"
#include "edge/sync_tails.h"

#define SYNC_RELAY_AGAIN_S 3600u

struct sync_relay {
    bool configured;
    bool on;          /* what is applied is kept */
    bool clearing;    /* what is left of a copy could not be removed yet */
    uint64_t again_s; /* wall clock; when it is not on */
};

/** `configured` or not: in the second case what is left of a copy is to go. */
void sync_relay_start(struct sync_relay *relay, bool configured);
/** For want of room: the copy goes, now or as soon as there is room for that. */
void sync_relay_give_up(struct sync_relay *relay, struct store *store, uint64_t now_s,
                        uint64_t *counters);
/** Now and then: removes what is left, begins again. ERR_DISK_FULL, ERR_IO, ERR_STORE: of this
 *  machine; tried again the next time. */
MUST_CHECK enum err sync_relay_tidy(struct sync_relay *relay, struct store *store, uint64_t now_s);

/* --- within a transaction; all of them ERR_DISK_FULL, ERR_STORE --- */

/** A pack, which has been checked. */
MUST_CHECK enum err sync_relay_keep_pack(struct store_txn *txn, const struct log_range *pack,
                                         struct span wire);
/** The blob of a path. `octets`: empty when the store has it. ERR_NOT_FOUND. */
MUST_CHECK enum err sync_relay_keep_blob(struct store_txn *txn, const struct blob_path *path,
                                         struct span octets);
/** The entry that the core has verified. */
MUST_CHECK enum err sync_relay_keep_entry(struct store_txn *txn, const struct sync_core *core);
/** The index that the core has verified, and its tail packs. */
MUST_CHECK enum err sync_relay_keep_index(struct store_txn *txn, const struct sync_core *core,
                                          const struct sync_packs *packs, struct buffer *scratch);
/** After everything else of a transaction: the newest head, when the copy is whole with it. The
 *  log number of a head that was put, else 0. */
MUST_CHECK enum err sync_relay_keep_head(struct store_txn *txn, const struct sync_core *core,
                                         uint64_t *ret_log_number);
