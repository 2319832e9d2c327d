/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of the publication that an edge with `relay: true` keeps in its store, octet for octet,
 * and serves to other edges (edge/answer_relay.h): the newest head that it is whole with, log
 * entries by number, index, packs and blobs by hash.
 *
 * The copy is whole when it has the index of store_relay_whole(), every file that this names, all
 * log entries behind it up to the store's position, and every file that these name. Only then is
 * there a head. Log entries are always in a row, without gaps.
 *
 * A value above ANSWER_FILE_COPY_MAX is on pages of its own, which stay where they are while the
 * record does: serve sends from the map. What is smaller is copied while the snapshot is held. A
 * file that the copy can do without is therefore kept for STORE_RELAY_KEEP_S: longer than a
 * transfer may take, and as long as the presigner keeps what it has replaced.
 *
 * Whoever puts a file in has checked it. */
#pragma once

#include "edge/relay_set.h"
#include "edge/store.h"

#define STORE_RELAY_KEEP_S 3600u

struct relay_copy {
    struct sha256 hash; /* of the octets */
    struct span octets; /* borrow the database until the record goes */
};
/** ERR_NOT_FOUND. */
MUST_CHECK enum err store_relay_get(struct store_txn *txn, const struct relay_name *name,
                                    struct relay_copy *ret);
/** A file that is there is left alone, and needed again. `octets` may be in the database, from an
 *  earlier transaction. ERR_DISK_FULL. */
MUST_CHECK enum err store_relay_put(struct store_txn *txn, const struct relay_name *name,
                                    const struct sha256 *hash, struct span octets);

/** The log entries that are there. ERR_NOT_FOUND: none. */
MUST_CHECK enum err store_relay_log(struct store_txn *txn, uint64_t *ret_first, uint64_t *ret_last);
/** Puts an entry behind the newest one. One that does not follow it is the first of a new row: then
 *  the old one goes, and the copy is not whole. */
MUST_CHECK enum err store_relay_append(struct store_txn *txn, uint64_t number,
                                       const struct sha256 *hash, struct span octets);
/** Removes entries below `first`, STORE_RELAY_TRIM_MAX at a time. */
#define STORE_RELAY_TRIM_MAX 1000u
MUST_CHECK enum err store_relay_trim(struct store_txn *txn, uint64_t first);
/** The store has gone to a state by an index: the copy is not whole, and entries stay only when
 *  they lead to exactly there. */
MUST_CHECK enum err store_relay_jump(struct store_txn *txn, uint64_t number,
                                     const struct sha256 *hash);

/* The index that the copy is whole with; zero when the publication has none. */
struct relay_whole {
    uint64_t index_log;
    struct sha256 index_hash;
};
/** ERR_NOT_FOUND: the copy is not whole. */
MUST_CHECK enum err store_relay_whole(struct store_txn *txn, struct relay_whole *ret);
/** `needed`: what this index and the log behind it name. What else is there is unused from now on.
 *  ERR_MEMORY. */
MUST_CHECK enum err store_relay_set_whole(struct store_txn *txn, const struct relay_whole *whole,
                                          const struct relay_set *needed, uint64_t now_s);
/** Puts the head that the copy is whole with; the next snapshot has it. The same again is no
 *  change. */
MUST_CHECK enum err store_relay_put_head(struct store_txn *txn, struct span octets);
/** There is no whole copy, and no head, any more. */
MUST_CHECK enum err store_relay_break(struct store_txn *txn);

/** Removes what has been unused for STORE_RELAY_KEEP_S; counts it. A clock that was put back keeps
 *  it longer. ERR_MEMORY. */
MUST_CHECK enum err store_relay_collect(struct store_txn *txn, uint64_t now_s,
                                        uint64_t *ret_removed);
/** Removes everything of the copy. */
MUST_CHECK enum err store_relay_clear(struct store_txn *txn);
/** Whether there is anything of a copy. */
MUST_CHECK enum err store_relay_empty(struct store_txn *txn, bool *ret);
