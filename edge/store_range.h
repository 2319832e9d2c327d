/* SPDX-License-Identifier: Apache-2.0 */
/* Whole key ranges of the store: replaced, merged with tails, deleted. */
#pragma once

#include "edge/store.h"
#include "lib/pack.h"

/** All statements of (after, until] of the issuer are now what the opened pack has; its blocks are
 *  copied as they are. `pack` NULL: the range is emptied. Bounds of the pack must be inside; issuer
 *  the same. ERR_DISK_FULL, ERR_STORE. After an error the transaction can only be aborted. */
MUST_CHECK enum err store_replace_range(struct store_txn *txn, uint64_t issuer_id,
                                        const struct serial *after, const struct serial *until,
                                        const struct pack_reader *pack);

/** Puts in the statements of an opened tail pack that lie in (after, until]. `*cursor` starts at 0
 *  and is kept between calls with ascending ranges, so that one pass over the pack serves them all.
 */
MUST_CHECK enum err store_merge_tail(struct store_txn *txn, const struct pack_reader *pack,
                                     const struct serial *after, const struct serial *until,
                                     size_t *cursor);

/** Deletes all blocks of issuers for which keep_issuer is false, and all templates for which
 *  keep_template is false. */
struct store_keep {
    void *context;
    bool (*keep_issuer)(void *context, uint64_t issuer_id);
    bool (*keep_template)(void *context, uint64_t issuer_id, uint16_t template_no);
};
MUST_CHECK enum err store_drop_others(struct store_txn *txn, const struct store_keep *keep);
