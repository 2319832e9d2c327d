/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/path_table.h"

#include "lib/check.h"

#include <stdlib.h>

struct path_table {
    uint32_t shares;
    uint32_t file_count, file_room;
    uint32_t blob_count, blob_room;
    uint32_t file_mask, blob_mask;
    size_t left_out;
    size_t shortest, longest; /* of the paths */
    uint64_t first_octets[4]; /* a bit for each octet that follows a path's "/" */
    struct path_file *files;
    struct path_blob *blobs;
    uint32_t *file_slots; /* number + 1, 0: free */
    uint32_t *blob_slots;
};

/* At least twice as many slots as entries, a power of two. */
static uint32_t slot_count(size_t entries)
{
    uint32_t slots = 8;
    while (slots < 2 * entries)
        slots *= 2;
    return slots;
}

enum err path_table_new(size_t file_count, size_t blob_count, struct path_table **ret)
{
    if (file_count > PATH_TABLE_FILES_MAX || blob_count > PATH_TABLE_BLOBS_MAX)
        return ERR_LIMIT;
    struct path_table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_MEMORY;
    t->shares = 1;
    t->file_room = (uint32_t)file_count;
    t->blob_room = (uint32_t)blob_count;
    t->file_mask = slot_count(file_count) - 1;
    t->blob_mask = slot_count(blob_count) - 1;
    t->shortest = SIZE_MAX;
    t->files = calloc(file_count + 1, sizeof *t->files);
    t->blobs = calloc(blob_count + 1, sizeof *t->blobs);
    t->file_slots = calloc((size_t)t->file_mask + 1, sizeof *t->file_slots);
    t->blob_slots = calloc((size_t)t->blob_mask + 1, sizeof *t->blob_slots);
    if (t->files == NULL || t->blobs == NULL || t->file_slots == NULL || t->blob_slots == NULL) {
        path_table_free(t);
        return ERR_MEMORY;
    }
    *ret = t;
    return ERR_OK;
}

struct path_table *path_table_share(struct path_table *t)
{
    t->shares++;
    return t;
}

struct path_table *path_table_free(struct path_table *t)
{
    if (t == NULL || --t->shares > 0)
        return NULL;
    for (uint32_t i = 0; i < t->file_count; i++)
        free((void *)(uintptr_t)t->files[i].about.path.data); /* with its media type */
    free(t->files);
    free(t->blobs);
    free(t->file_slots);
    free(t->blob_slots);
    free(t);
    return NULL;
}

/* Paths are the publisher's, not a client's: no key is needed. */
static uint32_t hash_of(struct span path)
{
    uint64_t hash = path.size;
    size_t at = 0;
    for (; path.size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, path.data + at, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    for (; at < path.size; at++)
        hash = (hash ^ path.data[at]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash >> 32 ^ hash);
}

/* A hash's own octets are spread already. */
static uint32_t blob_slot_of(const uint8_t *hash)
{
    uint32_t slot;
    memcpy(&slot, hash, sizeof slot);
    return slot;
}

static const struct path_blob *blob_find(const struct path_table *t, const uint8_t *prefix)
{
    for (uint32_t slot = blob_slot_of(prefix);; slot++) {
        uint32_t number = t->blob_slots[slot & t->blob_mask];
        if (number == 0)
            return NULL;
        const struct path_blob *blob = &t->blobs[number - 1];
        if (memcmp(blob->hash.octets, prefix, PATH_BLOB_PREFIX_BYTES) == 0)
            return blob;
    }
}

void path_table_add_blob(struct path_table *t, const struct sha256 *hash, struct span octets)
{
    CHECK(t->shares == 1);
    if (t->blob_count == t->blob_room || blob_find(t, hash->octets) != NULL)
        return;
    t->blobs[t->blob_count++] =
        (struct path_blob){.hash = *hash, .octets = octets.data, .stored_bytes = octets.size};
    uint32_t slot = blob_slot_of(hash->octets);
    while (t->blob_slots[slot & t->blob_mask] != 0)
        slot++;
    t->blob_slots[slot & t->blob_mask] = t->blob_count;
}

/* The slot of the path, or the free one where it would be. */
static uint32_t *file_slot(const struct path_table *t, struct span path)
{
    for (uint32_t slot = hash_of(path);; slot++) {
        uint32_t *number = &t->file_slots[slot & t->file_mask];
        if (*number == 0 || span_equal(t->files[*number - 1].about.path, path))
            return number;
    }
}

static void note_shape(struct path_table *t, struct span path)
{
    uint8_t first = path.size > 1 ? path.data[1] : 0;
    t->first_octets[first / 64] |= UINT64_C(1) << first % 64;
    t->shortest = path.size < t->shortest ? path.size : t->shortest;
    t->longest = path.size > t->longest ? path.size : t->longest;
}

enum err path_table_add_file(struct path_table *t, const struct blob_path *about)
{
    CHECK(t->shares == 1);
    const struct path_blob *blob = blob_find(t, about->blob.octets);
    uint32_t *slot = file_slot(t, about->path);
    if (t->file_count == t->file_room || *slot != 0 || about->blob_bytes == 0 || blob == NULL ||
        !sha256_equal(&blob->hash, &about->blob) || blob->stored_bytes < about->blob_bytes) {
        t->left_out++;
        return ERR_OK;
    }
    size_t text_size = about->path.size + about->media_type.size;
    uint8_t *text = malloc(text_size);
    if (text == NULL)
        return ERR_MEMORY;
    memcpy(text, about->path.data, about->path.size);
    memcpy(text + about->path.size, about->media_type.data, about->media_type.size);
    struct path_file *file = &t->files[t->file_count++];
    *file = (struct path_file){.about = *about, .octets = blob->octets};
    file->about.path = span_of(text, about->path.size);
    file->about.media_type = span_of(text + about->path.size, about->media_type.size);
    *slot = t->file_count;
    note_shape(t, file->about.path);
    return ERR_OK;
}

size_t path_table_file_count(const struct path_table *t)
{
    return t->file_count;
}

size_t path_table_left_out(const struct path_table *t)
{
    return t->left_out;
}

const struct path_file *path_table_find(const struct path_table *t, struct span path)
{
    /* Most paths are OCSP requests: they must not pay for the files. */
    if (path.size < t->shortest || path.size > t->longest)
        return NULL;
    uint8_t first = path.size > 1 ? path.data[1] : 0;
    if ((t->first_octets[first / 64] >> first % 64 & 1) == 0)
        return NULL;
    uint32_t number = *file_slot(t, path);
    return number == 0 ? NULL : &t->files[number - 1];
}

const uint8_t *path_table_blob(const struct path_table *t,
                               const uint8_t prefix[static PATH_BLOB_PREFIX_BYTES])
{
    const struct path_blob *blob = blob_find(t, prefix);
    return blob == NULL ? NULL : blob->octets;
}
