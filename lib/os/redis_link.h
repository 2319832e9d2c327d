/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to one of several Redis servers that never blocks its thread (RESP2 by hiredis; TCP
 * or a unix socket; no TLS). Servers are tried in the order given: when one cannot be reached, does
 * not answer in time, or says that it is a replica, the next one is. After all of them a pause
 * follows that grows, with jitter. One that is not the first is left after a while to look at the
 * first again, so that all programs meet at the same server.
 *
 * What is unanswered when a connection ends is lost: nobody knows whether it was done. A change of
 * redis_link_session() says so. Use, with the monotonic clock:
 *
 *   loop: redis_link_step(); while (redis_link_reply() == ERR_OK) ...; redis_link_send() ...;
 *         poll(redis_link_fd(), redis_link_events(), until redis_link_wake_ns())
 *
 * Addresses are numeric, nothing is resolved. The socket is ours, not one of hiredis: its 0.14
 * leaves descriptors to children and bounds no reply. The only thing that may block is the reading
 * of the small password file, once a connection. What happens is logged: a connection that lasts,
 * and the first failure after it. */
#pragma once

#include <hiredis/hiredis.h>

#include "lib/err.h"
#include "lib/span.h"

#define REDIS_LINK_ADDRESSES_MAX 8
/* From connect() to the answer of the first PING. */
#define REDIS_LINK_CONNECT_MS 1000
/* The pause after all addresses failed: the first one, doubled up to the last; ± a quarter. */
#define REDIS_LINK_PAUSE_FIRST_MS 100
#define REDIS_LINK_PAUSE_LAST_MS  10000
/* A connection that lasted this long has shown that its server serves: the pauses begin anew. */
#define REDIS_LINK_SETTLE_MS 1000
/* At an address that is not the first, this long. */
#define REDIS_LINK_PREFER_S 300
/* Commands sent and not answered; their octets not sent yet, beside one that is longer. */
#define REDIS_LINK_COMMANDS_MAX    64
#define REDIS_LINK_QUEUE_BYTES_MAX (4u << 20)
#define REDIS_LINK_SECRET_BYTES    512
#define REDIS_LINK_TEXT_BYTES      320

struct redis_link_config {
    /* "127.0.0.1:6379", "[::1]:6379", "/run/redis/redis.sock" */
    const char *const *addresses;
    size_t address_count;
    const char *user;          /* of an ACL; NULL: the default user */
    const char *password_file; /* its first line; read at each connection. NULL: no AUTH */
    size_t reply_bytes_max;    /* octets of one reply as sent; a larger one ends the connection */
    uint64_t seed;             /* of the jitter */
};

struct redis_link;

/** Whether an address has a form that redis_link_new() takes. ERR_MALFORMED. */
MUST_CHECK enum err redis_link_address_check(const char *text);

/** Copies the configuration. Nothing is connected yet. ERR_MALFORMED (an address), ERR_LIMIT (their
 *  number, a long user or path), ERR_MEMORY. */
MUST_CHECK enum err redis_link_new(const struct redis_link_config *config, struct redis_link **ret);
/** Takes NULL, returns NULL. */
struct redis_link *redis_link_free(struct redis_link *l);

/** Does what is due: starts a connection, goes on with it, sends, gives up what is late. */
void redis_link_step(struct redis_link *l, uint64_t now_ns);

/** The connection's number, from 1, while commands may be sent; else 0. */
uint64_t redis_link_session(const struct redis_link *l);
/** Commands sent and not answered. */
size_t redis_link_pending(const struct redis_link *l);

/** Queues a command of `argc` arguments (octets: any) and sends what the socket takes. Its answer
 *  must have come `timeout_ms` after those before it, or the connection is given up.
 *  ERR_NOT_FOUND: not connected; ERR_BUSY: too much is waiting, take replies first; ERR_LIMIT: a
 *  command too large ever to go; ERR_MEMORY. */
MUST_CHECK enum err redis_link_send(struct redis_link *l, uint64_t now_ns, size_t argc,
                                    const struct span *argv, unsigned timeout_ms);

/** The next reply, in the order of the commands; freed by freeReplyObject(). ERR_NOT_FOUND: none
 *  yet, or the connection is gone. Errors of the server are replies (REDIS_REPLY_ERROR), save those
 *  that say that it cannot serve us (READONLY, LOADING, NOAUTH, OOM ...): these end the connection.
 */
MUST_CHECK enum err redis_link_reply(struct redis_link *l, uint64_t now_ns, redisReply **ret);

/** Gives the connection up, as if the server had failed; `why` goes to the log. Not connected:
 *  nothing happens. */
void redis_link_fail(struct redis_link *l, uint64_t now_ns, const char *why);

/** What to poll(2) for: -1 and 0 while there is no socket. */
int redis_link_fd(const struct redis_link *l);
short redis_link_events(const struct redis_link *l);
/** When redis_link_step() is wanted at the latest; UINT64_MAX: no need. */
uint64_t redis_link_wake_ns(const struct redis_link *l);

/** "ADDRESS: what": why there is no connection, or why the one before ended. "" at first. */
const char *redis_link_trouble(const struct redis_link *l);
/** The address of this connection, or of the attempt. */
const char *redis_link_address(const struct redis_link *l);

/* Monotonic since redis_link_new(). A connection counts when a command of the caller's was answered
 * on it; a failure is an attempt or a connection that ended. */
struct redis_link_counts {
    uint64_t connections;
    uint64_t failures;
};
struct redis_link_counts redis_link_counts(const struct redis_link *l);
