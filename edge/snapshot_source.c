/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_source.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

static const char *const db_names[SNAPSHOT_DB_COUNT] = {
    [SNAPSHOT_DB_BLOCK] = STORE_DB_BLOCK,   [SNAPSHOT_DB_TEMPLATE] = STORE_DB_TEMPLATE,
    [SNAPSHOT_DB_CHANGE] = STORE_DB_CHANGE, [SNAPSHOT_DB_META] = STORE_DB_META,
    [SNAPSHOT_DB_BLOB] = STORE_DB_BLOB,     [SNAPSHOT_DB_PATH] = STORE_DB_PATH,
    [SNAPSHOT_DB_RELAY] = STORE_DB_RELAY,
};

struct snapshot_source {
    MDB_env *env;
    MDB_dbi dbs[SNAPSHOT_DB_COUNT];
    bool dbs_open; /* the writer makes them in its first commit, perhaps after we started */
};

static enum err err_of(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
    case ENOENT:
        return ERR_NOT_FOUND;
    case MDB_MAP_RESIZED:
        return ERR_RANGE;
    case ENOMEM:
        return ERR_MEMORY;
    default:
        return ERR_STORE;
    }
}

enum err snapshot_source_open(const char *path, size_t map_bytes, struct snapshot_source **ret)
{
    struct snapshot_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return ERR_MEMORY;
    int code = mdb_env_create(&source->env);
    if (code == 0)
        code = mdb_env_set_mapsize(source->env, map_bytes);
    if (code == 0)
        code = mdb_env_set_maxdbs(source->env, STORE_DB_COUNT);
    /* NOTLS: one thread holds several read transactions. NORDAHEAD: lookups are random. */
    if (code == 0)
        code = mdb_env_open(source->env, path, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0640);
    if (code != 0) {
        snapshot_source_free(source);
        return err_of(code);
    }
    *ret = source;
    return ERR_OK;
}

enum err snapshot_source_file(const struct snapshot_source *source, int *ret_fd)
{
    return err_of(mdb_env_get_fd(source->env, ret_fd));
}

struct snapshot_source *snapshot_source_free(struct snapshot_source *source)
{
    if (source == NULL)
        return NULL;
    if (source->env != NULL)
        mdb_env_close(source->env);
    free(source);
    return NULL;
}

/* Handles live on only when the transaction that opened them was committed. */
static enum err open_dbs(struct snapshot_source *source)
{
    if (source->dbs_open)
        return ERR_OK;
    MDB_txn *txn;
    int code = mdb_txn_begin(source->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return err_of(code);
    for (unsigned i = 0; i < SNAPSHOT_DB_COUNT; i++) {
        code = mdb_dbi_open(txn, db_names[i], 0, &source->dbs[i]);
        if (code != 0) {
            mdb_txn_abort(txn);
            return err_of(code);
        }
    }
    code = mdb_txn_commit(txn);
    source->dbs_open = code == 0;
    return err_of(code);
}

enum err snapshot_txn_begin(struct snapshot_source *source, struct MDB_txn **ret_txn,
                            struct position *ret_position)
{
    TRY(open_dbs(source));
    MDB_txn *txn;
    int code = mdb_txn_begin(source->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return err_of(code);
    struct span value;
    struct position position;
    enum err err =
        snapshot_txn_get(source, txn, SNAPSHOT_DB_META, span_text(STORE_META_POSITION), &value);
    if (err == ERR_OK)
        err = position_read(value, &position);
    if (err != ERR_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    *ret_txn = txn;
    *ret_position = position;
    return ERR_OK;
}

void snapshot_txn_end(struct MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

enum err snapshot_source_position(struct snapshot_source *source, struct position *ret)
{
    struct MDB_txn *txn;
    TRY(snapshot_txn_begin(source, &txn, ret));
    snapshot_txn_end(txn);
    return ERR_OK;
}

static MDB_val val_of(struct span span)
{
    /* LMDB takes keys by a pointer to non-const and does not write to them. */
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

enum err snapshot_txn_get(struct snapshot_source *source, struct MDB_txn *txn, enum snapshot_db db,
                          struct span key, struct span *ret)
{
    MDB_val k = val_of(key);
    MDB_val v;
    int code = mdb_get(txn, source->dbs[db], &k, &v);
    if (code != 0)
        return err_of(code);
    *ret = span_of(v.mv_data, v.mv_size);
    return ERR_OK;
}

enum err snapshot_cursor_open(struct snapshot_source *source, struct MDB_txn *txn,
                              enum snapshot_db db, struct MDB_cursor **ret)
{
    return err_of(mdb_cursor_open(txn, source->dbs[db], ret));
}

void snapshot_cursor_close(struct MDB_cursor *cursor)
{
    mdb_cursor_close(cursor);
}

static enum err cursor_get(struct MDB_cursor *cursor, MDB_val k, MDB_cursor_op op,
                           struct span *ret_key, struct span *ret_value)
{
    MDB_val v;
    int code = mdb_cursor_get(cursor, &k, &v, op);
    if (code != 0)
        return err_of(code);
    *ret_key = span_of(k.mv_data, k.mv_size);
    *ret_value = span_of(v.mv_data, v.mv_size);
    return ERR_OK;
}

enum err snapshot_cursor_seek(struct MDB_cursor *cursor, struct span key, struct span *ret_key,
                              struct span *ret_value)
{
    return cursor_get(cursor, val_of(key), key.size == 0 ? MDB_FIRST : MDB_SET_RANGE, ret_key,
                      ret_value);
}

enum err snapshot_cursor_next(struct MDB_cursor *cursor, struct span *ret_key,
                              struct span *ret_value)
{
    return cursor_get(cursor, val_of(SPAN_EMPTY), MDB_NEXT, ret_key, ret_value);
}
