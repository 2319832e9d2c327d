/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for memory before it is read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE_BYTES 64

/** The cache lines of `size` octets from `from` on; they need not exist. */
static inline void prefetch(const void *from, size_t size)
{
    uintptr_t line = (uintptr_t)from / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    for (; line < (uintptr_t)from + size; line += CACHE_LINE_BYTES)
        __builtin_prefetch((const void *)line);
    /* gcc takes a function that only prefetches for one without effects and drops its calls. */
    __asm__ volatile("");
}
