/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed pool of buffers of one size, for one worker. No allocation after start, no locks. */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

struct buffer_pool {
    uint8_t *memory;
    uint32_t *free_list;
    uint32_t buffer_bytes;
    uint32_t count;
    uint32_t free_count;
};

/** ERR_MEMORY. */
MUST_CHECK enum err buffer_pool_start(struct buffer_pool *pool, uint32_t count,
                                      uint32_t buffer_bytes);
void buffer_pool_stop(struct buffer_pool *pool);
/** NULL: all are taken. */
uint8_t *buffer_pool_take(struct buffer_pool *pool);
void buffer_pool_give(struct buffer_pool *pool, uint8_t *buffer);
