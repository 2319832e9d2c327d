/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/held.h"

#include <stdlib.h>

#include "lib/check.h"

enum err held_pool_start(struct held_pool *pool, uint32_t buffer_count)
{
    struct held_buffer *buffers = calloc(buffer_count, sizeof *buffers);
    if (buffers == NULL)
        return ERR_MEMORY;
    *pool = (struct held_pool){.buffers = buffers, .buffer_count = buffer_count};
    return ERR_OK;
}

void held_pool_stop(struct held_pool *pool)
{
    free(pool->buffers);
    *pool = (struct held_pool){0};
}

bool held_put(struct held_pool *pool, struct held_queue *queue, uint32_t buffer_no, uint32_t bytes)
{
    CHECK(buffer_no < pool->buffer_count);
    if (pool->held_count >= pool->buffer_count / 2)
        return false;
    pool->buffers[buffer_no] = (struct held_buffer){.bytes = bytes};
    if (held_empty(queue))
        queue->first = buffer_no + 1;
    else
        pool->buffers[queue->last - 1].next = buffer_no + 1;
    queue->last = buffer_no + 1;
    pool->held_count++;
    return true;
}

bool held_take(struct held_pool *pool, struct held_queue *queue, uint32_t *ret_buffer_no,
               uint32_t *ret_bytes)
{
    if (held_empty(queue))
        return false;
    CHECK(pool->held_count > 0);
    *ret_buffer_no = queue->first - 1;
    const struct held_buffer *buffer = &pool->buffers[*ret_buffer_no];
    *ret_bytes = buffer->bytes;
    queue->first = buffer->next;
    if (held_empty(queue))
        queue->last = 0;
    pool->held_count--;
    return true;
}
