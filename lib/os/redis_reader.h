/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a Redis server off a socket: hiredis' reader with bounds. For lib/os/redis_link.c. */
#pragma once

#include <stdbool.h>

#include <hiredis/hiredis.h>

#include "lib/err.h"

/* Octets taken from the socket at once: a reply may be this much over its limit. */
#define REDIS_READ_BYTES 65536
/* Of one reply, with all that is in it. */
#define REDIS_ELEMENTS_MAX 200000

struct redis_reader {
    redisReader *reader;
    redisReplyObjectFunctions functions;
    void *(*array_make)(const redisReadTask *, int); /* hiredis' own */
    size_t reply_bytes_max;
    size_t reply_bytes; /* of the reply that has begun, as far as they came */
    size_t elements;
    char chunk[REDIS_READ_BYTES];
};

/** For a new connection. `r` stays where it is until redis_reader_done(). ERR_MEMORY. */
MUST_CHECK enum err redis_reader_make(struct redis_reader *r, size_t reply_bytes_max);
/** Takes one that was never made, or is zero. */
void redis_reader_done(struct redis_reader *r);

/** The next whole reply; freed by freeReplyObject(). ERR_BUSY: not yet. The connection is of no
 *  more use after ERR_IO (errno tells), ERR_TRUNCATED (its end), ERR_LIMIT and ERR_MALFORMED. */
MUST_CHECK enum err redis_reader_next(struct redis_reader *r, int fd, redisReply **ret);
/** Such an error for people; for ERR_IO by errno. */
const char *redis_reader_trouble(enum err err);

/** Whether a reply is an error of a server that is no good for us now; another one, or the same
 *  later, may be. */
bool redis_reply_refuses(const redisReply *reply);
