/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/buffer_pool.h"

#include "lib/check.h"

#include <stdlib.h>

enum err buffer_pool_start(struct buffer_pool *pool, uint32_t count, uint32_t buffer_bytes)
{
    CHECK(count > 0 && buffer_bytes > 0);
    uint8_t *memory = calloc(count, buffer_bytes);
    uint32_t *free_list = calloc(count, sizeof *free_list);
    if (memory == NULL || free_list == NULL) {
        free(memory);
        free(free_list);
        return ERR_MEMORY;
    }
    /* Last in, first out, lowest first: a quiet worker touches few pages. */
    for (uint32_t i = 0; i < count; i++)
        free_list[i] = count - 1 - i;
    *pool = (struct buffer_pool){.memory = memory,
                                 .free_list = free_list,
                                 .buffer_bytes = buffer_bytes,
                                 .count = count,
                                 .free_count = count};
    return ERR_OK;
}

void buffer_pool_stop(struct buffer_pool *pool)
{
    free(pool->memory);
    free(pool->free_list);
    *pool = (struct buffer_pool){0};
}

uint8_t *buffer_pool_take(struct buffer_pool *pool)
{
    if (pool->free_count == 0)
        return NULL;
    pool->free_count--;
    return pool->memory + (size_t)pool->free_list[pool->free_count] * pool->buffer_bytes;
}

void buffer_pool_give(struct buffer_pool *pool, uint8_t *buffer)
{
    size_t offset = (size_t)(buffer - pool->memory);
    CHECK(offset % pool->buffer_bytes == 0 && offset / pool->buffer_bytes < pool->count);
    CHECK(pool->free_count < pool->count);
    pool->free_list[pool->free_count++] = (uint32_t)(offset / pool->buffer_bytes);
}
