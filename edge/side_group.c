/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/side_group.h"

#include "edge/side_build.h"
#include "lib/check.h"

#include <stdlib.h>

#define RADIX_BITS_MAX 16

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
    g->directory_room = 0;
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
    if (group->chunk_count == g->directory_room) {
        uint32_t room = g->directory_room == 0 ? 16 : 2 * g->directory_room;
        struct side_directory_entry *directory =
            realloc(group->directory, room * sizeof *directory);
        if (directory == NULL) {
            if (--chunk->share_count == 0)
                free(chunk);
            return ERR_MEMORY;
        }
        group->directory = directory;
        g->directory_room = room;
    }
    group->directory[group->chunk_count++] =
        (struct side_directory_entry){.chunk = chunk, .count = chunk->count};
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
            .block = g->pending[i].block};
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
                         const uint8_t *serial, const uint8_t *block)
{
    TRY(group_open(g, issuer_id, serial_size));
    if (g->pending_count == SIDE_PENDING_MAX)
        TRY(chunk_cut(g, SIDE_CHUNK_ENTRIES));
    g->pending[g->pending_count++] = (struct side_pending){.serial = serial, .block = block};
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

static enum err group_finish(struct side_group *group)
{
    uint32_t count = group->chunk_count;
    struct side_directory_entry *directory = group->directory;
    const struct serial *last = &directory[count - 1].chunk->last;
    group->common_size =
        common_octets(directory[0].chunk->last.octets, last->octets, group->serial_size);
    memcpy(group->common, last->octets, group->common_size);
    for (uint32_t i = 0; i < count; i++)
        directory[i].prefix =
            side_prefix(directory[i].chunk->last.octets, group->serial_size, group->common_size);
    uint8_t bits = 1;
    while (bits < RADIX_BITS_MAX && (1u << bits) < count)
        bits++;
    group->radix_bits = bits;
    group->radix_shift = 64u - bits;
    uint32_t places = 1u << bits;
    group->radix = calloc(places + 1, sizeof *group->radix);
    if (group->radix == NULL)
        return ERR_MEMORY;
    uint32_t chunk = 0;
    for (uint32_t i = 0; i < places; i++) {
        while (chunk < count && directory[chunk].prefix >> group->radix_shift < i)
            chunk++;
        group->radix[i] = chunk;
    }
    group->radix[places] = count;
    return ERR_OK;
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
