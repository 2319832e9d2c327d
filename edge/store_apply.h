/* SPDX-License-Identifier: Apache-2.0 */
/* Single statements into the store: each goes into the block that would hold it. */
#pragma once

#include "edge/store.h"

/** Puts in or replaces statements of one issuer, in ascending key order; signatures must not borrow
 *  the store. ERR_ORDER, ERR_LIMIT (a statement no block can hold), ERR_DISK_FULL, ERR_STORE. After
 *  an error the transaction can only be aborted. */
MUST_CHECK enum err store_upsert(struct store_txn *txn, uint64_t issuer_id,
                                 const struct statement *statements, size_t count);
/** One statement. */
MUST_CHECK enum err store_apply_statement(struct store_txn *txn, uint64_t issuer_id,
                                          const struct statement *statement);
