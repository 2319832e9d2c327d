/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of Redis mean to the fast lane. Pure: from hiredis' objects. */
#pragma once

#include <hiredis/hiredis.h>

#include "lib/fast_lane.h"

/* The newest entry of the stream. */
struct lane_last {
    uint64_t number;
    bool whole;        /* it is here; else there is only its size */
    struct span entry; /* borrows the reply */
    uint64_t bytes;
};

enum lane_answer {
    LANE_ANSWER_EMPTY, /* there is no stream, or nothing in it */
    LANE_ANSWER_ENTRY,
    LANE_ANSWER_FOREIGN, /* the key holds something else */
    LANE_ANSWER_WRONG,   /* that is no answer to this question */
};

/** Of XREVRANGE ... COUNT 1; `ret` for LANE_ANSWER_ENTRY. */
enum lane_answer lane_answer_last(const redisReply *reply, struct lane_last *ret);
/** Whether these are the octets of that file. */
bool lane_last_is_of(const struct lane_last *last, struct span entry);

/** Whether Redis refuses an XADD because of what the key has already. */
bool lane_answer_refuses_add(const redisReply *reply);

/** Whether the key holds something of another type. */
bool lane_answer_is_foreign(const redisReply *reply);

/** The pair `i` of HGETALL; false: there is none, or it is none. */
bool lane_answer_pair(const redisReply *reply, size_t i, struct span *ret_name,
                      struct span *ret_value);
