/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/conn_state.h"

uint64_t conn_patience_ns(const struct buffer_pool *pool, uint64_t timeout_ns)
{
    if (pool->free_count >= pool->count / 2)
        return timeout_ns;
    uint64_t left_ns = timeout_ns / pool->count * pool->free_count * 2;
    if (left_ns < CONN_PATIENCE_MIN_NS)
        left_ns = CONN_PATIENCE_MIN_NS;
    return left_ns < timeout_ns ? left_ns : timeout_ns;
}

void conn_enter(struct conn *conn, const struct conn_env *env, enum conn_state state)
{
    const struct conn_config *config = env->config;
    if (conn->state == state && state != CONN_IDLE)
        return;
    conn->state = (uint8_t)state;
    conn->read_deadline_ns = CONN_NEVER_NS;
    if (state == CONN_IDLE)
        conn->read_deadline_ns = conn_after(env, config->idle_timeout_ns);
    else if (state == CONN_HEAD)
        conn->read_deadline_ns =
            conn_after(env, conn_patience_ns(env->inputs, config->header_timeout_ns));
    else if (state == CONN_BODY)
        conn->read_deadline_ns =
            conn_after(env, conn_patience_ns(env->inputs, config->body_timeout_ns));
}

void conn_enter_last(struct conn *conn, const struct conn_env *env, enum conn_end end)
{
    if (conn->state == CONN_LAST)
        return;
    conn_enter(conn, env, CONN_LAST);
    conn->end = (uint8_t)end;
}
