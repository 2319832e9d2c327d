/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_blob.h"

#include <stdlib.h>

#include "edge/store_internal.h"

/* How many paths name a blob, and since when none does. */
struct use {
    uint32_t count;
    uint64_t unused_since_s;
};

static struct span hash_key(const struct sha256 *hash)
{
    return span_of(hash->octets, SHA256_BYTES);
}

static enum err use_get(struct store_txn *txn, const struct sha256 *hash, struct use *ret)
{
    struct span wire;
    TRY(store_get(txn, STORE_BLOB_USES, hash_key(hash), &wire));
    if (wire.size != STORE_BLOB_USE_BYTES)
        return ERR_STORE;
    *ret = (struct use){.count = be32_load(wire.data), .unused_since_s = be64_load(wire.data + 4)};
    return ERR_OK;
}

static enum err use_put(struct store_txn *txn, const struct sha256 *hash, const struct use *use)
{
    uint8_t wire[STORE_BLOB_USE_BYTES];
    be32_store(wire, use->count);
    be64_store(wire + 4, use->unused_since_s);
    return store_put(txn, STORE_BLOB_USES, hash_key(hash), span_of(wire, sizeof wire));
}

/* A value below BLOCK_BYTES_MIN would share a page with others, and move. */
static size_t stored_size(uint64_t blob_bytes)
{
    return blob_bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : (size_t)blob_bytes;
}

enum err store_get_blob(struct store_txn *txn, const struct sha256 *hash, uint64_t blob_bytes,
                        struct span *ret)
{
    struct span value;
    TRY(store_get(txn, STORE_BLOBS, hash_key(hash), &value));
    if (value.size != stored_size(blob_bytes))
        return ERR_CONFLICT;
    *ret = span_of(value.data, (size_t)blob_bytes);
    return ERR_OK;
}

enum err store_has_blob(struct store_txn *txn, const struct sha256 *hash, uint64_t blob_bytes)
{
    struct span octets;
    return store_get_blob(txn, hash, blob_bytes, &octets);
}

static enum err write_blob(struct store_txn *txn, const struct sha256 *hash, struct span octets)
{
    size_t size = stored_size(octets.size);
    uint8_t *room;
    TRY(store_reserve(txn, STORE_BLOBS, hash_key(hash), size, &room));
    memcpy(room, octets.data, octets.size);
    memset(room + octets.size, 0, size - octets.size);
    return ERR_OK;
}

enum err store_put_blob(struct store_txn *txn, const struct sha256 *hash, struct span octets,
                        uint64_t now_s)
{
    if (octets.size == 0 || octets.size > BLOB_BYTES_MAX)
        return ERR_LIMIT;
    enum err err = store_has_blob(txn, hash, octets.size);
    if (err != ERR_NOT_FOUND)
        return err;
    const struct use unused = {.unused_since_s = now_s};
    TRY(write_blob(txn, hash, octets));
    return use_put(txn, hash, &unused);
}

static enum err use_begin(struct store_txn *txn, const struct sha256 *hash)
{
    struct use use;
    TRY(use_get(txn, hash, &use));
    use.count++;
    return use_put(txn, hash, &use);
}

static enum err use_end(struct store_txn *txn, const struct sha256 *hash, uint64_t now_s)
{
    struct use use;
    TRY(use_get(txn, hash, &use));
    if (use.count == 0)
        return ERR_STORE;
    use.count--;
    use.unused_since_s = now_s;
    return use_put(txn, hash, &use);
}

/* A path may be longer than an LMDB key. */
static struct sha256 path_key(struct span path)
{
    return sha256_of(path);
}

enum err store_get_path(struct store_txn *txn, struct span path, struct blob_path *ret)
{
    struct sha256 key = path_key(path);
    struct span wire;
    TRY(store_get(txn, STORE_PATHS, hash_key(&key), &wire));
    return blob_path_read(wire, ret);
}

/* The next snapshot reads paths and blobs anew when this number is another one. */
static enum err note_change(struct store_txn *txn)
{
    static const char name[] = STORE_META_PATHS;
    uint8_t number[8] = {0};
    struct span old;
    enum err err = store_get(txn, STORE_META, span_of(name, sizeof name - 1), &old);
    if (err == ERR_OK && old.size == sizeof number)
        memcpy(number, old.data, sizeof number);
    else if (err != ERR_NOT_FOUND)
        return err == ERR_OK ? ERR_STORE : err;
    be64_store(number, be64_load(number) + 1);
    txn->touched = true;
    return store_put(txn, STORE_META, span_of(name, sizeof name - 1),
                     span_of(number, sizeof number));
}

/* Takes away what is at the path. */
static enum err withdraw(struct store_txn *txn, const struct sha256 *key, uint64_t now_s)
{
    struct span wire;
    struct blob_path old;
    TRY(store_get(txn, STORE_PATHS, hash_key(key), &wire));
    TRY(blob_path_read(wire, &old));
    struct sha256 blob = old.blob;
    TRY(store_erase(txn, STORE_PATHS, hash_key(key)));
    TRY(use_end(txn, &blob, now_s));
    return note_change(txn);
}

enum err store_put_path(struct store_txn *txn, const struct blob_path *path, uint64_t now_s)
{
    uint8_t wire[BLOB_PATH_WIRE_MAX];
    size_t size = 0;
    TRY(blob_path_write(path, wire, sizeof wire, &size));
    if (path->blob_bytes > 0)
        TRY(store_has_blob(txn, &path->blob, path->blob_bytes));
    struct sha256 key = path_key(path->path);
    enum err err = withdraw(txn, &key, now_s);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    if (path->blob_bytes == 0)
        return ERR_OK;
    TRY(use_begin(txn, &path->blob));
    TRY(store_put(txn, STORE_PATHS, hash_key(&key), span_of(wire, size)));
    return note_change(txn);
}

struct hash_list {
    struct sha256 *hashes;
    size_t count;
    size_t room;
    store_keep_path *keep; /* of store_drop_paths() */
    void *context;
    uint64_t now_s; /* of store_collect_blobs() */
};

static enum err list_add(struct hash_list *list, struct span key)
{
    if (key.size != SHA256_BYTES)
        return ERR_STORE;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct sha256 *hashes = reallocarray(list->hashes, room, sizeof *hashes);
        if (hashes == NULL)
            return ERR_MEMORY;
        list->hashes = hashes;
        list->room = room;
    }
    memcpy(list->hashes[list->count++].octets, key.data, SHA256_BYTES);
    return ERR_OK;
}

static enum err list_path(void *context, struct span key, struct span value)
{
    struct hash_list *list = context;
    struct blob_path path;
    TRY(blob_path_read(value, &path));
    return list->keep(list->context, path.path) ? ERR_OK : list_add(list, key);
}

enum err store_drop_paths(struct store_txn *txn, store_keep_path *keep, void *context,
                          uint64_t now_s)
{
    struct hash_list list = {.keep = keep, .context = context};
    enum err err = store_walk(txn, STORE_PATHS, list_path, &list);
    for (size_t i = 0; i < list.count && err == ERR_OK; i++)
        err = withdraw(txn, &list.hashes[i], now_s);
    free(list.hashes);
    return err;
}

static enum err list_unused(void *context, struct span key, struct span value)
{
    struct hash_list *list = context;
    if (value.size != STORE_BLOB_USE_BYTES)
        return ERR_STORE;
    uint64_t since_s = be64_load(value.data + 4);
    bool old = list->now_s > since_s && list->now_s - since_s >= STORE_BLOB_KEEP_S;
    return be32_load(value.data) == 0 && old ? list_add(list, key) : ERR_OK;
}

enum err store_collect_blobs(struct store_txn *txn, uint64_t now_s, uint64_t *ret_removed)
{
    struct hash_list list = {.now_s = now_s};
    enum err err = store_walk(txn, STORE_BLOB_USES, list_unused, &list);
    for (size_t i = 0; i < list.count && err == ERR_OK; i++) {
        err = store_erase(txn, STORE_BLOBS, hash_key(&list.hashes[i]));
        if (err == ERR_OK)
            err = store_erase(txn, STORE_BLOB_USES, hash_key(&list.hashes[i]));
    }
    if (err == ERR_OK && list.count > 0)
        err = note_change(txn);
    *ret_removed = list.count;
    free(list.hashes);
    return err;
}
