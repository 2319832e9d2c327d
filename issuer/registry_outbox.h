/* SPDX-License-Identifier: Apache-2.0 */
/* The audit outbox: leaves of the audit log that still have to go elsewhere. A leaf gets its row in
 * the transaction that it is about. Nothing here is proof of anything: the log is. See registry.h
 * for what holds for every function. */
#pragma once

#include "issuer/registry.h"

struct registry_leaf {
    struct sha256 log;   /* which log: audit_log_id() */
    uint64_t leaf_index; /* in that log */
    struct span event;   /* its octets; canonical JSON */
};

typedef enum err (*registry_leaf_row)(void *context, const struct registry_leaf *row);

/** A leaf that is there already is no error. ERR_CONFLICT: with other octets, so the log went back.
 * A log that is begun anew (docs/operations.md) is another one, with indexes of its own. */
MUST_CHECK enum err registry_outbox_add(struct registry *r, const struct registry_leaf *leaf);
/** Those not shipped, by index, at most `limit`. A leaf may appear below one that was given before:
 * transactions end in any order. */
MUST_CHECK enum err registry_outbox_next(struct registry *r, size_t limit, registry_leaf_row row,
                                         void *context);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_outbox_shipped(struct registry *r, const struct registry_leaf *leaf,
                                            uint64_t at_s);
/** The leaf of a log with the highest index that some transaction has written; its event belongs to
 * the registry. ERR_NOT_FOUND: none of this log. */
MUST_CHECK enum err registry_outbox_last(struct registry *r, const struct sha256 *log,
                                         struct registry_leaf *ret);
/** How many are not shipped. */
MUST_CHECK enum err registry_outbox_lag(struct registry *r, uint64_t *ret_count);
