/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/revoked_index.h"

#include "lib/wire.h"

#define INDEX_VERSION     1
#define INDEX_VALUE_BYTES 18
#define INDEX_KEY_MAX     (8 + 4 + 1 + SERIAL_BYTES_MAX)
#define SETS_KEY_BYTES    14
/* Certificates in one transaction: some 30 ms. */
#define STEP_COUNT 20000

static MDB_val val_of(const void *data, size_t size)
{
    /* LMDB does not write through it, but has no const. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static MDB_val sets_key(uint64_t issuer_id, uint8_t room[static SETS_KEY_BYTES])
{
    memcpy(room, "shards", 6);
    be64_store(room + 6, issuer_id);
    return val_of(room, SETS_KEY_BYTES);
}

enum err crl_sets_get(struct status_db *db, MDB_txn *txn, uint64_t issuer_id, struct crl_sets *ret)
{
    uint8_t room[SETS_KEY_BYTES];
    MDB_val key = sets_key(issuer_id, room);
    MDB_val value;
    int code = mdb_get(txn, db->dbi[STATUS_META], &key, &value);
    if (code == MDB_NOTFOUND) {
        *ret = (struct crl_sets){0};
        return ERR_OK;
    }
    TRY(status_db_err(code));
    return crl_sets_read(span_of(value.mv_data, value.mv_size), ret) == ERR_OK ? ERR_OK : ERR_STORE;
}

static enum err sets_put(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                         const struct crl_sets *sets)
{
    uint8_t room[SETS_KEY_BYTES];
    uint8_t data[CRL_SETS_BYTES_MAX];
    MDB_val key = sets_key(issuer_id, room);
    MDB_val value = val_of(data, crl_sets_write(sets, data));
    return status_db_err(mdb_put(txn, db->dbi[STATUS_META], &key, &value, 0));
}

static enum err configure(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                          const struct crl_set *set, struct crl_sets *sets)
{
    struct status_counts counts;
    TRY(crl_sets_get(db, txn, issuer_id, sets));
    bool first = sets->count == 0;
    TRY(crl_sets_use(sets, set));
    TRY(status_counts(db, txn, issuer_id, &counts));
    /* Nothing was revoked before: the writer keeps the index from the first on. */
    if (first && counts.revoked == 0)
        sets->indexed = true;
    return sets_put(db, txn, issuer_id, sets);
}

static enum err is_current(struct status_db *db, uint64_t issuer_id, const struct crl_set *set,
                           struct crl_sets *ret, bool *ret_is)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(db, &txn));
    enum err err = crl_sets_get(db, txn, issuer_id, ret);
    status_txn_abort(txn);
    TRY(err);
    const struct crl_set *now = &ret->sets[ret->current];
    *ret_is = ret->count > 0 && now->number == set->number && now->count == set->count &&
              now->full == set->full;
    return ERR_OK;
}

enum err crl_sets_configure(struct status_db *db, uint64_t issuer_id, const struct crl_set *set,
                            struct crl_sets *ret)
{
    MDB_txn *txn = NULL;
    struct crl_sets sets = {0};
    bool current = false;
    TRY(is_current(db, issuer_id, set, &sets, &current));
    if (!current) {
        TRY(status_txn_write(db, &txn));
        enum err err = configure(db, txn, issuer_id, set, &sets);
        if (err != ERR_OK) {
            status_txn_abort(txn);
            return err;
        }
        TRY(status_txn_commit(txn));
    }
    *ret = sets;
    return ERR_OK;
}

enum err revoked_index_put(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                           const struct serial *serial, const struct cert_record *record)
{
    uint8_t room[INDEX_KEY_MAX];
    uint8_t data[INDEX_VALUE_BYTES] = {INDEX_VERSION, record->reason};
    be64_store(room, issuer_id);
    be32_store(room + 8, record->shard);
    room[12] = serial->size;
    memcpy(room + 13, serial->octets, serial->size);
    be32_store(data + 2, record->revoked_at_s);
    be32_store(data + 6, record->not_after_s);
    be64_store(data + 10, record->sequence);
    MDB_val key = val_of(room, 13u + serial->size);
    MDB_val value = val_of(data, sizeof data);
    return status_db_err(mdb_put(txn, db->dbi[STATUS_REVOKED], &key, &value, 0));
}

enum err revoked_begin(struct status_db *db, MDB_txn *txn, uint64_t issuer_id, uint32_t shard,
                       struct revoked_cursor *ret)
{
    struct revoked_cursor c = {.prefix_size = shard == CRL_SHARD_FULL ? 8 : 12};
    be64_store(c.prefix, issuer_id);
    be32_store(c.prefix + 8, shard == CRL_SHARD_FULL ? 0 : shard);
    TRY(status_db_err(mdb_cursor_open(txn, db->dbi[STATUS_REVOKED], &c.cursor)));
    *ret = c;
    return ERR_OK;
}

static enum err entry_read(struct span key, struct span value, struct status_cert *ret)
{
    struct wire_reader k = wire_reader_of(key);
    struct wire_reader v = wire_reader_of(value);
    struct status_cert cert = {.record = {.status = CERT_REVOKED}};
    wire_get_u64(&k);
    cert.record.shard = wire_get_u32(&k);
    cert.serial = wire_get_bound(&k);
    uint8_t version = wire_get_u8(&v);
    cert.record.reason = wire_get_u8(&v);
    cert.record.revoked_at_s = wire_get_u32(&v);
    cert.record.not_after_s = wire_get_u32(&v);
    cert.record.sequence = wire_get_u64(&v);
    if (wire_reader_end(&k) != ERR_OK || wire_reader_end(&v) != ERR_OK ||
        version != INDEX_VERSION || !cert_record_valid(&cert.record))
        return ERR_STORE;
    *ret = cert;
    return ERR_OK;
}

enum err revoked_next(struct revoked_cursor *c, struct status_cert *ret)
{
    MDB_val key = val_of(c->prefix, sizeof c->prefix);
    MDB_val value;
    TRY(status_db_err(
        mdb_cursor_get(c->cursor, &key, &value, c->started ? MDB_NEXT : MDB_SET_RANGE)));
    c->started = true;
    if (key.mv_size < c->prefix_size || memcmp(key.mv_data, c->prefix, c->prefix_size) != 0)
        return ERR_NOT_FOUND;
    return entry_read(span_of(key.mv_data, key.mv_size), span_of(value.mv_data, value.mv_size),
                      ret);
}

void revoked_end(struct revoked_cursor *c)
{
    mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

/* --- Making it --- */

static enum err take_in(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                        const struct crl_sets *sets, struct status_cert *cert)
{
    uint8_t wire[KEY_BYTES_MAX];
    uint8_t data[CERT_RECORD_BYTES];
    if (cert->record.status != CERT_REVOKED)
        return ERR_OK;
    if (cert->record.shard == CRL_SHARD_NONE) {
        /* No change: nothing that is signed says anything of it. */
        cert->record.shard = crl_shard_of(&sets->sets[0], &cert->serial);
        cert_record_write(&cert->record, data);
        MDB_val key = val_of(wire, key_write(issuer_id, &cert->serial, wire));
        MDB_val value = val_of(data, sizeof data);
        TRY(status_db_err(mdb_put(txn, db->dbi[STATUS_CERT], &key, &value, 0)));
    }
    return revoked_index_put(db, txn, issuer_id, &cert->serial, &cert->record);
}

static enum err walk(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                     const struct crl_sets *sets, struct serial *after)
{
    static const struct serial end = SERIAL_AFTER_ALL;
    struct status_cert_cursor c;
    struct status_cert cert;
    TRY(status_certs_begin(db, txn, issuer_id, after, &end, &c));
    enum err err = ERR_OK;
    for (unsigned i = 0; err == ERR_OK && i < STEP_COUNT; i++) {
        err = status_certs_next(&c, &cert);
        if (err != ERR_OK)
            break;
        *after = cert.serial;
        err = take_in(db, txn, issuer_id, sets, &cert);
    }
    status_certs_end(&c);
    return err;
}

static enum err step(struct status_db *db, MDB_txn *txn, uint64_t issuer_id, struct serial *after,
                     bool *ret_done)
{
    struct crl_sets sets;
    TRY(crl_sets_get(db, txn, issuer_id, &sets));
    if (sets.count == 0)
        return ERR_STORE;
    enum err err = sets.indexed ? ERR_NOT_FOUND : walk(db, txn, issuer_id, &sets, after);
    *ret_done = err == ERR_NOT_FOUND;
    if (err != ERR_NOT_FOUND)
        return err;
    sets.indexed = true;
    return sets_put(db, txn, issuer_id, &sets);
}

enum err revoked_index_step(struct status_db *db, uint64_t issuer_id, struct serial *after,
                            bool *ret_done)
{
    MDB_txn *txn = NULL;
    struct serial at = *after;
    bool done = false;
    TRY(status_txn_write(db, &txn));
    enum err err = step(db, txn, issuer_id, &at, &done);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    *after = at;
    *ret_done = done;
    return ERR_OK;
}
