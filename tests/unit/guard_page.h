/* SPDX-License-Identifier: Apache-2.0 */
/* A place for bytes that ends at an unreadable page: one octet read too far is a SIGSEGV. */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/span.h"

#define GUARD_ROOM_BYTES 65536

/** A copy of `data` whose last octet is the last readable one. Good until the next call. */
static inline struct span guard_copy(const void *data, size_t size)
{
    static uint8_t *room;
    if (room == NULL) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *map = mmap(NULL, GUARD_ROOM_BYTES + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(map != MAP_FAILED);
        room = map;
        CHECK(mprotect(room + GUARD_ROOM_BYTES, page, PROT_NONE) == 0);
    }
    CHECK(size <= GUARD_ROOM_BYTES);
    uint8_t *start = room + GUARD_ROOM_BYTES - size;
    if (size > 0)
        memcpy(start, data, size);
    return span_of(start, size);
}
