/* SPDX-License-Identifier: Apache-2.0 */
/* Batch: requests of several connections that arrived in one loop turn. They are read first, then
 * looked up side by side so that their memory is on its way together, then answered in order.
 *
 * Pure, like edge/conn.h. From conn_batch_add() to the end of conn_batch_answer() the octets stay
 * where they are, the environment's snapshot stays the same, and nothing else happens to a
 * connection of the batch: a shell that has another event for one of them answers the batch first.
 * So each connection sees its events in the order in which they came. */
#pragma once

#include "edge/conn_request.h"

/* A lookup waits for four lines of memory or so, and a core has about a dozen on their way at a
 * time: more than this gains nothing. */
#define CONN_BATCH_MAX 16

struct conn_batch_entry {
    struct conn *conn;
    struct span bytes;
    uint64_t tag; /* the shell's */
    struct conn_exchange exchange;
};

struct conn_batch {
    uint32_t count;
    struct conn_batch_entry entries[CONN_BATCH_MAX];
};

/** The connection's next octets. false: no whole request is at their start, hand them to
 *  conn_received() instead. The batch must not be full, and have nothing of the connection. */
bool conn_batch_add(struct conn_batch *batch, const struct conn_env *env, struct conn *conn,
                    struct span bytes, uint64_t tag);

static inline bool conn_batch_full(const struct conn_batch *batch)
{
    return batch->count == CONN_BATCH_MAX;
}

/** Answers all and empties the batch. `apply` gets each entry's actions; it must not touch the
 *  batch, nor connections of other entries. */
typedef void conn_batch_apply(void *shell, uint64_t tag, struct conn_actions actions);
void conn_batch_answer(struct conn_batch *batch, struct conn_env *env, conn_batch_apply *apply,
                       void *shell);
