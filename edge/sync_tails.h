/* SPDX-License-Identifier: Apache-2.0 */
/* The tail packs of an index, put in together with the ranges they belong to. The index is read
 * once for the list; the packs of the issuer at hand are kept in memory. */
#pragma once

#include "edge/issuer_set.h"
#include "edge/store.h"
#include "lib/index.h"
#include "lib/os/file.h"
#include "lib/pack.h"

/** How packs that were verified before are reached again. */
struct sync_packs {
    void *context;
    /** Gives the octets: borrowed from the callee's memory, or read into `scratch`, checked against
     *  the hash. ERR_NOT_FOUND, ERR_HASH, ERR_IO, ERR_MEMORY. */
    enum err (*read)(void *context, const struct log_range *pack, struct buffer *scratch,
                     struct span *ret);
};

struct sync_tail {
    struct buffer octets;
    struct span wire;
    struct pack_reader pack;
    size_t cursor;
};

struct sync_tails {
    struct sha256 index_hash; /* whose list this is */
    struct log_range *list;
    uint32_t count;
    const struct issuer_set *issuers; /* those of others are left out; borrowed; NULL: all */
    uint64_t issuer_id;               /* whose packs are open */
    struct serial reached; /* upper bound of the range merged last: behind it the cursors stand */
    struct sync_tail *open;
    uint32_t open_count;
};

/** ERR_MEMORY. */
MUST_CHECK enum err sync_tails_load(struct sync_tails *t, const struct index_reader *index,
                                    const struct sha256 *index_hash);
/** Puts the tails' statements of (after, until] into the store. */
MUST_CHECK enum err sync_tails_merge(struct sync_tails *t, const struct sync_packs *packs,
                                     struct store_txn *txn, uint64_t issuer_id,
                                     const struct serial *after, const struct serial *until);
/** Every tail's templates and statements, once each: for checks before they are used. */
MUST_CHECK enum err
sync_tails_each(struct sync_tails *t, const struct sync_packs *packs,
                enum err (*check)(void *context, const struct pack_reader *pack), void *context);
/** Forgets everything but `issuers`. */
void sync_tails_done(struct sync_tails *t);
