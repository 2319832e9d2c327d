/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/feed_position.h"

#include "lib/wire.h"

#define VERSION        1
#define KEY_BYTES      12
#define POSITION_BYTES (1 + 8 + SHA256_BYTES + 8)
#define TOLD_BYTES     (1 + 8)

static MDB_val key_of(const char name[static 4], uint64_t issuer_id, uint8_t room[static KEY_BYTES])
{
    memcpy(room, name, 4);
    be64_store(room + 4, issuer_id);
    return (MDB_val){.mv_size = KEY_BYTES, .mv_data = room};
}

static enum err get(const struct status_db *db, MDB_txn *txn, const char *name, uint64_t issuer_id,
                    size_t size, const uint8_t **ret)
{
    uint8_t room[KEY_BYTES];
    MDB_val key = key_of(name, issuer_id, room);
    MDB_val value;
    TRY(status_db_err(mdb_get(txn, db->dbi[STATUS_META], &key, &value)));
    const uint8_t *data = value.mv_data;
    if (value.mv_size != size || data[0] != VERSION)
        return ERR_STORE;
    *ret = data;
    return ERR_OK;
}

static enum err put(const struct status_db *db, MDB_txn *txn, const char *name, uint64_t issuer_id,
                    uint8_t *data, size_t size)
{
    uint8_t room[KEY_BYTES];
    MDB_val key = key_of(name, issuer_id, room);
    MDB_val value = {.mv_size = size, .mv_data = data};
    return status_db_err(mdb_put(txn, db->dbi[STATUS_META], &key, &value, 0));
}

enum err feed_position_get(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                           struct feed_position *ret)
{
    const uint8_t *data = NULL;
    enum err err = get(db, txn, "feed", issuer_id, POSITION_BYTES, &data);
    if (err == ERR_NOT_FOUND) {
        *ret = (struct feed_position){0};
        return ERR_OK;
    }
    TRY(err);
    struct feed_position p = {.seq = be64_load(data + 1),
                              .sequence = be64_load(data + 9 + SHA256_BYTES)};
    memcpy(p.hash.octets, data + 9, SHA256_BYTES);
    *ret = p;
    return ERR_OK;
}

enum err feed_position_put(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                           const struct feed_position *position)
{
    uint8_t data[POSITION_BYTES] = {VERSION};
    be64_store(data + 1, position->seq);
    memcpy(data + 9, position->hash.octets, SHA256_BYTES);
    be64_store(data + 9 + SHA256_BYTES, position->sequence);
    return put(db, txn, "feed", issuer_id, data, sizeof data);
}

enum err feed_told_get(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                       uint64_t *ret_log_number)
{
    const uint8_t *data = NULL;
    TRY(get(db, txn, "told", issuer_id, TOLD_BYTES, &data));
    *ret_log_number = be64_load(data + 1);
    return ERR_OK;
}

enum err feed_told_put(const struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                       uint64_t log_number)
{
    uint8_t data[TOLD_BYTES] = {VERSION};
    be64_store(data + 1, log_number);
    return put(db, txn, "told", issuer_id, data, sizeof data);
}
