/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks and groups while a side index is being built (edge/side_build.c). Chunks are given in key
 * order; entries gather until a full chunk can be cut from them. */
#pragma once

#include "edge/side_index.h"

/* Two chunks' worth, so that the end of a run is cut into even halves. */
#define SIDE_PENDING_MAX (2 * SIDE_CHUNK_ENTRIES)

struct side_pending {
    const uint8_t *serial; /* serial_size octets: the end of the key */
    uint64_t place;        /* of struct side_entry */
};

struct side_grower {
    struct side_group *groups;
    uint32_t group_count;
    uint32_t group_room;
    uint32_t chunk_room; /* of the last group */
    uint32_t pending_count;
    uint32_t chunks_shared;
    uint32_t chunks_built;
    uint64_t block_count;
    struct side_pending pending[SIDE_PENDING_MAX];
};

/** One block; its key's serial octets stay where they are until the grower is done. ERR_MEMORY. */
MUST_CHECK enum err side_grower_add(struct side_grower *g, uint64_t issuer_id, uint8_t serial_size,
                                    const uint8_t *serial, struct span block);
/** A whole chunk of another index, to be shared. Ends the run before it. ERR_MEMORY. */
MUST_CHECK enum err side_grower_share(struct side_grower *g, uint64_t issuer_id,
                                      struct side_chunk *chunk);
/** Cuts what is pending into chunks. ERR_MEMORY. */
MUST_CHECK enum err side_grower_end_run(struct side_grower *g);
/** Ends the last run and makes the radix tables. The groups are the caller's from here on.
 *  ERR_MEMORY. */
MUST_CHECK enum err side_grower_finish(struct side_grower *g, struct side_index *ret);
/** Drops everything, after a failure. */
void side_grower_drop(struct side_grower *g);
