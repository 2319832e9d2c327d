/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/commit_times.h"

#include "lib/wire.h"

#define VERSION     1
#define VALUE_BYTES 9

enum err commit_times_put(const struct status_db *db, MDB_txn *txn, uint64_t last_sequence,
                          uint64_t wall_ms)
{
    uint8_t number[8];
    uint8_t data[VALUE_BYTES] = {VERSION};
    be64_store(number, last_sequence);
    be64_store(data + 1, wall_ms);
    MDB_val key = {.mv_size = sizeof number, .mv_data = number};
    MDB_val value = {.mv_size = sizeof data, .mv_data = data};
    return status_db_err(mdb_put(txn, db->dbi[STATUS_COMMIT], &key, &value, 0));
}

static enum err read(const MDB_val *key, const MDB_val *value, uint64_t *ret_sequence,
                     uint64_t *ret_ms)
{
    const uint8_t *data = value->mv_data;
    if (key->mv_size != 8 || value->mv_size != VALUE_BYTES || data[0] != VERSION)
        return ERR_STORE;
    *ret_sequence = be64_load(key->mv_data);
    *ret_ms = be64_load(data + 1);
    return ERR_OK;
}

static enum err take(MDB_cursor *cursor, uint64_t until_sequence, uint64_t *first_ms)
{
    MDB_val key, value;
    int code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == MDB_SUCCESS) {
        uint64_t sequence = 0, ms = 0;
        TRY(read(&key, &value, &sequence, &ms));
        if (*first_ms == 0)
            *first_ms = ms;
        if (sequence > until_sequence)
            return ERR_OK;
        TRY(status_db_err(mdb_cursor_del(cursor, 0)));
    }
    return code == MDB_NOTFOUND ? ERR_OK : status_db_err(code);
}

enum err commit_times_take(const struct status_db *db, MDB_txn *txn, uint64_t until_sequence,
                           uint64_t *ret_first_ms)
{
    MDB_cursor *cursor;
    uint64_t first_ms = 0;
    TRY(status_db_err(mdb_cursor_open(txn, db->dbi[STATUS_COMMIT], &cursor)));
    enum err err = take(cursor, until_sequence, &first_ms);
    mdb_cursor_close(cursor);
    TRY(err);
    *ret_first_ms = first_ms;
    return ERR_OK;
}
