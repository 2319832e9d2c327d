/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a clubcard in wire format V4 (docs/formats.md, "Filter"). Pure. */
#pragma once

#include "lib/clubcard_read.h"

struct clubcard_column {
    const uint64_t *words; /* of this machine */
    uint32_t count;
};

struct clubcard_parts {
    const struct clubcard_coverage *coverage;
    uint16_t coverage_count;
    const struct clubcard_block *blocks; /* ascending by id */
    uint32_t block_count;
    const struct clubcard_column *columns;
    uint8_t column_count;
    struct clubcard_column exact;
};

/* Where the end of the first log's coverage is: all else of a filter depends on its certificates.
 */
#define CLUBCARD_HIGH_AT (2u + 2u + SHA256_BYTES + 8u)

size_t clubcard_size(const struct clubcard_parts *parts);
/** ERR_NO_SPACE. */
MUST_CHECK enum err clubcard_write(const struct clubcard_parts *parts, uint8_t *out,
                                   size_t out_size, size_t *ret_size);
