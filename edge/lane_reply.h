/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to the XREAD of the fast lane (lib/fast_lane.h), one entry after the other. Pure; what
 * the answer is made of comes from hiredis, its content from anybody. */
#pragma once

#include <hiredis/hiredis.h>

#include "lib/err.h"
#include "lib/span.h"

struct lane_reply {
    redisReply *reply;         /* owned; NULL: none */
    const redisReply *entries; /* of it */
    size_t next;
};

/* An entry of the stream. */
struct lane_entry {
    uint64_t number;
    struct span octets; /* borrows the reply; empty: too large, only announced */
};

/** Takes `reply`, also when it fails. An answer without entries (nothing came in time) is
 *  ERR_NOT_FOUND. ERR_MALFORMED: another form, another stream, or an error of the server. */
MUST_CHECK enum err lane_reply_open(redisReply *reply, struct span key, struct lane_reply *ret);
/** The next entry. ERR_NOT_FOUND: there is no other. ERR_MALFORMED: not one of ours. */
MUST_CHECK enum err lane_reply_next(struct lane_reply *r, struct lane_entry *ret);
/** Takes one that is empty. */
void lane_reply_done(struct lane_reply *r);
