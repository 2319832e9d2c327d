/* SPDX-License-Identifier: Apache-2.0 */
/* Side index: where in the map the block is that would hold a serial (design: "Side index").
 *
 * Blocks of one issuer and one serial size are a group. A group is a list of chunks in key order; a
 * chunk has up to SIDE_CHUNK_ENTRIES entries: eight octets of the block's last serial, taken after
 * the octets that all serials of the chunk have in common, and a pointer to the block. A chunk is
 * searched by runs of SIDE_RUN_ENTRIES entries, four cache lines that come together. The group has
 * the same eight octets for the last entry of each run, taken after the octets that all serials of
 * the group have in common, and a radix table over their leading bits. Nothing here trusts serials
 * to be spread evenly: skewed, sequential and equal-prefix ones cost a binary search at most.
 *
 * Where a block's serials are searched first is a guess, from its neighbours in the index.
 *
 * Chunks are immutable and shared between indexes; their counts belong to the builder thread. */
#pragma once

#include "lib/block.h"

#define SIDE_CHUNK_ENTRIES 256
#define SIDE_RUN_ENTRIES   16
/* Runs of chunks smaller than this are joined with their neighbours when one of them is rebuilt. */
#define SIDE_CHUNK_SMALL 64

/* A block's neighbours tell in which part of it a serial should be. */
#define SIDE_PARTS 4096

/* A block's address and, above it, the octets it takes in the store: known from the walk, which
 * does not read the blocks themselves. */
#define SIDE_ADDRESS_BITS 48

struct side_entry {
    uint64_t prefix; /* of the block's last serial, after the chunk's common octets */
    uint64_t place;
};

static inline const uint8_t *side_entry_block(const struct side_entry *entry)
{
    return (const uint8_t *)(uintptr_t)(entry->place & ((UINT64_C(1) << SIDE_ADDRESS_BITS) - 1));
}

static inline uint32_t side_entry_bytes(const struct side_entry *entry)
{
    return (uint32_t)(entry->place >> SIDE_ADDRESS_BITS);
}

struct side_chunk {
    uint32_t share_count; /* how many indexes hold it */
    uint16_t count;
    uint8_t common_size; /* leading octets that all serials of the chunk share */
    struct serial last;  /* of its last block */
    _Alignas(64) struct side_entry entries[];
};

struct side_run {
    uint64_t prefix; /* of the last serial of its last entry, after the group's common octets */
    uint32_t chunk;  /* number in the group */
    uint16_t first;  /* entry */
    uint16_t count;
};

struct side_group {
    uint64_t issuer_id;
    uint8_t serial_size;
    uint8_t common_size;   /* leading octets that the last serials of all blocks share */
    uint8_t radix_bits;    /* the table has 2^bits + 1 places */
    uint16_t stride_bytes; /* of one of its blocks: what most have */
    uint8_t common[SERIAL_BYTES_MAX];
    uint32_t chunk_count;
    uint32_t run_count;
    uint32_t radix_shift;
    uint32_t *radix; /* first run whose prefix has at least these leading bits */
    struct side_run *runs;
    struct side_chunk **chunks;
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
    uint32_t part;       /* likely place inside the block, of SIDE_PARTS */
    uint32_t near_first; /* octets of the block that are likely to be searched */
    uint32_t near_end;
    uint32_t statement;
    uint16_t first; /* the run */
    uint16_t count;
    uint16_t stride_bytes;
    uint8_t common_size; /* leading octets known to be those of all the block's serials */
    bool found;          /* `statement` of the block is it */
};

/** Stage 1: the run; prefetches its entries. */
void side_find_run(const struct side_group *group, const struct serial *serial,
                   struct side_cursor *cursor);
/** Stage 2: the block. cursor->block is NULL when there is none. */
void side_find_block(const struct serial *serial, struct side_cursor *cursor);
/** Stage 3: prefetches the block's header and the serials it is likely among. A stage of its own
 *  and short, because a processor may hold a prefetch until the address is translated, and what
 *  comes after it too: a block's page is not in the translation cache, and these waits overlap only
 *  when not much else is between them. */
void side_reach_block(const struct side_cursor *cursor);
/** Stage 4: the statement in the block; prefetches its body. */
void side_find_statement(const struct serial *serial, struct side_cursor *cursor);

/** The group, or NULL. */
const struct side_group *side_group_find(const struct side_group *groups, uint32_t group_count,
                                         uint8_t serial_size);

/** Eight octets of a serial after its first `common_size`, big-endian, short ones padded with zero.
 */
uint64_t side_prefix(const uint8_t *octets, size_t size, size_t common_size);
