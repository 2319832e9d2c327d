/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_record.h"

#include "lib/check.h"

#define RECORD_VERSION   1
#define RECORD_BYTES_MAX (1 + 2 + FILTER_PATH_MAX + 8 * 8 + SHA256_BYTES)

static const char record_key[] = "filter";

static MDB_val val_of(const void *data, size_t size)
{
    /* LMDB does not write through it, but has no const. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static enum err record_read(struct span value, struct filter_record *ret)
{
    struct wire_reader r = wire_reader_of(value);
    struct filter_record record = {.path = ""};
    uint8_t version = wire_get_u8(&r);
    struct span path = wire_get(&r, wire_get_u16(&r));
    record.covers_sequence = wire_get_u64(&r);
    record.covered_until_s = wire_get_u64(&r);
    record.made_s = wire_get_u64(&r);
    record.first_expiry_s = wire_get_u64(&r);
    record.known_count = wire_get_u64(&r);
    record.revoked_count = wire_get_u64(&r);
    record.exception_count = wire_get_u64(&r);
    record.bytes = wire_get_u64(&r);
    struct span hash = wire_get(&r, SHA256_BYTES);
    if (wire_reader_end(&r) != ERR_OK || version != RECORD_VERSION || path.size > FILTER_PATH_MAX)
        return ERR_STORE;
    memcpy(record.path, path.data, path.size);
    memcpy(record.blob.octets, hash.data, SHA256_BYTES);
    *ret = record;
    return ERR_OK;
}

enum err filter_record_get(const struct publish_db *db, MDB_txn *txn, struct filter_record *ret)
{
    MDB_val key = val_of(record_key, sizeof record_key - 1);
    MDB_val value;
    TRY(status_db_err(mdb_get(txn, db->publication, &key, &value)));
    return record_read(span_of(value.mv_data, value.mv_size), ret);
}

enum err filter_record_put(const struct publish_db *db, MDB_txn *txn,
                           const struct filter_record *record)
{
    uint8_t data[RECORD_BYTES_MAX];
    struct span path = span_text(record->path);
    struct wire_writer w = wire_writer_of(data, sizeof data);
    wire_put_u8(&w, RECORD_VERSION);
    wire_put_u16(&w, (uint16_t)path.size);
    wire_put(&w, path);
    wire_put_u64(&w, record->covers_sequence);
    wire_put_u64(&w, record->covered_until_s);
    wire_put_u64(&w, record->made_s);
    wire_put_u64(&w, record->first_expiry_s);
    wire_put_u64(&w, record->known_count);
    wire_put_u64(&w, record->revoked_count);
    wire_put_u64(&w, record->exception_count);
    wire_put_u64(&w, record->bytes);
    wire_put(&w, span_of(record->blob.octets, SHA256_BYTES));
    CHECK(w.err == ERR_OK);
    MDB_val key = val_of(record_key, sizeof record_key - 1);
    MDB_val value = val_of(data, w.size);
    return status_db_err(mdb_put(txn, db->publication, &key, &value, 0));
}

enum err filter_record_delete(const struct publish_db *db, MDB_txn *txn, const char *path)
{
    MDB_val key = val_of(record_key, sizeof record_key - 1);
    TRY(status_db_err(mdb_del(txn, db->publication, &key, NULL)));
    key = val_of(path, strlen(path));
    enum err err = status_db_err(mdb_del(txn, db->path, &key, NULL));
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
