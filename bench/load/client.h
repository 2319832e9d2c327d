/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the generator: which request is on it, and the putting together of its answer.
 * Pure: the octets and the memory for what must be kept are given. */
#pragma once

#include "bench/load/reply.h"

/* An OCSP answer that is longer is not looked into; four times our own limit. */
#define CLIENT_BODY_MAX   24576u
#define CLIENT_HOLD_BYTES (REPLY_HEAD_BYTES_MAX + CLIENT_BODY_MAX)

enum client_state {
    CLIENT_CLOSED,  /* no connection */
    CLIENT_IDLE,    /* connected, nothing asked */
    CLIENT_BUSY,    /* asked, perhaps still connecting */
    CLIENT_LINGER,  /* answered with "close": the server ends the connection */
    CLIENT_COOLING, /* no connection came about; not tried again at once */
};

/* The beginning of an answer that came in pieces. */
struct client_hold {
    size_t size;
    uint8_t octets[CLIENT_HOLD_BYTES];
};

struct client {
    uint64_t intended_ns;
    uint64_t sent_ns;
    struct client_hold *hold; /* owned by whoever feeds; NULL: nothing is kept */
    uint64_t body_left;       /* of an answer whose body is passed over */
    uint32_t generation; /* of the connection: what comes late for an older one is told by it */
    uint32_t serial_no;  /* asked for; of a plain GET, the path */
    uint16_t status;     /* of the answer being passed over */
    uint8_t state;
    bool one_shot;   /* one request a connection */
    bool counted;    /* not of the warm-up */
    bool waited;     /* found no free connection when it was due */
    bool passing;    /* the head is read, the body passed over */
    bool keep_alive; /* of the answer being passed over */
};

enum client_fed {
    CLIENT_MORE,
    CLIENT_ANSWER,
    CLIENT_BROKEN, /* not HTTP, or octets after the answer */
};

struct client_answer {
    uint16_t status;
    bool keep_alive;
    struct span body; /* empty when passed over; borrows from the octets or the hold */
};

/** Feeds octets of the answer to a BUSY client. `want_body`: bodies up to CLIENT_BODY_MAX are put
 *  together, others passed over. `*spare` is taken (set to NULL) when octets must be kept and the
 *  client has no hold yet: it must not be NULL then. */
enum client_fed client_feed(struct client *c, struct span octets, bool want_body,
                            struct client_hold **spare, struct client_answer *ret);
/** Forgets the answer so far; gives the hold back, or NULL. */
struct client_hold *client_reset(struct client *c);
