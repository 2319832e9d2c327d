/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/side_build.h"

#include "edge/side_group.h"
#include "lib/check.h"
#include "lib/wire.h"

#include <stdlib.h>

#define KEY_HEAD_BYTES 9 /* issuer id and serial size */

/* A chunk of the previous index with its span of keys, while it is decided whether to share it. */
struct old_chunk {
    struct side_chunk *chunk;
    const struct side_group *group;
    struct side_key after;
    struct side_key until;
    bool dirty;
};

struct plan {
    struct old_chunk *chunks;
    uint32_t chunk_count;
    struct side_range *walks; /* what to walk: disjoint, in order */
    uint32_t walk_count;
};

int side_key_compare(const struct side_key *a, const struct side_key *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->octets, b->octets, size);
    return order != 0 ? order : (int)a->size - (int)b->size;
}

void side_index_free(struct side_index *index)
{
    for (uint32_t i = 0; i < index->group_count; i++) {
        struct side_group *group = &index->groups[i];
        for (uint32_t j = 0; j < group->chunk_count; j++) {
            struct side_chunk *chunk = group->chunks[j];
            CHECK(chunk->share_count > 0);
            if (--chunk->share_count == 0)
                free(chunk);
        }
        free(group->chunks);
        free(group->runs);
        free(group->radix);
    }
    free(index->groups);
    *index = (struct side_index){0};
}

static int range_order(const void *a, const void *b)
{
    const struct side_range *left = a;
    const struct side_range *right = b;
    return side_key_compare(&left->after, &right->after);
}

/* Sorts, and joins ranges that overlap or meet. Returns how many are left. */
static uint32_t ranges_join(struct side_range *ranges, uint32_t count)
{
    if (count == 0)
        return 0;
    qsort(ranges, count, sizeof *ranges, range_order);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (side_key_compare(&ranges[i].after, &ranges[kept].until) > 0)
            ranges[++kept] = ranges[i];
        else if (side_key_compare(&ranges[i].until, &ranges[kept].until) > 0)
            ranges[kept].until = ranges[i].until;
    }
    return kept + 1;
}

static struct side_key key_of(uint64_t issuer_id, const struct serial *serial)
{
    struct side_key key;
    key.size = (uint8_t)key_write(issuer_id, serial, key.octets);
    return key;
}

/* The end of a group's keys: no serial of its size sorts after 0xff octets. */
static struct side_key group_end(const struct side_group *group)
{
    struct serial last = {.size = group->serial_size};
    memset(last.octets, 0xff, group->serial_size);
    return key_of(group->issuer_id, &last);
}

static void chunks_list(const struct side_index *previous, struct old_chunk *chunks)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < previous->group_count; i++) {
        const struct side_group *group = &previous->groups[i];
        struct serial first = {.size = group->serial_size};
        struct side_key after = key_of(group->issuer_id, &first);
        after.size = KEY_HEAD_BYTES;
        for (uint32_t j = 0; j < group->chunk_count; j++) {
            struct side_chunk *chunk = group->chunks[j];
            bool is_last = j + 1 == group->chunk_count;
            chunks[n] = (struct old_chunk){.chunk = chunk, .group = group, .after = after};
            chunks[n].until = is_last ? group_end(group) : key_of(group->issuer_id, &chunk->last);
            after = chunks[n].until;
            n++;
        }
    }
}

/* Both lists are in order: one pass. A range that begins at a chunk's last key touches it too: that
 * costs little and does not depend on who counts an end in. */
static void chunks_mark(struct plan *plan, const struct side_range *ranges, uint32_t range_count)
{
    uint32_t r = 0;
    for (uint32_t i = 0; i < plan->chunk_count; i++) {
        struct old_chunk *c = &plan->chunks[i];
        while (r < range_count && side_key_compare(&ranges[r].until, &c->after) <= 0)
            r++;
        c->dirty = r < range_count && side_key_compare(&ranges[r].after, &c->until) <= 0;
    }
}

/* A small chunk beside a dirty one is walked with it, so that small ones do not pile up. */
static void chunks_mark_small(struct plan *plan)
{
    bool left_dirty = false;
    for (uint32_t i = 0; i < plan->chunk_count; i++) {
        struct old_chunk *c = &plan->chunks[i];
        bool was_dirty = c->dirty;
        bool right_dirty = i + 1 < plan->chunk_count && c[1].dirty && c[1].group == c->group;
        bool beside = right_dirty || (left_dirty && c[-1].group == c->group);
        if (beside && c->chunk->count < SIDE_CHUNK_SMALL)
            c->dirty = true;
        left_dirty = was_dirty;
    }
}

static enum err plan_make(const struct side_index *previous, struct side_range *ranges,
                          uint32_t range_count, struct plan *plan)
{
    for (uint32_t i = 0; i < previous->group_count; i++)
        plan->chunk_count += previous->groups[i].chunk_count;
    plan->chunks = calloc(plan->chunk_count + 1, sizeof *plan->chunks);
    plan->walks = calloc((size_t)plan->chunk_count + range_count + 1, sizeof *plan->walks);
    if (plan->chunks == NULL || plan->walks == NULL)
        return ERR_MEMORY;
    chunks_list(previous, plan->chunks);
    range_count = ranges_join(ranges, range_count);
    chunks_mark(plan, ranges, range_count);
    chunks_mark_small(plan);
    if (range_count > 0)
        memcpy(plan->walks, ranges, range_count * sizeof *ranges);
    plan->walk_count = range_count;
    for (uint32_t i = 0; i < plan->chunk_count; i++)
        if (plan->chunks[i].dirty)
            plan->walks[plan->walk_count++] =
                (struct side_range){.after = plan->chunks[i].after, .until = plan->chunks[i].until};
    plan->walk_count = ranges_join(plan->walks, plan->walk_count);
    return ERR_OK;
}

static enum err walk_take(struct side_grower *g, struct span key, struct span block)
{
    if (key.size <= KEY_HEAD_BYTES || key.size > KEY_BYTES_MAX ||
        key.size != KEY_HEAD_BYTES + (size_t)key.data[KEY_HEAD_BYTES - 1] ||
        block.size < BLOCK_BYTES_MIN || block.size > BLOCK_BYTES_MAX)
        return ERR_STORE;
    return side_grower_add(g, be64_load(key.data), key.data[KEY_HEAD_BYTES - 1],
                           key.data + KEY_HEAD_BYTES, block);
}

static bool is_past(struct span key, const struct side_key *until)
{
    size_t size = key.size < until->size ? key.size : until->size;
    int order = memcmp(key.data, until->octets, size);
    return order > 0 || (order == 0 && key.size > until->size);
}

static enum err walk(const struct side_source *source, const struct side_key *after,
                     const struct side_key *until, struct side_grower *g)
{
    struct span key;
    struct span block;
    enum err err = source->first(source->context, after, &key, &block);
    while (err == ERR_OK && !(until != NULL && is_past(key, until))) {
        TRY(walk_take(g, key, block));
        err = source->next(source->context, &key, &block);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Clean chunks and walks, in key order. They are disjoint, so comparing where they begin is enough.
 * Walks with no clean chunk between them fill the same chunks. */
static enum err plan_run(const struct side_source *source, const struct plan *plan,
                         struct side_grower *g)
{
    uint32_t w = 0;
    for (uint32_t i = 0; i < plan->chunk_count; i++) {
        const struct old_chunk *c = &plan->chunks[i];
        if (c->dirty)
            continue;
        for (; w < plan->walk_count && side_key_compare(&plan->walks[w].after, &c->after) < 0; w++)
            TRY(walk(source, &plan->walks[w].after, &plan->walks[w].until, g));
        TRY(side_grower_share(g, c->group->issuer_id, c->chunk));
    }
    for (; w < plan->walk_count; w++)
        TRY(walk(source, &plan->walks[w].after, &plan->walks[w].until, g));
    return ERR_OK;
}

static enum err build_into(const struct side_source *source, const struct side_index *previous,
                           struct side_range *ranges, uint32_t range_count, struct plan *plan,
                           struct side_grower *g, struct side_index *ret)
{
    if (previous == NULL || range_count > SIDE_RANGES_MAX) {
        struct side_key start = {.size = 0};
        TRY(walk(source, &start, NULL, g));
    } else {
        TRY(plan_make(previous, ranges, range_count, plan));
        TRY(plan_run(source, plan, g));
    }
    return side_grower_finish(g, ret);
}

enum err side_build(const struct side_source *source, const struct side_index *previous,
                    struct side_range *ranges, uint32_t range_count, struct side_build_result *ret)
{
    struct plan plan = {0};
    struct side_index index;
    struct side_grower *g = calloc(1, sizeof *g);
    if (g == NULL)
        return ERR_MEMORY;
    enum err err = build_into(source, previous, ranges, range_count, &plan, g, &index);
    if (err == ERR_OK)
        *ret = (struct side_build_result){
            .index = index, .chunks_shared = g->chunks_shared, .chunks_built = g->chunks_built};
    side_grower_drop(g);
    free(g);
    free(plan.chunks);
    free(plan.walks);
    return err;
}
