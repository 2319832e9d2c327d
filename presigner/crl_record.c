/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/crl_record.h"

#include "lib/check.h"

#define KEY_BYTES          12
#define RECORD_BYTES       (1 + 5 * 8 + 4 + 8 + 32 + 8)
#define NUMBER_BYTES       9
#define PATH_VALUE_MAX     (BLOB_PATH_WIRE_MAX)
#define CRL_RECORD_VERSION 1

static MDB_val val_of(const void *data, size_t size)
{
    /* LMDB does not write through it, but has no const. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static MDB_val key_of(uint64_t issuer_id, uint32_t shard, uint8_t room[static KEY_BYTES])
{
    be64_store(room, issuer_id);
    be32_store(room + 8, shard);
    return val_of(room, KEY_BYTES);
}

static enum err record_read(struct span value, struct crl_record *ret)
{
    struct wire_reader r = wire_reader_of(value);
    struct crl_record record = {0};
    uint8_t version = wire_get_u8(&r);
    record.number = wire_get_u64(&r);
    record.covers_sequence = wire_get_u64(&r);
    record.this_update_s = wire_get_u64(&r);
    record.next_update_s = wire_get_u64(&r);
    record.next_planned_s = wire_get_u64(&r);
    record.entry_count = wire_get_u32(&r);
    record.bytes = wire_get_u64(&r);
    struct span hash = wire_get(&r, sizeof record.blob.octets);
    record.lease_generation = wire_get_u64(&r);
    if (wire_reader_end(&r) != ERR_OK || version != CRL_RECORD_VERSION)
        return ERR_STORE;
    memcpy(record.blob.octets, hash.data, sizeof record.blob.octets);
    *ret = record;
    return ERR_OK;
}

enum err crl_record_get(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                        uint32_t shard, struct crl_record *ret)
{
    uint8_t room[KEY_BYTES];
    MDB_val key = key_of(issuer_id, shard, room);
    MDB_val value;
    TRY(status_db_err(mdb_get(txn, db->crl, &key, &value)));
    return record_read(span_of(value.mv_data, value.mv_size), ret);
}

enum err crl_record_put(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                        uint32_t shard, const struct crl_record *record)
{
    uint8_t room[KEY_BYTES], data[RECORD_BYTES];
    struct wire_writer w = wire_writer_of(data, sizeof data);
    wire_put_u8(&w, CRL_RECORD_VERSION);
    wire_put_u64(&w, record->number);
    wire_put_u64(&w, record->covers_sequence);
    wire_put_u64(&w, record->this_update_s);
    wire_put_u64(&w, record->next_update_s);
    wire_put_u64(&w, record->next_planned_s);
    wire_put_u32(&w, record->entry_count);
    wire_put_u64(&w, record->bytes);
    wire_put(&w, span_of(record->blob.octets, sizeof record->blob.octets));
    wire_put_u64(&w, record->lease_generation);
    CHECK(w.err == ERR_OK && w.size == sizeof data);
    MDB_val key = key_of(issuer_id, shard, room);
    MDB_val value = val_of(data, sizeof data);
    return status_db_err(mdb_put(txn, db->crl, &key, &value, 0));
}

/* The last number that was given away; 0: none was. */
static enum err last_number(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                            uint64_t *ret)
{
    uint8_t room[KEY_BYTES];
    MDB_val key = key_of(issuer_id, CRL_SHARD_NONE, room);
    MDB_val value;
    int code = mdb_get(txn, db->crl, &key, &value);
    if (code == 0 && value.mv_size != NUMBER_BYTES)
        return ERR_STORE;
    if (code != 0 && code != MDB_NOTFOUND)
        return status_db_err(code);
    *ret = code == 0 ? be64_load((const uint8_t *)value.mv_data + 1) : 0;
    return ERR_OK;
}

static enum err last_number_put(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                                uint64_t last)
{
    uint8_t room[KEY_BYTES], data[NUMBER_BYTES] = {CRL_RECORD_VERSION};
    be64_store(data + 1, last);
    MDB_val key = key_of(issuer_id, CRL_SHARD_NONE, room);
    MDB_val value = val_of(data, sizeof data);
    return status_db_err(mdb_put(txn, db->crl, &key, &value, 0));
}

enum err crl_numbers_take(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                          uint64_t count, uint64_t *ret_first)
{
    uint64_t last = 0;
    TRY(last_number(db, txn, issuer_id, &last));
    TRY(last_number_put(db, txn, issuer_id, last + count));
    *ret_first = last + 1;
    return ERR_OK;
}

enum err crl_numbers_raise(const struct publish_db *db, MDB_txn *txn, uint64_t issuer_id,
                           uint64_t last)
{
    uint64_t now = 0;
    TRY(last_number(db, txn, issuer_id, &now));
    return now >= last ? ERR_OK : last_number_put(db, txn, issuer_id, last);
}

enum err path_record_put(const struct publish_db *db, MDB_txn *txn, const struct blob_path *path)
{
    uint8_t data[PATH_VALUE_MAX];
    size_t size = 0;
    TRY(blob_path_write(path, data, sizeof data, &size));
    MDB_val key = val_of(path->path.data, path->path.size);
    MDB_val value = val_of(data, size);
    return status_db_err(mdb_put(txn, db->path, &key, &value, 0));
}

enum err path_record_delete(const struct publish_db *db, MDB_txn *txn, struct span path)
{
    MDB_val key = val_of(path.data, path.size);
    return status_db_err(mdb_del(txn, db->path, &key, NULL));
}

enum err path_record_get(const struct publish_db *db, MDB_txn *txn, struct span path,
                         struct blob_path *ret)
{
    MDB_val key = val_of(path.data, path.size);
    MDB_val value;
    TRY(status_db_err(mdb_get(txn, db->path, &key, &value)));
    return blob_path_read(span_of(value.mv_data, value.mv_size), ret);
}
