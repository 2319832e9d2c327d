/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a connection and the time that each has. Part of edge/conn.c. */
#pragma once

#include "edge/conn.h"

#define CONN_NEVER_NS UINT64_MAX

static inline uint64_t conn_after(const struct conn_env *env, uint64_t timeout_ns)
{
    return env->now_ns + timeout_ns;
}

/** While half of the buffers are free a client has all of its time. Below that it has less and
 * less: clients that hold buffers and do not move must not keep the others out. */
uint64_t conn_patience_ns(const struct buffer_pool *pool, uint64_t timeout_ns);
/** Enters a state and starts its time. Staying in a state does not start the time anew: a request
 *  has all its time from its first octet. */
void conn_enter(struct conn *conn, const struct conn_env *env, enum conn_state state);
/** The answer that is being sent, or was to be, is the last one. The first reason stays. */
void conn_enter_last(struct conn *conn, const struct conn_env *env, enum conn_end end);

static inline void conn_deadlines_settle(struct conn *conn)
{
    conn->deadline_ns = conn->read_deadline_ns < conn->send_deadline_ns ? conn->read_deadline_ns
                                                                        : conn->send_deadline_ns;
}

/** Whether the client of a connection that ends may still be sending. One who asked for the end
 *  sends nothing more unless it already has; one who is told of it may have begun the next request.
 */
static inline bool conn_may_hear_more(const struct conn *conn)
{
    enum conn_end end = (enum conn_end)conn->end;
    bool sends =
        conn->ignored || conn->paused || end == CONN_END_HTTP_ERROR || end == CONN_END_REQUESTS_MAX;
    return sends && !conn->peer_done;
}
