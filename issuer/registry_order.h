/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, which make a request idempotent. See registry.h
 * for what holds for every function.
 *
 *   (none) ─▶ working ─▶ issued | refused     final: the same request gets the same answer again
 *                │  ▲
 *                ▼  │
 *               failed                        no fault of the request: it may be tried again */
#pragma once

#include "issuer/registry.h"

#define REGISTRY_ORDER_STATE_TABLE(X) \
    X(WORKING, 1, "working")          \
    X(ISSUED, 2, "issued")            \
    X(REFUSED, 3, "refused")          \
    X(FAILED, 4, "failed")

enum registry_order_state {
#define X(name, number, text) REGISTRY_ORDER_##name = number,
    REGISTRY_ORDER_STATE_TABLE(X)
#undef X
};

struct registry_order {
    struct span customer;
    struct span order_id;
    struct sha256 request_hash; /* of all that the request says */
    struct span profile;
    enum registry_order_state state;
    uint64_t issuer_id;   /* 0 while it has no serial */
    struct serial serial; /* size 0: none */
    struct span problem;  /* of a refused or failed one; a text of the caller's */
    uint64_t created_at_s;
    uint64_t changed_at_s;
};

typedef enum err (*registry_order_row)(void *context, const struct registry_order *row);

const char *registry_order_state_text(enum registry_order_state state);

/** Claims an order for who asks first; of two at the same time the other waits for the outcome of
 * the transaction. `*ret_new`: the order is the caller's to work on, in state WORKING: it did not
 * exist, or it had failed. Otherwise `*ret` is what is there. `order` gives the names, the hash,
 * the profile, serial with issuer id when it has them, and created_at_s as the time of now.
 * ERR_CONFLICT: the order is there with another hash. */
MUST_CHECK enum err registry_order_claim(struct registry *r, const struct registry_order *order,
                                         bool *ret_new, struct registry_order *ret);
/** The serial of an order that is WORKING, when the claim did not have it yet. ERR_CONFLICT: it is
 * not WORKING, or has a serial. */
MUST_CHECK enum err registry_order_assign(struct registry *r, struct span customer,
                                          struct span order_id, uint64_t issuer_id,
                                          const struct serial *serial, uint64_t at_s);
/** From WORKING to another state. `serial`: the one that the order must have, so that a late end
 * does not meet a later try; NULL: any. ERR_CONFLICT: it is not WORKING, or has another serial.
 * ERR_RANGE: to WORKING. */
MUST_CHECK enum err registry_order_finish(struct registry *r, struct span customer,
                                          struct span order_id, const struct serial *serial,
                                          enum registry_order_state state, struct span problem,
                                          uint64_t at_s);
/** ERR_NOT_FOUND. */
MUST_CHECK enum err registry_order_get(struct registry *r, struct span customer,
                                       struct span order_id, struct registry_order *ret);
/** For recovery: those WORKING since before `before_s`, oldest first, at most `limit`. */
MUST_CHECK enum err registry_orders_unfinished(struct registry *r, uint64_t before_s, size_t limit,
                                               registry_order_row row, void *context);
