/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/side_group.h"

#include "edge/side_build.h"
#include "lib/check.h"

#include <stdlib.h>

/* A mebibyte: for more than 2^18 runs, 200 million statements, some steps of a search more. */
#define RADIX_BITS_MAX 18

static uint8_t common_octets(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t n = 0;
    while (n < size && a[n] == b[n])
        n++;
    return (uint8_t)n;
}

static enum err group_add(struct side_grower *g, uint64_t issuer_id, uint8_t serial_size)
{
    if (g->group_count == g->group_room) {
        uint32_t room = g->group_room == 0 ? 16 : 2 * g->group_room;
        struct side_group *groups = realloc(g->groups, room * sizeof *groups);
        if (groups == NULL)
            return ERR_MEMORY;
        g->groups = groups;
        g->group_room = room;
    }
    g->groups[g->group_count++] =
        (struct side_group){.issuer_id = issuer_id, .serial_size = serial_size};
    g->chunk_room = 0;
    return ERR_OK;
}

/* The last group, begun anew when it is another one. */
static enum err group_open(struct side_grower *g, uint64_t issuer_id, uint8_t serial_size)
{
    if (g->group_count > 0) {
        const struct side_group *last = &g->groups[g->group_count - 1];
        if (last->issuer_id == issuer_id && last->serial_size == serial_size)
            return ERR_OK;
    }
    TRY(side_grower_end_run(g));
    return group_add(g, issuer_id, serial_size);
}

/* Takes over one share of the chunk, also when it fails. */
static enum err chunk_append(struct side_grower *g, struct side_chunk *chunk)
{
    struct side_group *group = &g->groups[g->group_count - 1];
    if (group->chunk_count == g->chunk_room) {
        uint32_t room = g->chunk_room == 0 ? 16 : 2 * g->chunk_room;
        struct side_chunk **chunks = realloc(group->chunks, room * sizeof *chunks);
        if (chunks == NULL) {
            if (--chunk->share_count == 0)
                free(chunk);
            return ERR_MEMORY;
        }
        group->chunks = chunks;
        g->chunk_room = room;
    }
    group->chunks[group->chunk_count++] = chunk;
    g->block_count += chunk->count;
    return ERR_OK;
}

/* Cuts the first `count` pending entries into a chunk. */
static enum err chunk_cut(struct side_grower *g, uint32_t count)
{
    CHECK(count > 0 && count <= g->pending_count && count <= SIDE_CHUNK_ENTRIES);
    uint8_t size = g->groups[g->group_count - 1].serial_size;
    size_t bytes = sizeof(struct side_chunk) + count * sizeof(struct side_entry);
    struct side_chunk *chunk = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (chunk == NULL)
        return ERR_MEMORY;
    const struct side_pending *first = &g->pending[0];
    const struct side_pending *last = &g->pending[count - 1];
    *chunk = (struct side_chunk){.share_count = 1,
                                 .count = (uint16_t)count,
                                 .common_size = common_octets(first->serial, last->serial, size)};
    chunk->last.size = size;
    memcpy(chunk->last.octets, last->serial, size);
    for (uint32_t i = 0; i < count; i++)
        chunk->entries[i] = (struct side_entry){
            .prefix = side_prefix(g->pending[i].serial, size, chunk->common_size),
            .place = g->pending[i].place};
    g->pending_count -= count;
    memmove(g->pending, g->pending + count, g->pending_count * sizeof g->pending[0]);
    g->chunks_built++;
    return chunk_append(g, chunk);
}

enum err side_grower_end_run(struct side_grower *g)
{
    if (g->pending_count > SIDE_CHUNK_ENTRIES)
        TRY(chunk_cut(g, g->pending_count / 2));
    if (g->pending_count > 0)
        TRY(chunk_cut(g, g->pending_count));
    return ERR_OK;
}

enum err side_grower_add(struct side_grower *g, uint64_t issuer_id, uint8_t serial_size,
                         const uint8_t *serial, struct span block)
{
    uint64_t address = (uintptr_t)block.data;
    CHECK(address >> SIDE_ADDRESS_BITS == 0 && block.size <= BLOCK_BYTES_MAX);
    TRY(group_open(g, issuer_id, serial_size));
    if (g->pending_count == SIDE_PENDING_MAX)
        TRY(chunk_cut(g, SIDE_CHUNK_ENTRIES));
    g->pending[g->pending_count++] = (struct side_pending){
        .serial = serial, .place = (uint64_t)block.size << SIDE_ADDRESS_BITS | address};
    return ERR_OK;
}

enum err side_grower_share(struct side_grower *g, uint64_t issuer_id, struct side_chunk *chunk)
{
    TRY(side_grower_end_run(g));
    TRY(group_open(g, issuer_id, chunk->last.size));
    chunk->share_count++;
    g->chunks_shared++;
    return chunk_append(g, chunk);
}

/* Octets that the last serials of all blocks share. The first chunk has the first of them, and what
 * it shares with the others of its chunk is known. */
static void group_common(struct side_group *group)
{
    const struct side_chunk *first = group->chunks[0];
    const struct serial *last = &group->chunks[group->chunk_count - 1]->last;
    uint8_t size = common_octets(first->last.octets, last->octets, group->serial_size);
    group->common_size = size < first->common_size ? size : first->common_size;
    memcpy(group->common, last->octets, group->common_size);
}

/* An entry's eight octets after the group's common ones: the chunk's common ones begin them. */
static uint64_t group_prefix(const struct side_group *group, const struct side_chunk *chunk,
                             const struct side_entry *entry)
{
    size_t from_chunk = (size_t)(chunk->common_size - group->common_size);
    uint64_t prefix = side_prefix(chunk->last.octets, group->serial_size, group->common_size);
    if (from_chunk >= sizeof prefix)
        return prefix;
    if (from_chunk == 0)
        return entry->prefix;
    unsigned shift = 8 * (unsigned)from_chunk;
    return (prefix >> (64 - shift)) << (64 - shift) | entry->prefix >> shift;
}

static enum err runs_make(struct side_group *group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->chunk_count; i++)
        count += (group->chunks[i]->count + SIDE_RUN_ENTRIES - 1u) / SIDE_RUN_ENTRIES;
    group->runs = malloc(count * sizeof *group->runs);
    if (group->runs == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < group->chunk_count; i++) {
        const struct side_chunk *chunk = group->chunks[i];
        for (uint16_t first = 0; first < chunk->count; first += SIDE_RUN_ENTRIES) {
            uint16_t left = chunk->count - first;
            struct side_run run = {.chunk = i, .first = first};
            run.count = left < SIDE_RUN_ENTRIES ? left : SIDE_RUN_ENTRIES;
            run.prefix = group_prefix(group, chunk, &chunk->entries[first + run.count - 1]);
            group->runs[group->run_count++] = run;
        }
    }
    return ERR_OK;
}

static enum err radix_make(struct side_group *group)
{
    uint32_t count = group->run_count;
    uint8_t bits = 1;
    while (bits < RADIX_BITS_MAX && (1u << bits) < count)
        bits++;
    group->radix_bits = bits;
    group->radix_shift = 64u - bits;
    uint32_t places = 1u << bits;
    group->radix = calloc(places + 1, sizeof *group->radix);
    if (group->radix == NULL)
        return ERR_MEMORY;
    uint32_t run = 0;
    for (uint32_t i = 0; i < places; i++) {
        while (run < count && group->runs[run].prefix >> group->radix_shift < i)
            run++;
        group->radix[i] = run;
    }
    group->radix[places] = count;
    return ERR_OK;
}

static enum err group_finish(struct side_group *group)
{
    group->stride_bytes = block_load(side_entry_block(group->chunks[0]->entries)).stride_bytes;
    group_common(group);
    TRY(runs_make(group));
    return radix_make(group);
}

enum err side_grower_finish(struct side_grower *g, struct side_index *ret)
{
    TRY(side_grower_end_run(g));
    for (uint32_t i = 0; i < g->group_count; i++)
        TRY(group_finish(&g->groups[i]));
    *ret = (struct side_index){
        .groups = g->groups, .group_count = g->group_count, .block_count = g->block_count};
    g->groups = NULL;
    g->group_count = 0;
    return ERR_OK;
}

void side_grower_drop(struct side_grower *g)
{
    struct side_index index = {.groups = g->groups, .group_count = g->group_count};
    side_index_free(&index);
    g->groups = NULL;
    g->group_count = 0;
}
