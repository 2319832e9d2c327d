/* SPDX-License-Identifier: Apache-2.0 */
/* Side index: where in the map the block is that would hold a serial (design: "Side index").
 *
 * Blocks of one issuer and one serial size are a group. A group is a directory of chunks in key
 * order; a chunk has up to SIDE_CHUNK_ENTRIES entries: eight octets of the block's last serial,
 * taken after the octets that all serials of the chunk have in common, and a pointer to the block.
 * The directory has the same for the last serial of each chunk, and a radix table over its leading
 * bits. Each search is guided by interpolation and falls back to a binary search, so that skewed,
 * sequential and equal-prefix serials cost a few probes more at most.
 *
 * Chunks are immutable and shared between indexes; their counts belong to the builder thread. */
#pragma once

#include "lib/block.h"

#define SIDE_CHUNK_ENTRIES 256
/* Runs of chunks smaller than this are joined with their neighbours when one of them is rebuilt. */
#define SIDE_CHUNK_SMALL 64

/* A block's neighbours tell in which part of it a serial should be. */
#define SIDE_PARTS 4096

struct side_entry {
    uint64_t prefix; /* of the block's last serial, after the chunk's common octets */
    const uint8_t *block;
};

struct side_chunk {
    uint32_t share_count; /* how many indexes hold it */
    uint16_t count;
    uint8_t common_size; /* leading octets that all serials of the chunk share */
    struct serial last;  /* of its last block */
    struct side_entry entries[];
};

struct side_directory_entry {
    uint64_t prefix; /* of chunk->last, after the group's common octets */
    struct side_chunk *chunk;
    uint32_t count; /* of the chunk: known before its memory has arrived */
};

struct side_group {
    uint64_t issuer_id;
    uint8_t serial_size;
    uint8_t common_size; /* leading octets that all chunks' last serials share */
    uint8_t radix_bits;  /* the table has 2^bits + 1 places */
    uint8_t common[SERIAL_BYTES_MAX];
    uint32_t chunk_count;
    uint32_t radix_shift;
    uint32_t *radix; /* first directory place whose prefix has at least these leading bits */
    struct side_directory_entry *directory;
};

struct side_index {
    struct side_group *groups; /* by (issuer id, serial size) */
    uint32_t group_count;
    uint64_t block_count;
};

/** Between the stages of a lookup. */
struct side_cursor {
    const struct side_chunk *chunk; /* NULL: not in the index */
    const uint8_t *block;
    uint32_t guess; /* likely place inside the chunk */
    uint32_t part;  /* likely place inside the block, of SIDE_PARTS */
};

/** Stage 1: directory search; prefetches the chunk. */
void side_find_chunk(const struct side_group *group, const struct serial *serial,
                     struct side_cursor *cursor);
/** Stage 2: entry search; prefetches the block. cursor->block is NULL when there is none. */
void side_find_block(const struct serial *serial, struct side_cursor *cursor);

/** Between stage 2 and the search in the block, when its first octets have arrived: prefetches the
 * place inside that the serial should be at. Saves time, changes nothing. */
void side_approach(const struct side_cursor *cursor);

/** The group, or NULL. */
const struct side_group *side_group_find(const struct side_group *groups, uint32_t group_count,
                                         uint8_t serial_size);

/** Eight octets of a serial after its first `common_size`, big-endian, short ones padded with zero.
 */
uint64_t side_prefix(const uint8_t *octets, size_t size, size_t common_size);
