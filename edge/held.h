/* SPDX-License-Identifier: Apache-2.0 */
/* Held octets: receive buffers that wait, in order, until their connection has room for more
 * answers.
 *
 * A multishot receive brings up to 32 buffers before a pause can stop it; a client that sends many
 * requests in one go must not lose its connection for that. The ring's buffers serve all
 * connections of a worker, so only a part of them may be held at a time. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

struct held_buffer {
    uint32_t next; /* buffer number + 1, 0: none */
    uint32_t bytes;
};

struct held_pool {
    struct held_buffer *buffers; /* by buffer number */
    uint32_t buffer_count;
    uint32_t held_count;
};

/* Of one connection; all zero: empty. */
struct held_queue {
    uint32_t first; /* buffer number + 1, 0: none */
    uint32_t last;
};

static inline bool held_empty(const struct held_queue *queue)
{
    return queue->first == 0;
}

/** ERR_MEMORY. */
MUST_CHECK enum err held_pool_start(struct held_pool *pool, uint32_t buffer_count);
void held_pool_stop(struct held_pool *pool);

/** Queues the first `bytes` octets of a buffer. false: half of the buffers are held already. */
bool held_put(struct held_pool *pool, struct held_queue *queue, uint32_t buffer_no, uint32_t bytes);
/** The oldest one, out of the queue. false: none. */
bool held_take(struct held_pool *pool, struct held_queue *queue, uint32_t *ret_buffer_no,
               uint32_t *ret_bytes);
