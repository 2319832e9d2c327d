/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_tiles.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/wire.h"

#define FOLDER_MODE 0755
#define FILE_MODE   0644

/* How many hashes a tree of that size has at a level of tiles, and how many of them lie in a tile
 * that is not full. */
static uint64_t count_at(uint64_t size, unsigned level)
{
    return level < TILE_LEVELS ? size >> (TILE_HEIGHT * level) : 0;
}

static unsigned width_at(uint64_t size, unsigned level)
{
    return (unsigned)(count_at(size, level) % TILE_WIDTH);
}

static enum err read_part_or_whole(const char *folder, unsigned level, uint64_t number,
                                   unsigned width, size_t bytes_max, struct buffer *ret)
{
    char name[TILE_PATH_BYTES];
    char path[AUDIT_PATH_MAX];
    tile_path(level, number, width, name);
    TRY(path_join(path, sizeof path, folder, name));
    enum err err = file_read(path, bytes_max, ret);
    if (err != ERR_NOT_FOUND || width == TILE_WIDTH)
        return err;
    tile_path(level, number, TILE_WIDTH, name);
    TRY(path_join(path, sizeof path, folder, name));
    return file_read(path, bytes_max, ret);
}

enum err audit_tile_read(const char *folder, unsigned level, uint64_t number, unsigned width,
                         struct sha256 ret[static TILE_WIDTH])
{
    struct buffer octets = {0};
    enum err err =
        read_part_or_whole(folder, level, number, width, TILE_WIDTH * SHA256_BYTES, &octets);
    bool fits = octets.size == width * SHA256_BYTES || octets.size == TILE_WIDTH * SHA256_BYTES;
    if (err == ERR_OK && !fits)
        err = ERR_MALFORMED;
    if (err == ERR_OK)
        memcpy(ret, octets.data, width * SHA256_BYTES);
    buffer_done(&octets);
    return err;
}

enum err audit_bundle_read(const char *folder, uint64_t number, unsigned width, struct buffer *ret)
{
    return read_part_or_whole(folder, TILE_ENTRIES, number, width, AUDIT_BUNDLE_BYTES_MAX, ret);
}

enum err audit_bundle_next(struct span *rest, struct span *ret_entry)
{
    if (rest->size < 2 || rest->size - 2 < be16_load(rest->data))
        return ERR_TRUNCATED;
    size_t size = be16_load(rest->data);
    *ret_entry = span_of(rest->data + 2, size);
    *rest = span_of(rest->data + 2 + size, rest->size - 2 - size);
    return ERR_OK;
}

enum err audit_checkpoint_read(const char *folder, const struct verify_key *key,
                               struct buffer *note, struct audit_tree *ret)
{
    char path[AUDIT_PATH_MAX];
    TRY(path_join(path, sizeof path, folder, AUDIT_CHECKPOINT_FILE));
    TRY(file_read(path, AUDIT_CHECKPOINT_BYTES_MAX, note));
    return audit_checkpoint_open(key, span_of(note->data, note->size), ret);
}

/* The whole subtrees in a tile of that width, the largest first. */
static void trees_of_tile(const struct sha256 *hashes, unsigned level, unsigned width,
                          struct merkle_edge *tree)
{
    for (unsigned bit = TILE_HEIGHT; bit-- > 0;) {
        if ((width >> bit & 1) == 0)
            continue;
        tree->trees[TILE_HEIGHT * level + bit] = merkle_fold(hashes, (size_t)1 << bit);
        hashes += (size_t)1 << bit;
    }
}

/* Cuts off what a later, unfinished append may have left behind, and compares with the tile. */
static enum err take_bundle(struct audit_edge *edge, unsigned width)
{
    struct span rest = span_of(edge->bundle.data, edge->bundle.size);
    for (unsigned i = 0; i < width; i++) {
        struct span entry;
        if (audit_bundle_next(&rest, &entry) != ERR_OK)
            return ERR_MALFORMED;
        struct sha256 leaf = merkle_leaf(entry);
        if (!sha256_equal(&leaf, &edge->tiles[0][i]))
            return ERR_HASH;
    }
    edge->bundle.size -= rest.size;
    return ERR_OK;
}

static enum err load(const char *folder, struct audit_edge *edge)
{
    uint64_t size = edge->tree.size;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        unsigned width = width_at(size, level);
        if (width == 0)
            continue;
        TRY(audit_tile_read(folder, level, count_at(size, level) / TILE_WIDTH, width,
                            edge->tiles[level]));
        trees_of_tile(edge->tiles[level], level, width, &edge->tree);
    }
    unsigned width = width_at(size, 0);
    if (width == 0)
        return ERR_OK;
    TRY(audit_bundle_read(folder, size >> TILE_HEIGHT, width, &edge->bundle));
    return take_bundle(edge, width);
}

enum err audit_edge_load(const char *folder, const struct audit_tree *tree, struct audit_edge *ret)
{
    ret->tree.size = tree->size;
    enum err err = load(folder, ret);
    struct sha256 root = {{0}};
    if (err == ERR_OK)
        root = merkle_edge_root(&ret->tree);
    if (err == ERR_OK && !sha256_equal(&root, &tree->root))
        err = ERR_HASH;
    if (err != ERR_OK)
        audit_edge_done(ret);
    return err;
}

enum err audit_edge_copy(const struct audit_edge *from, struct audit_edge *to)
{
    to->tree = from->tree;
    memcpy(to->tiles, from->tiles, sizeof to->tiles);
    to->bundle.size = 0;
    return buffer_append(&to->bundle, span_of(from->bundle.data, from->bundle.size));
}

enum err audit_edge_add(struct audit_edge *edge, struct span entry)
{
    uint8_t size[2];
    be16_store(size, (uint16_t)entry.size);
    TRY(buffer_append(&edge->bundle, span_of(size, sizeof size)));
    TRY(buffer_append(&edge->bundle, entry));
    struct sha256 hash = merkle_leaf(entry);
    unsigned level = 0;
    edge->tiles[0][width_at(edge->tree.size, 0)] = hash;
    merkle_edge_add(&edge->tree, &hash);
    while (width_at(edge->tree.size, level) == 0 && level + 1 < TILE_LEVELS) {
        uint64_t at = count_at(edge->tree.size, level + 1) - 1;
        edge->tiles[level + 1][at % TILE_WIDTH] = merkle_fold(edge->tiles[level], TILE_WIDTH);
        level++;
    }
    return ERR_OK;
}

/* Each folder that is new is made to last before what is in it. */
static enum err make_folders(const char *folder, const char *name)
{
    char path[AUDIT_PATH_MAX];
    char part[TILE_PATH_BYTES];
    TRY(path_join(path, sizeof path, folder, ""));
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char above[AUDIT_PATH_MAX];
        memcpy(above, path, sizeof above);
        memcpy(part, name, (size_t)(slash - name));
        part[slash - name] = '\0';
        TRY(path_join(path, sizeof path, folder, part));
        if (access(path, F_OK) == 0)
            continue;
        TRY(directory_make(path, FOLDER_MODE));
        TRY(directory_sync(above));
    }
    return ERR_OK;
}

static enum err put_file(const char *folder, const char *name, struct span content)
{
    char path[AUDIT_PATH_MAX];
    TRY(path_join(path, sizeof path, folder, name));
    TRY(make_folders(folder, name));
    return file_publish(path, content, FILE_MODE);
}

/* The tile of a level that holds the last hash of it. */
static enum err put_tile(const char *folder, const struct audit_edge *edge, unsigned level)
{
    char name[TILE_PATH_BYTES];
    unsigned width = width_at(edge->tree.size, level);
    uint64_t last = count_at(edge->tree.size, level) - 1;
    width = width == 0 ? TILE_WIDTH : width;
    tile_path(level, last / TILE_WIDTH, width, name);
    return put_file(folder, name, span_of(edge->tiles[level][0].octets, width * SHA256_BYTES));
}

enum err audit_edge_write(const char *folder, struct audit_edge *edge)
{
    char name[TILE_PATH_BYTES];
    unsigned width = width_at(edge->tree.size, 0);
    tile_path(TILE_ENTRIES, (edge->tree.size - 1) / TILE_WIDTH, width == 0 ? TILE_WIDTH : width,
              name);
    TRY(put_file(folder, name, span_of(edge->bundle.data, edge->bundle.size)));
    TRY(put_tile(folder, edge, 0));
    for (unsigned level = 0; width_at(edge->tree.size, level) == 0 && level + 1 < TILE_LEVELS;
         level++)
        TRY(put_tile(folder, edge, level + 1));
    if (width == 0)
        edge->bundle.size = 0;
    return ERR_OK;
}

void audit_edge_done(struct audit_edge *edge)
{
    buffer_done(&edge->bundle);
    *edge = (struct audit_edge){0};
}

static void remove_parts(const char *folder, unsigned level, uint64_t number)
{
    char name[TILE_PATH_BYTES];
    char path[AUDIT_PATH_MAX];
    tile_parts_path(level, number, name);
    if (path_join(path, sizeof path, folder, name) != ERR_OK)
        return;
    for (unsigned width = 1; width < TILE_WIDTH; width++) {
        char part[AUDIT_PATH_MAX];
        char text[8];
        snprintf(text, sizeof text, "%u", width);
        if (path_join(part, sizeof part, path, text) == ERR_OK)
            unlink(part);
    }
    rmdir(path);
}

void audit_parts_remove(const char *folder, uint64_t old_size, uint64_t size)
{
    for (unsigned level = 0; level < TILE_LEVELS - 1; level++) {
        uint64_t whole = count_at(size, level + 1);
        for (uint64_t number = count_at(old_size, level + 1); number < whole; number++) {
            remove_parts(folder, level, number);
            if (level == 0)
                remove_parts(folder, TILE_ENTRIES, number);
        }
    }
}

/* `count` things in tiles of one level. */
static enum err level_each(unsigned level, uint64_t count, bool only_whole,
                           enum err (*each)(void *context, const char *name), void *context)
{
    char name[TILE_PATH_BYTES];
    for (uint64_t n = 0; n < count / TILE_WIDTH; n++) {
        tile_path(level, n, TILE_WIDTH, name);
        TRY(each(context, name));
    }
    if (only_whole || count % TILE_WIDTH == 0)
        return ERR_OK;
    tile_path(level, count / TILE_WIDTH, (unsigned)(count % TILE_WIDTH), name);
    return each(context, name);
}

enum err audit_files_each(uint64_t size, bool only_whole,
                          enum err (*each)(void *context, const char *name), void *context)
{
    TRY(level_each(TILE_ENTRIES, size, only_whole, each, context));
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        TRY(level_each(level, size >> (TILE_HEIGHT * level), only_whole, each, context));
    return ERR_OK;
}
