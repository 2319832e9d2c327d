/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a connection: read, looked up, answered. Separate from the connection's state so
 * that the requests of one loop turn can be read first, looked up side by side, and then answered.
 */
#pragma once

#include "edge/conn.h"

enum conn_step {
    CONN_STEP_HEAD,    /* the head is not complete */
    CONN_STEP_BODY,    /* the head is; `bytes` are needed in all */
    CONN_STEP_REQUEST, /* a whole request of `bytes` octets */
    CONN_STEP_FAILED,  /* `failure` says why; nothing after it can be read */
};

struct conn_exchange {
    struct http_request request;
    struct span body;
    size_t bytes;
    enum outcome failure;
    bool looked_up;
    const struct snapshot *snapshot; /* that it was begun with */
    struct answer_query query;
};

/** Reads the request at the start of `bytes`; the exchange borrows them. */
enum conn_step conn_exchange_read(struct span bytes, size_t already_seen,
                                  struct conn_exchange *ret);
/** Decodes a whole request and starts its lookup. Counts nothing. `is_relay`: it came to a relay
 *  listener. */
void conn_exchange_begin(const struct conn_env *env, bool is_relay, struct conn_exchange *x);
/** The stages of the lookup that wait for memory (edge/snapshot.h). */
void conn_exchange_chunk(struct conn_exchange *x);
void conn_exchange_reach(const struct conn_exchange *x);
void conn_exchange_approach(struct conn_exchange *x);
/** Ends the lookup, writes the response, counts the request and its outcome. After the stages
 *  above, and with the snapshot of the beginning. */
size_t conn_exchange_finish(const struct conn_env *env, struct conn_exchange *x,
                            enum answer_connection connection, uint8_t *out, size_t out_size);
/** Writes the response to a request that cannot be read, and counts it. */
size_t conn_failure_finish(const struct conn_env *env, enum outcome failure, bool without_body,
                           uint8_t *out, size_t out_size);
/** Counts a request that failed when there is no buffer to say so. */
void conn_failure_count(const struct conn_env *env, enum outcome failure);
