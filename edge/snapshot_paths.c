/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_paths.h"

#include "lib/wire.h"

/* Called for every record of a table. */
typedef enum err each_record(void *context, struct span key, struct span value);

static enum err walk(struct snapshot_source *source, struct snapshot *s, enum snapshot_db db,
                     each_record *each, void *context)
{
    struct MDB_cursor *cursor;
    struct span key;
    struct span value;
    TRY(snapshot_cursor_open(source, s->txn, db, &cursor));
    enum err err = snapshot_cursor_seek(cursor, SPAN_EMPTY, &key, &value);
    while (err == ERR_OK) {
        err = each(context, key, value);
        if (err == ERR_OK)
            err = snapshot_cursor_next(cursor, &key, &value);
    }
    snapshot_cursor_close(cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err count_record(void *context, struct span key, struct span value)
{
    (void)key;
    (void)value;
    (*(size_t *)context)++;
    return ERR_OK;
}

static enum err add_blob(void *context, struct span key, struct span value)
{
    struct sha256 hash;
    if (key.size != SHA256_BYTES)
        return ERR_STORE;
    memcpy(hash.octets, key.data, SHA256_BYTES);
    path_table_add_blob(context, &hash, value);
    return ERR_OK;
}

static enum err add_file(void *context, struct span key, struct span value)
{
    struct blob_path about;
    (void)key;
    TRY(blob_path_read(value, &about) == ERR_OK ? ERR_OK : ERR_STORE);
    return path_table_add_file(context, &about);
}

static size_t at_most(size_t count, size_t max)
{
    return count < max ? count : max;
}

static enum err table_make(struct snapshot_source *source, struct snapshot *s)
{
    size_t files = 0;
    size_t blobs = 0;
    TRY(walk(source, s, SNAPSHOT_DB_PATH, count_record, &files));
    TRY(walk(source, s, SNAPSHOT_DB_BLOB, count_record, &blobs));
    if (files == 0 && blobs == 0)
        return ERR_OK;
    TRY(path_table_new(at_most(files, PATH_TABLE_FILES_MAX), at_most(blobs, PATH_TABLE_BLOBS_MAX),
                       &s->paths));
    TRY(walk(source, s, SNAPSHOT_DB_BLOB, add_blob, s->paths));
    return walk(source, s, SNAPSHOT_DB_PATH, add_file, s->paths);
}

enum err snapshot_paths_make(struct snapshot_source *source, struct snapshot *s,
                             const struct snapshot *previous)
{
    struct span number;
    enum err err =
        snapshot_txn_get(source, s->txn, SNAPSHOT_DB_META, span_text(STORE_META_PATHS), &number);
    if (err == ERR_NOT_FOUND) /* there has never been one */
        return ERR_OK;
    TRY(err);
    if (number.size != 8)
        return ERR_STORE;
    s->paths_number = be64_load(number.data);
    if (previous == NULL || previous->paths_number != s->paths_number)
        return table_make(source, s);
    s->paths = previous->paths == NULL ? NULL : path_table_share(previous->paths);
    return ERR_OK;
}

void snapshot_paths_free(struct snapshot *s)
{
    s->paths = path_table_free(s->paths);
}
