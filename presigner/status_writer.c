/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/status_writer.h"

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/wire.h"
#include "presigner/commit_times.h"

static MDB_val val_of(uint8_t *data, size_t size)
{
    return (MDB_val){.mv_size = size, .mv_data = data};
}

static enum err find_last_key(struct status_writer *w)
{
    MDB_val key, value;
    int code = mdb_cursor_get(w->certs, &key, &value, MDB_LAST);
    w->last_key_size = 0;
    if (code == MDB_NOTFOUND)
        return ERR_OK;
    TRY(status_db_err(code));
    if (key.mv_size > sizeof w->last_key)
        return ERR_STORE;
    memcpy(w->last_key, key.mv_data, key.mv_size);
    w->last_key_size = key.mv_size;
    return ERR_OK;
}

enum err status_writer_begin(struct status_db *db, MDB_txn *txn, struct status_writer *ret)
{
    struct status_writer w = {.db = db, .txn = txn};
    enum err err = status_db_err(mdb_cursor_open(txn, db->dbi[STATUS_CERT], &w.certs));
    if (err == ERR_OK)
        err = status_db_err(mdb_cursor_open(txn, db->dbi[STATUS_CHANGE], &w.changes));
    if (err == ERR_OK)
        err = status_last_sequence(db, txn, &w.last_sequence);
    if (err == ERR_OK)
        err = find_last_key(&w);
    if (err != ERR_OK) {
        status_writer_drop(&w);
        return err;
    }
    *ret = w;
    return ERR_OK;
}

static enum err write_counts(struct status_writer *w)
{
    if (!w->has_issuer)
        return ERR_OK;
    uint8_t room[STATUS_COUNT_KEY_BYTES];
    uint8_t data[STATUS_COUNT_BYTES];
    be64_store(data, w->counts.good);
    be64_store(data + 8, w->counts.revoked);
    MDB_val key = status_count_key(w->issuer_id, room);
    MDB_val value = val_of(data, sizeof data);
    return status_db_err(mdb_put(w->txn, w->db->dbi[STATUS_META], &key, &value, 0));
}

static enum err use_issuer(struct status_writer *w, uint64_t issuer_id)
{
    if (w->has_issuer && w->issuer_id == issuer_id)
        return ERR_OK;
    TRY(write_counts(w));
    TRY(status_counts(w->db, w->txn, issuer_id, &w->counts));
    TRY(crl_sets_get(w->db, w->txn, issuer_id, &w->sets));
    w->issuer_id = issuer_id;
    w->has_issuer = true;
    return ERR_OK;
}

static void count(struct status_writer *w, const struct cert_record *before, uint8_t status)
{
    if (before != NULL) {
        uint64_t *left = before->status == CERT_GOOD ? &w->counts.good : &w->counts.revoked;
        CHECK(*left > 0);
        --*left;
    }
    ++*(status == CERT_GOOD ? &w->counts.good : &w->counts.revoked);
}

static bool is_beyond_last(const struct status_writer *w, const MDB_val *key)
{
    size_t common = key->mv_size < w->last_key_size ? key->mv_size : w->last_key_size;
    int order = memcmp(key->mv_data, w->last_key, common);
    return order > 0 || (order == 0 && key->mv_size > w->last_key_size);
}

static enum err append_change(struct status_writer *w, const MDB_val *key,
                              const uint8_t record[static CERT_RECORD_BYTES])
{
    uint8_t number[8];
    uint8_t data[KEY_BYTES_MAX + CERT_RECORD_BYTES];
    be64_store(number, w->last_sequence + 1);
    memcpy(data, key->mv_data, key->mv_size);
    memcpy(data + key->mv_size, record, CERT_RECORD_BYTES);
    MDB_val change_key = val_of(number, sizeof number);
    MDB_val value = val_of(data, key->mv_size + CERT_RECORD_BYTES);
    TRY(status_db_err(mdb_cursor_put(w->changes, &change_key, &value, MDB_APPEND)));
    w->last_sequence++;
    return ERR_OK;
}

/* A certificate that came before there were sets may have been told of any CRL: the first set is
 * what was configured then. */
static void give_shard(const struct status_writer *w, const struct serial *serial, bool known,
                       struct cert_record *record)
{
    if (record->shard == CRL_SHARD_NONE && w->sets.count > 0)
        record->shard = crl_shard_of(&w->sets.sets[known ? 0 : w->sets.current], serial);
}

static enum err index_revoked(struct status_writer *w, const struct serial *serial,
                              const struct cert_record *record)
{
    if (record->status != CERT_REVOKED || record->shard == CRL_SHARD_NONE)
        return ERR_OK;
    return revoked_index_put(w->db, w->txn, w->issuer_id, serial, record);
}

static void note_conflict(struct status_writer *w, const struct serial *serial,
                          const struct cert_record *known, const struct cert_record *claimed)
{
    struct shard_conflicts *c = &w->conflicts;
    if (known->shard == CRL_SHARD_NONE || claimed->shard == CRL_SHARD_NONE ||
        known->shard == claimed->shard)
        return;
    if (c->count++ > 0)
        return;
    c->serial = *serial;
    c->known = known->shard;
    c->claimed = claimed->shard;
}

/* The certificate is known: `stored` is its record, where the cursor stands. */
static enum err update(struct status_writer *w, const struct serial *serial, MDB_val *key,
                       const MDB_val *stored, const struct cert_record *claimed, bool *ret_changed)
{
    struct cert_record known, joined;
    uint8_t record[CERT_RECORD_BYTES];
    if (cert_record_read(span_of(stored->mv_data, stored->mv_size), &known) != ERR_OK)
        return ERR_STORE;
    note_conflict(w, serial, &known, claimed);
    bool changed = cert_record_join(&known, claimed, &joined);
    if (changed) {
        joined.sequence = w->last_sequence + 1;
        give_shard(w, serial, true, &joined);
        cert_record_write(&joined, record);
        MDB_val value = val_of(record, sizeof record);
        TRY(status_db_err(mdb_cursor_put(w->certs, key, &value, MDB_CURRENT)));
        TRY(append_change(w, key, record));
        TRY(index_revoked(w, serial, &joined));
        count(w, &known, joined.status);
        w->revoked |= joined.status == CERT_REVOKED;
    }
    *ret_changed = changed;
    return ERR_OK;
}

enum err status_writer_apply(struct status_writer *w, uint64_t issuer_id,
                             const struct serial *serial, const struct cert_record *claimed,
                             bool *ret_changed)
{
    uint8_t wire[KEY_BYTES_MAX];
    uint8_t record[CERT_RECORD_BYTES];
    if (!cert_record_valid(claimed) || serial->size == 0 || serial->size > SERIAL_BYTES_MAX)
        return ERR_MALFORMED;
    TRY(use_issuer(w, issuer_id));
    struct cert_record fresh = *claimed;
    fresh.sequence = w->last_sequence + 1;
    give_shard(w, serial, false, &fresh);
    cert_record_write(&fresh, record);
    MDB_val key = val_of(wire, key_write(issuer_id, serial, wire));
    MDB_val value = val_of(record, sizeof record);
    bool beyond = is_beyond_last(w, &key);
    int code = mdb_cursor_put(w->certs, &key, &value, beyond ? MDB_APPEND : MDB_NOOVERWRITE);
    if (code == MDB_KEYEXIST && !beyond)
        return update(w, serial, &key, &value, claimed, ret_changed);
    TRY(status_db_err(code));
    if (beyond) {
        memcpy(w->last_key, wire, key.mv_size);
        w->last_key_size = key.mv_size;
    }
    TRY(append_change(w, &key, record));
    TRY(index_revoked(w, serial, &fresh));
    count(w, NULL, fresh.status);
    w->revoked |= fresh.status == CERT_REVOKED;
    *ret_changed = true;
    return ERR_OK;
}

enum err status_writer_end(struct status_writer *w)
{
    enum err err = write_counts(w);
    if (err == ERR_OK && w->revoked)
        err = commit_times_put(w->db, w->txn, w->last_sequence, clock_wall_ms());
    status_writer_drop(w);
    return err;
}

void status_writer_drop(struct status_writer *w)
{
    if (w->certs != NULL)
        mdb_cursor_close(w->certs);
    if (w->changes != NULL)
        mdb_cursor_close(w->changes);
    w->certs = w->changes = NULL;
}
