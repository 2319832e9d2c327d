/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_lmdb.h"

#include <sys/stat.h>

#include "presigner/status_db.h"
#include "tools/inspect_fact.h"

#define DATABASES_MAX 16
#define LOCK_MODE     0640

static int open_environment(const char *path, MDB_env **ret)
{
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);
    if (code == 0)
        code = mdb_env_set_maxdbs(env, DATABASES_MAX);
    if (code == 0)
        code = mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, LOCK_MODE);
    if (code == 0)
        *ret = env;
    else if (env != NULL)
        mdb_env_close(env);
    return code;
}

/* What is in use must be in the file: a page that is not there is a signal, not an error. */
static bool is_whole(const struct inspect_lmdb *db)
{
    struct stat st;
    MDB_envinfo info;
    int fd = -1;
    return mdb_env_info(db->env, &info) == 0 && mdb_env_get_fd(db->env, &fd) == 0 &&
           fstat(fd, &st) == 0 && (info.me_last_pgno + 1) * db->page_bytes <= (uint64_t)st.st_size;
}

bool inspect_lmdb_open(struct inspection *in, const char *path, struct inspect_lmdb *ret)
{
    struct inspect_lmdb db = {0};
    MDB_stat stat;
    int code = open_environment(path, &db.env);
    if (code == 0)
        code = mdb_env_stat(db.env, &stat);
    if (code == 0)
        db.page_bytes = stat.ms_psize;
    if (code == 0 && !is_whole(&db))
        code = MDB_CORRUPTED;
    if (code == 0)
        code = mdb_txn_begin(db.env, NULL, MDB_RDONLY, &db.txn);
    if (code != 0) {
        inspect_lmdb_close(&db);
        return inspect_refuse(in, "database: %s",
                              code == MDB_CORRUPTED ? "data.mdb is shorter than what it holds"
                                                    : mdb_strerror(code));
    }
    *ret = db;
    return true;
}

void inspect_lmdb_close(struct inspect_lmdb *db)
{
    if (db->txn != NULL)
        mdb_txn_abort(db->txn);
    if (db->env != NULL)
        mdb_env_close(db->env);
    *db = (struct inspect_lmdb){0};
}

enum err inspect_lmdb_database(struct inspect_lmdb *db, const char *name, MDB_dbi *ret)
{
    return status_db_err(mdb_dbi_open(db->txn, name, 0, ret));
}

bool inspect_lmdb_walk(struct inspection *in, struct inspect_lmdb *db, MDB_dbi dbi, void *context,
                       bool (*row)(void *context, struct span key, struct span value))
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int code = mdb_cursor_open(db->txn, dbi, &cursor);
    bool go_on = code == 0;
    while (go_on && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        go_on =
            row(context, span_of(key.mv_data, key.mv_size), span_of(value.mv_data, value.mv_size));
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (code == 0)
        return false;
    return code == MDB_NOTFOUND || inspect_refuse(in, "database: %s", mdb_strerror(code));
}

enum err inspect_lmdb_get(struct inspect_lmdb *db, MDB_dbi dbi, struct span key, struct span *ret)
{
    /* LMDB does not write through it, but has no const. */
    MDB_val k = {.mv_size = key.size, .mv_data = (void *)(uintptr_t)key.data};
    MDB_val v;
    TRY(status_db_err(mdb_get(db->txn, dbi, &k, &v)));
    *ret = span_of(v.mv_data, v.mv_size);
    return ERR_OK;
}

uint64_t inspect_lmdb_bytes(struct inspect_lmdb *db, MDB_dbi dbi, uint64_t *ret_count)
{
    MDB_stat stat = {0};
    (void)mdb_stat(db->txn, dbi, &stat);
    *ret_count = stat.ms_entries;
    return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * db->page_bytes;
}

void inspect_lmdb_show(struct inspection *in, struct inspect_lmdb *db)
{
    MDB_envinfo info = {0};
    (void)mdb_env_info(db->env, &info);
    fact_number(in->facts, "file_bytes", (info.me_last_pgno + 1) * db->page_bytes);
    fact_number(in->facts, "map_bytes", info.me_mapsize);
}
