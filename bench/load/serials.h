/* SPDX-License-Identifier: Apache-2.0 */
/* The serials of a file, one in hex a line, in its order. Kept as octets at a fixed stride: 20
 * million of 16 octets are 340 MB. */
#pragma once

#include "lib/err.h"
#include "lib/limit.h"
#include "lib/span.h"

#define SERIALS_MAX 1000000000u

struct serials {
    uint8_t *octets; /* owned: size, then the octets, each `stride` apart */
    uint64_t count;
    uint32_t stride;
    bool sizes[SERIAL_BYTES_MAX + 1]; /* which occur */
};

/** Empty lines are skipped. ERR_NOT_FOUND, ERR_IO, ERR_MEMORY; ERR_MALFORMED, ERR_LIMIT: line
 *  *ret_line is no serial, or 0: there is none at all, or too many. */
MUST_CHECK enum err serials_read(const char *path, struct serials *ret, uint64_t *ret_line);
void serials_done(struct serials *serials);

static inline const uint8_t *serials_at(const struct serials *serials, uint64_t number)
{
    return serials->octets + number * serials->stride;
}

static inline struct span serials_get(const struct serials *serials, uint64_t number)
{
    const uint8_t *at = serials_at(serials, number);
    return span_of(at + 1, at[0]);
}
