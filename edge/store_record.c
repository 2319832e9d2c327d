/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_internal.h"

static MDB_val val_of(struct span span)
{
    /* LMDB takes keys and values by a pointer to non-const and does not write to them. */
    return (MDB_val){.mv_size = span.size, .mv_data = (void *)(uintptr_t)span.data};
}

enum err store_get(struct store_txn *txn, enum store_db db, struct span key, struct span *ret)
{
    MDB_val k = val_of(key);
    MDB_val v;
    TRY(store_err(mdb_get(txn->txn, store_dbi(txn->store, db), &k, &v)));
    *ret = span_of(v.mv_data, v.mv_size);
    return ERR_OK;
}

enum err store_put(struct store_txn *txn, enum store_db db, struct span key, struct span value)
{
    MDB_val k = val_of(key);
    MDB_val v = val_of(value);
    return store_err(mdb_put(txn->txn, store_dbi(txn->store, db), &k, &v, 0));
}

enum err store_reserve(struct store_txn *txn, enum store_db db, struct span key, size_t size,
                       uint8_t **ret)
{
    MDB_val k = val_of(key);
    MDB_val v = {.mv_size = size, .mv_data = NULL};
    TRY(store_err(mdb_put(txn->txn, store_dbi(txn->store, db), &k, &v, MDB_RESERVE)));
    *ret = v.mv_data;
    return ERR_OK;
}

enum err store_erase(struct store_txn *txn, enum store_db db, struct span key)
{
    MDB_val k = val_of(key);
    return store_err(mdb_del(txn->txn, store_dbi(txn->store, db), &k, NULL));
}

enum err store_walk_from(struct store_txn *txn, enum store_db db, struct span from,
                         store_each *each, void *context)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(from);
    MDB_val v;
    TRY(store_err(mdb_cursor_open(txn->txn, store_dbi(txn->store, db), &cursor)));
    enum err err = ERR_OK;
    int code = mdb_cursor_get(cursor, &k, &v, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    for (; code == 0 && err == ERR_OK; code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
        err = each(context, span_of(k.mv_data, k.mv_size), span_of(v.mv_data, v.mv_size));
    mdb_cursor_close(cursor);
    return err != ERR_OK ? err : code == MDB_NOTFOUND ? ERR_OK : store_err(code);
}

enum err store_walk(struct store_txn *txn, enum store_db db, store_each *each, void *context)
{
    return store_walk_from(txn, db, SPAN_EMPTY, each, context);
}
