/* SPDX-License-Identifier: Apache-2.0 */
/* Status events: what the presigner must know, in the order in which it became true. See registry.h
 * for what holds for every function.
 *
 * Each CA's events are numbered from 1 without gaps. The number comes from the CA's row, which
 * stays locked to the end of the transaction: so numbers are in commit order, and who sees one sees
 * all below it. The same transaction writes the event and its cause. */
#pragma once

#include "issuer/registry.h"

#define REGISTRY_EVENT_TABLE(X) \
    X(ISSUED, 1, "issued")      \
    X(REVOKED, 2, "revoked")

enum registry_event_type {
#define X(name, number, text) REGISTRY_EVENT_##name = number,
    REGISTRY_EVENT_TABLE(X)
#undef X
};

struct registry_event {
    uint64_t issuer_id;
    uint64_t seq;
    enum registry_event_type type;
    struct serial serial;
    uint64_t not_after_s;
    uint32_t shard;
    uint64_t revoked_at_s; /* 0 when issued */
    uint8_t reason;        /* enum reason; REASON_ABSENT when issued */
    uint64_t at_s;
};

typedef enum err (*registry_event_row)(void *context, const struct registry_event *row);

/** "issued"; never NULL. */
const char *registry_event_type_text(enum registry_event_type type);

/** The event of a serial in state ISSUED. Call it last in a transaction: others of this CA wait
 * from here to the commit. ERR_CONFLICT: the serial is in another state, or has its event already.
 * ERR_NOT_FOUND. */
MUST_CHECK enum err registry_event_issued(struct registry *r, uint64_t issuer_id,
                                          const struct serial *serial, uint64_t at_s,
                                          uint64_t *ret_seq);
/** Those after `after_seq`, in order, at most `limit` (REGISTRY_PAGE_MAX at most). A gap is
 * ERR_CHAIN: the registry was damaged, and nothing may go on from it. */
MUST_CHECK enum err registry_events(struct registry *r, uint64_t issuer_id, uint64_t after_seq,
                                    size_t limit, registry_event_row row, void *context);
/** 0: none yet. ERR_NOT_FOUND: no such CA. */
MUST_CHECK enum err registry_event_last(struct registry *r, uint64_t issuer_id, uint64_t *ret_seq);

/** The presigner has signed all events up to `seq` and logged them. Never goes back: an older
 * number changes nothing. ERR_RANGE: beyond the last event. ERR_NOT_FOUND: no such CA. */
MUST_CHECK enum err registry_published_set(struct registry *r, uint64_t issuer_id, uint64_t seq,
                                           uint64_t at_s);
/** 0: none yet. ERR_NOT_FOUND: no such CA. */
MUST_CHECK enum err registry_published(struct registry *r, uint64_t issuer_id, uint64_t *ret_seq);
