/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_verify.h"

#include <stdio.h>
#include <stdlib.h>

enum err audit_reader_open(const char *folder, const struct verify_key *key,
                           struct audit_reader *ret)
{
    *ret = (struct audit_reader){0};
    enum err err = path_join(ret->folder, sizeof ret->folder, folder, "");
    if (err == ERR_OK)
        err = audit_checkpoint_read(folder, key, &ret->checkpoint, &ret->tree);
    if (err != ERR_OK)
        audit_reader_done(ret);
    return err;
}

void audit_reader_done(struct audit_reader *r)
{
    buffer_done(&r->checkpoint);
}

/* Of `count` things in tiles, how many are in tile `number`. */
static unsigned width_of(uint64_t count, uint64_t number)
{
    uint64_t left = count - number * TILE_WIDTH;
    return left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
}

static enum err load_tile(struct audit_reader *r, unsigned level, uint64_t number)
{
    unsigned width = width_of(r->tree.size >> (TILE_HEIGHT * level), number);
    if (r->tile_width == width && r->tile_level == level && r->tile_number == number)
        return ERR_OK;
    r->tile_width = 0;
    TRY(audit_tile_read(r->folder, level, number, width, r->tile));
    r->tile_level = level;
    r->tile_number = number;
    r->tile_width = width;
    return ERR_OK;
}

static enum err get(void *context, unsigned level, uint64_t index, struct sha256 *ret)
{
    struct audit_reader *r = context;
    uint64_t first = index << level % TILE_HEIGHT; /* among the hashes of the tiles' level */
    TRY(load_tile(r, level / TILE_HEIGHT, first / TILE_WIDTH));
    *ret = merkle_fold(r->tile + first % TILE_WIDTH, (size_t)1 << level % TILE_HEIGHT);
    return ERR_OK;
}

struct merkle_source audit_source(struct audit_reader *r)
{
    return (struct merkle_source){.context = r, .get = get};
}

enum err audit_follows(struct audit_reader *r, const struct audit_tree *older)
{
    struct merkle_source source = audit_source(r);
    struct sha256 root;
    if (older->size > r->tree.size)
        return ERR_RANGE;
    TRY(merkle_root(&source, older->size, &root));
    return sha256_equal(&root, &older->root) ? ERR_OK : ERR_HASH;
}

typedef enum err each_entry(void *context, uint64_t index, struct span entry);

/* Its entries and nothing behind them: as many as asked for, or it is the whole one. */
static bool bundle_valid(struct span rest, unsigned width)
{
    struct span entry;
    unsigned count = 0;
    while (audit_bundle_next(&rest, &entry) == ERR_OK)
        count++;
    return rest.size == 0 && (count == width || count == TILE_WIDTH);
}

static enum err walk_bundle(struct audit_reader *r, uint64_t number, struct buffer *octets,
                            each_entry *each, void *context)
{
    unsigned width = width_of(r->tree.size, number);
    TRY(audit_bundle_read(r->folder, number, width, octets));
    struct span rest = span_of(octets->data, octets->size);
    if (!bundle_valid(rest, width))
        return ERR_MALFORMED;
    for (unsigned i = 0; i < width; i++) {
        struct span entry;
        if (audit_bundle_next(&rest, &entry) != ERR_OK)
            return ERR_MALFORMED;
        TRY(each(context, number * TILE_WIDTH + i, entry));
    }
    return ERR_OK;
}

struct window {
    uint64_t first;
    uint64_t end;
    each_entry *each;
    void *context;
};

static enum err in_window(void *context, uint64_t index, struct span entry)
{
    const struct window *w = context;
    return index < w->first || index >= w->end ? ERR_OK : w->each(w->context, index, entry);
}

enum err audit_each(struct audit_reader *r, uint64_t first, uint64_t end,
                    enum err (*each)(void *context, uint64_t index, struct span entry),
                    void *context)
{
    struct window window = {.first = first, .end = end, .each = each, .context = context};
    struct buffer octets = {0};
    enum err err = first > end || end > r->tree.size ? ERR_RANGE : ERR_OK;
    for (uint64_t n = first / TILE_WIDTH; err == ERR_OK && n * TILE_WIDTH < end; n++)
        err = walk_bundle(r, n, &octets, in_window, &window);
    buffer_done(&octets);
    return err;
}

/* The tree made anew from the entries, one tile of each level at a time. */
struct rebuild {
    struct audit_reader *reader;
    struct merkle_edge tree;
    struct sha256 tiles[TILE_LEVELS][TILE_WIDTH];
    char *fault;
};

static enum err compare_tile(struct rebuild *b, unsigned level, uint64_t number, unsigned width)
{
    struct sha256 stored[TILE_WIDTH];
    tile_path(level, number, width, b->fault);
    TRY(audit_tile_read(b->reader->folder, level, number, width, stored));
    for (unsigned i = 0; i < width; i++)
        if (!sha256_equal(&stored[i], &b->tiles[level][i]))
            return ERR_HASH;
    return ERR_OK;
}

static enum err rebuild_add(void *context, uint64_t index, struct span entry)
{
    struct rebuild *b = context;
    struct sha256 hash = merkle_leaf(entry);
    merkle_edge_add(&b->tree, &hash);
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        b->tiles[level][index % TILE_WIDTH] = hash;
        if (index % TILE_WIDTH != TILE_WIDTH - 1)
            return ERR_OK;
        index /= TILE_WIDTH;
        TRY(compare_tile(b, level, index, TILE_WIDTH));
        hash = merkle_fold(b->tiles[level], TILE_WIDTH);
    }
    return ERR_OK;
}

/* The tiles at the right edge, which are not full. */
static enum err compare_edge(struct rebuild *b)
{
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t count = b->tree.size >> (TILE_HEIGHT * level);
        if (count % TILE_WIDTH != 0)
            TRY(compare_tile(b, level, count / TILE_WIDTH, (unsigned)(count % TILE_WIDTH)));
    }
    return ERR_OK;
}

static enum err rebuild_all(struct rebuild *b, struct buffer *octets)
{
    struct audit_reader *r = b->reader;
    for (uint64_t n = 0; n * TILE_WIDTH < r->tree.size; n++) {
        tile_path(TILE_ENTRIES, n, width_of(r->tree.size, n), b->fault);
        TRY(walk_bundle(r, n, octets, rebuild_add, b));
    }
    TRY(compare_edge(b));
    struct sha256 root = merkle_edge_root(&b->tree);
    snprintf(b->fault, TILE_PATH_BYTES, "%s", AUDIT_CHECKPOINT_FILE);
    return sha256_equal(&root, &r->tree.root) ? ERR_OK : ERR_HASH;
}

static enum err hash_entry(void *context, uint64_t index, struct span entry)
{
    (void)index;
    struct sha256 *ret = context;
    *ret = sha256_of(entry);
    return ERR_OK;
}

enum err audit_log_id(struct audit_reader *r, struct sha256 *ret)
{
    return audit_each(r, 0, 1, hash_entry, ret);
}

enum err audit_verify(struct audit_reader *r, char fault[static TILE_PATH_BYTES])
{
    struct rebuild *b = calloc(1, sizeof *b);
    struct buffer octets = {0};
    if (b == NULL)
        return ERR_MEMORY;
    b->reader = r;
    b->fault = fault;
    enum err err = rebuild_all(b, &octets);
    buffer_done(&octets);
    free(b);
    return err;
}
