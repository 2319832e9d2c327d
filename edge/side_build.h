/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a side index, sharing what it can with the one before. Builder thread only.
 *
 * Given the dirty key ranges since the previous index (all keys that were put or deleted lie in one
 * of them), a chunk is shared when no range touches its span of keys: from the last serial of the
 * chunk before it, exclusive, to its own last serial, inclusive; the last chunk's span goes to the
 * end of its group, so that growth at the end fills it instead of leaving crumbs. The rest is
 * walked anew. */
#pragma once

#include "edge/side_index.h"

/* More dirty ranges than this since the previous index: everything is walked. */
#define SIDE_RANGES_MAX 65536

/** A key in wire form (lib/serial.h); size 0 is before all keys. */
struct side_key {
    uint8_t size;
    uint8_t octets[KEY_BYTES_MAX];
};

/** After `after`, up to and with `until`. */
struct side_range {
    struct side_key after;
    struct side_key until;
};

/** Before, equal, after: octet order, a shorter key first. */
int side_key_compare(const struct side_key *a, const struct side_key *b);

/** Where the blocks come from, in key order. */
struct side_source {
    void *context;
    /** First block whose key is after `after`. ERR_NOT_FOUND: none. Key and block stay where they
     * are as long as the index lives. */
    enum err (*first)(void *context, const struct side_key *after, struct span *ret_key,
                      struct span *ret_block);
    /** The block after the one given last. ERR_NOT_FOUND: none. */
    enum err (*next)(void *context, struct span *ret_key, struct span *ret_block);
};

struct side_build_result {
    struct side_index index;
    uint32_t chunks_shared;
    uint32_t chunks_built;
};

/** `previous` NULL: everything is walked and `ranges` is ignored. `ranges` is sorted in place.
 *  ERR_MEMORY, ERR_STORE (a key or value that cannot be one of ours), errors of the source. */
MUST_CHECK enum err side_build(const struct side_source *source, const struct side_index *previous,
                               struct side_range *ranges, uint32_t range_count,
                               struct side_build_result *ret);
/** Gives up the shares in all chunks and the memory of the index. */
void side_index_free(struct side_index *index);
