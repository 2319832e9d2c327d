/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_paths.h"

#include <stdlib.h>

#include "edge/store_blob.h"

enum err sync_blob_is_here(struct store_txn *txn, const struct sha256 *hash, uint64_t blob_bytes)
{
    struct span octets;
    TRY(store_get_blob(txn, hash, blob_bytes, &octets));
    /* A small one is padded in the store, so that its size there does not tell. */
    if (blob_bytes > BLOCK_BYTES_MIN)
        return ERR_OK;
    struct sha256 found = sha256_of(octets);
    return sha256_equal(&found, hash) ? ERR_OK : ERR_CONFLICT;
}

enum err sync_path_apply(struct store_txn *txn, const struct blob_path *path, uint64_t now_s)
{
    if (path->blob_bytes > 0)
        TRY(sync_blob_is_here(txn, &path->blob, path->blob_bytes));
    return store_put_path(txn, path, now_s);
}

/* Of an index, ascending as it is. */
struct path_list {
    struct span *paths;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static bool is_listed(void *context, struct span path)
{
    const struct path_list *list = context;
    return list->count > 0 &&
           bsearch(&path, list->paths, list->count, sizeof path, compare) != NULL;
}

static size_t list_paths(const struct index_reader *index, struct span *out)
{
    struct index_line line;
    size_t cursor = 0;
    size_t count = 0;
    while (index_next(index, &cursor, &line)) {
        if (line.type != INDEX_PATH)
            continue;
        if (out != NULL)
            out[count] = line.path.path;
        count++;
    }
    return count;
}

enum err sync_paths_drop_others(struct store_txn *txn, const struct index_reader *index,
                                uint64_t now_s)
{
    struct path_list list = {.count = list_paths(index, NULL)};
    if (list.count > 0) {
        list.paths = calloc(list.count, sizeof *list.paths);
        if (list.paths == NULL)
            return ERR_MEMORY;
        list_paths(index, list.paths);
    }
    enum err err = store_drop_paths(txn, is_listed, &list, now_s);
    free(list.paths);
    return err;
}
