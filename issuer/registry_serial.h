/* SPDX-License-Identifier: Apache-2.0 */
/* Serial numbers: each is reserved before anything is signed with it, and no second time. See
 * registry.h for what holds for every function.
 *
 *   reserved ─▶ signing ─▶ issued        the certificate is in the registry
 *      │           ├─────▶ abandoned     it may have been signed: it needs a revocation
 *      └───────────┴─────▶ refused       it was never signed, and never will be */
#pragma once

#include "issuer/registry.h"

#define REGISTRY_SERIAL_STATE_TABLE(X) \
    X(RESERVED, 1, "reserved")         \
    X(SIGNING, 2, "signing")           \
    X(ISSUED, 3, "issued")             \
    X(REFUSED, 4, "refused")           \
    X(ABANDONED, 5, "abandoned")

enum registry_serial_state {
#define X(name, number, text) REGISTRY_SERIAL_##name = number,
    REGISTRY_SERIAL_STATE_TABLE(X)
#undef X
};

struct registry_reservation {
    uint64_t issuer_id;
    struct serial serial;
    enum registry_serial_state state;
    uint32_t shard; /* of lib/crl_shard.h; 0: on no CRL */
    uint64_t not_after_s;
    struct sha256 tbs_sha256; /* of what will be signed */
    struct span profile;
    struct span customer;
    struct span order_id;
    uint64_t reserved_at_s;
};

typedef enum err (*registry_reservation_row)(void *context, const struct registry_reservation *row);

/** "signing"; never NULL. */
const char *registry_serial_state_text(enum registry_serial_state state);

/** Reserves, in state RESERVED or SIGNING. ERR_EXISTS: the serial is taken (the transaction goes
 * on: take another). ERR_NOT_FOUND: no such CA. */
MUST_CHECK enum err registry_serial_reserve(struct registry *r,
                                            const struct registry_reservation *reservation);
/** A step of the picture above, but not to ISSUED, which is registry_certificate_store()'s.
 * ERR_CONFLICT: it is not in state `from` (any more). ERR_RANGE: no such step. */
MUST_CHECK enum err registry_serial_step(struct registry *r, uint64_t issuer_id,
                                         const struct serial *serial,
                                         enum registry_serial_state from,
                                         enum registry_serial_state to);
/** In a transaction it also keeps others from changing it until that ends. ERR_NOT_FOUND. */
MUST_CHECK enum err registry_serial_get(struct registry *r, uint64_t issuer_id,
                                        const struct serial *serial,
                                        struct registry_reservation *ret);
/** For recovery: those still RESERVED or SIGNING that were reserved before `before_s`, oldest
 * first, at most `limit`. A step that is lost to their owner meanwhile is ERR_CONFLICT. */
MUST_CHECK enum err registry_unfinished(struct registry *r, uint64_t before_s, size_t limit,
                                        registry_reservation_row row, void *context);
/** For recovery: those ABANDONED that have no revocation, which a crash between the two would leave
 * if they were two transactions; at most `limit`. */
MUST_CHECK enum err registry_abandoned_good(struct registry *r, size_t limit,
                                            registry_reservation_row row, void *context);
