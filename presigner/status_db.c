/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/status_db.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/os/file.h"
#include "lib/os/log.h"
#include "lib/wire.h"

/* Slots for read transactions of all processes. */
#define READERS_MAX 512

static const char *const table_names[] = {
#define X(name, text) text,
    STATUS_DB_TABLE(X)
#undef X
};

static const char layout_key[] = "layout";
static const char count_key[] = "count";

enum err status_db_err(int lmdb_code)
{
    switch (lmdb_code) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
        return ERR_LIMIT;
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case ENOMEM:
        return ERR_MEMORY;
    case EIO:
        return ERR_IO;
    case MDB_PANIC:
        return ERR_BROKEN;
    default:
        return ERR_STORE;
    }
}

/* For failures that say something about the machine and not about the data. */
static enum err complain(int code, const char *what)
{
    if (code != MDB_SUCCESS)
        log_error("status database: %s: %s", what, mdb_strerror(code));
    return status_db_err(code);
}

static MDB_val val_of(struct span s)
{
    /* LMDB does not write through it, but has no const. */
    return (MDB_val){.mv_size = s.size, .mv_data = (void *)(uintptr_t)s.data};
}

static struct span span_of_val(const MDB_val *v)
{
    return span_of(v->mv_data, v->mv_size);
}

static enum err check_layout(struct status_db *db, MDB_txn *txn)
{
    MDB_val key = val_of(span_of(layout_key, sizeof layout_key - 1));
    MDB_val value;
    uint8_t layout = STATUS_DB_LAYOUT;
    TRY(status_db_err(mdb_get(txn, db->dbi[STATUS_META], &key, &value)));
    if (!span_equal(span_of_val(&value), span_of(&layout, 1))) {
        log_error("status database: made by another version of this program");
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}

static enum err put_layout(struct status_db *db, MDB_txn *txn)
{
    uint8_t layout = STATUS_DB_LAYOUT;
    MDB_val key = val_of(span_of(layout_key, sizeof layout_key - 1));
    MDB_val value = val_of(span_of(&layout, 1));
    return complain(mdb_put(txn, db->dbi[STATUS_META], &key, &value, 0), "layout");
}

static enum err open_handles(struct status_db *db, MDB_txn *txn, unsigned flags)
{
    for (int i = 0; i < STATUS_TABLE_COUNT; i++)
        TRY(status_db_err(mdb_dbi_open(txn, table_names[i], flags, &db->dbi[i])));
    return check_layout(db, txn);
}

static enum err make_tables(struct status_db *db)
{
    MDB_txn *txn;
    TRY(status_txn_write(db, &txn));
    enum err err = open_handles(db, txn, MDB_CREATE);
    if (err == ERR_NOT_FOUND)
        err = put_layout(db, txn);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    return status_txn_commit(txn);
}

/* Usually all is there, and nobody has to wait for another process that writes. Handles outlive a
 * read transaction that is committed. */
static enum err open_tables(struct status_db *db)
{
    MDB_txn *txn;
    TRY(status_txn_read(db, &txn));
    enum err err = open_handles(db, txn, 0);
    if (err == ERR_OK)
        return status_txn_commit(txn);
    status_txn_abort(txn);
    return err == ERR_NOT_FOUND ? make_tables(db) : err;
}

static enum err open_environment(struct status_db *db, const char *state_dir,
                                 uint64_t map_size_bytes)
{
    char path[4096];
    TRY(path_join(path, sizeof path, state_dir, "status"));
    TRY(directory_make(path, 0750));
    TRY(complain(mdb_env_create(&db->env), "create"));
    TRY(complain(mdb_env_set_userctx(db->env, db), "context"));
    TRY(complain(mdb_env_set_mapsize(db->env, map_size_bytes), "map size"));
    TRY(complain(mdb_env_set_maxdbs(db->env, STATUS_TABLE_COUNT), "tables"));
    TRY(complain(mdb_env_set_maxreaders(db->env, READERS_MAX), "readers"));
    /* Records of a refresh are read in key order over all the file: the kernel's read-ahead helps.
     */
    TRY(complain(mdb_env_open(db->env, path, MDB_NOTLS, 0640), path));
    int dead = 0;
    TRY(complain(mdb_reader_check(db->env, &dead), "readers"));
    return open_tables(db);
}

enum err status_db_open(const char *state_dir, uint64_t map_size_bytes, struct status_db **ret)
{
    struct status_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return ERR_MEMORY;
    pthread_rwlock_init(&db->map_lock, NULL);
    enum err err = open_environment(db, state_dir, map_size_bytes);
    if (err != ERR_OK) {
        status_db_close(db);
        return err;
    }
    *ret = db;
    return ERR_OK;
}

struct status_db *status_db_close(struct status_db *db)
{
    if (db == NULL)
        return NULL;
    if (db->env != NULL)
        mdb_env_close(db->env);
    pthread_rwlock_destroy(&db->map_lock);
    free(db);
    return NULL;
}

/* Another process runs with a larger map: take its size over. LMDB moves the map even while a read
 * transaction looks at it, so not then, and not while another thread begins one. */
static int take_map_size(struct status_db *db)
{
    int code = MDB_MAP_RESIZED;
    if (pthread_rwlock_trywrlock(&db->map_lock) != 0)
        return code;
    if (__atomic_load_n(&db->open_count, __ATOMIC_ACQUIRE) == 0)
        code = mdb_env_set_mapsize(db->env, 0);
    pthread_rwlock_unlock(&db->map_lock);
    return code;
}

static int begin(struct status_db *db, unsigned flags, MDB_txn **ret)
{
    pthread_rwlock_rdlock(&db->map_lock);
    int code = mdb_txn_begin(db->env, NULL, flags, ret);
    if (code == 0)
        __atomic_add_fetch(&db->open_count, 1, __ATOMIC_ACQ_REL);
    pthread_rwlock_unlock(&db->map_lock);
    return code;
}

static enum err txn_begin(struct status_db *db, unsigned flags, MDB_txn **ret)
{
    MDB_txn *txn;
    int code = begin(db, flags, &txn);
    if (code == MDB_MAP_RESIZED && (code = take_map_size(db)) == 0)
        code = begin(db, flags, &txn);
    /* Slots of processes that died are free again after a check. */
    int dead = 0;
    if (code == MDB_READERS_FULL && mdb_reader_check(db->env, &dead) == 0)
        code = begin(db, flags, &txn);
    if (code == MDB_MAP_RESIZED) {
        log_info("status database: it has outgrown our map, which is made anew in a moment");
        return ERR_BUSY;
    }
    TRY(complain(code, "transaction"));
    *ret = txn;
    return ERR_OK;
}

static void txn_ended(struct status_db *db)
{
    __atomic_sub_fetch(&db->open_count, 1, __ATOMIC_ACQ_REL);
}

enum err status_txn_read(struct status_db *db, MDB_txn **ret)
{
    return txn_begin(db, MDB_RDONLY, ret);
}

enum err status_txn_write(struct status_db *db, MDB_txn **ret)
{
    return txn_begin(db, 0, ret);
}

enum err status_txn_commit(MDB_txn *txn)
{
    struct status_db *db = mdb_env_get_userctx(mdb_txn_env(txn));
    int code = mdb_txn_commit(txn);
    txn_ended(db);
    return complain(code, "commit");
}

MDB_txn *status_txn_abort(MDB_txn *txn)
{
    if (txn == NULL)
        return NULL;
    struct status_db *db = mdb_env_get_userctx(mdb_txn_env(txn));
    mdb_txn_abort(txn);
    txn_ended(db);
    return NULL;
}

enum err status_last_sequence(struct status_db *db, MDB_txn *txn, uint64_t *ret)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    TRY(complain(mdb_cursor_open(txn, db->dbi[STATUS_CHANGE], &cursor), "change"));
    int code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND) {
        *ret = 0;
        return ERR_OK;
    }
    TRY(complain(code, "change"));
    if (key.mv_size != 8)
        return ERR_STORE;
    *ret = be64_load(key.mv_data);
    return ERR_OK;
}

enum err status_poll_sequence(struct status_db *db, uint64_t *ret)
{
    MDB_txn *txn;
    TRY(status_txn_read(db, &txn));
    enum err err = status_last_sequence(db, txn, ret);
    status_txn_abort(txn);
    return err;
}

enum err status_get(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                    const struct serial *serial, struct cert_record *ret)
{
    uint8_t wire[KEY_BYTES_MAX];
    MDB_val key = val_of(span_of(wire, key_write(issuer_id, serial, wire)));
    MDB_val value;
    TRY(status_db_err(mdb_get(txn, db->dbi[STATUS_CERT], &key, &value)));
    return cert_record_read(span_of_val(&value), ret) == ERR_OK ? ERR_OK : ERR_STORE;
}

MDB_val status_count_key(uint64_t issuer_id, uint8_t room[static STATUS_COUNT_KEY_BYTES])
{
    memcpy(room, count_key, sizeof count_key - 1);
    be64_store(room + sizeof count_key - 1, issuer_id);
    return val_of(span_of(room, STATUS_COUNT_KEY_BYTES));
}

enum err status_counts(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                       struct status_counts *ret)
{
    uint8_t room[STATUS_COUNT_KEY_BYTES];
    MDB_val key = status_count_key(issuer_id, room);
    MDB_val value;
    int code = mdb_get(txn, db->dbi[STATUS_META], &key, &value);
    if (code == MDB_NOTFOUND) {
        *ret = (struct status_counts){0};
        return ERR_OK;
    }
    TRY(complain(code, "count"));
    if (value.mv_size != STATUS_COUNT_BYTES)
        return ERR_STORE;
    const uint8_t *data = value.mv_data;
    *ret = (struct status_counts){.good = be64_load(data), .revoked = be64_load(data + 8)};
    return ERR_OK;
}

enum err status_changes_begin(struct status_db *db, MDB_txn *txn, uint64_t after_sequence,
                              struct status_change_cursor *ret)
{
    MDB_cursor *cursor;
    TRY(complain(mdb_cursor_open(txn, db->dbi[STATUS_CHANGE], &cursor), "change"));
    *ret = (struct status_change_cursor){.cursor = cursor, .after = after_sequence};
    return ERR_OK;
}

static enum err change_read(const MDB_val *key, const MDB_val *value, struct status_change *ret)
{
    struct status_change change;
    struct span v = span_of_val(value);
    if (key->mv_size != 8 || v.size < CERT_RECORD_BYTES)
        return ERR_STORE;
    size_t key_size = v.size - CERT_RECORD_BYTES;
    if (key_read(span_of(v.data, key_size), &change.issuer_id, &change.serial) != ERR_OK ||
        cert_record_read(span_of(v.data + key_size, CERT_RECORD_BYTES), &change.record) != ERR_OK ||
        change.record.sequence != be64_load(key->mv_data))
        return ERR_STORE;
    *ret = change;
    return ERR_OK;
}

enum err status_changes_next(struct status_change_cursor *c, struct status_change *ret)
{
    /* By number and not by MDB_NEXT: a cursor whose last call found nothing may then go on in the
     * same way after the writer of the transaction has appended. */
    uint8_t from[8];
    if (c->after == UINT64_MAX)
        return ERR_NOT_FOUND;
    be64_store(from, c->after + 1);
    MDB_val key = val_of(span_of(from, sizeof from));
    MDB_val value;
    TRY(status_db_err(mdb_cursor_get(c->cursor, &key, &value, MDB_SET_RANGE)));
    TRY(change_read(&key, &value, ret));
    c->after = ret->record.sequence;
    return ERR_OK;
}

void status_changes_end(struct status_change_cursor *c)
{
    mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

enum err status_certs_begin(struct status_db *db, MDB_txn *txn, uint64_t issuer_id,
                            const struct serial *after, const struct serial *until,
                            struct status_cert_cursor *ret)
{
    MDB_cursor *cursor;
    TRY(complain(mdb_cursor_open(txn, db->dbi[STATUS_CERT], &cursor), "cert"));
    *ret = (struct status_cert_cursor){
        .cursor = cursor, .issuer_id = issuer_id, .after = *after, .until = *until};
    return ERR_OK;
}

/* The next key above `after`, the first time; a step afterwards. */
static int certs_step(struct status_cert_cursor *c, MDB_val *key, MDB_val *value)
{
    if (c->started)
        return mdb_cursor_get(c->cursor, key, value, MDB_NEXT);
    uint8_t wire[KEY_BYTES_MAX];
    size_t size = key_write(c->issuer_id, &c->after, wire);
    *key = val_of(span_of(wire, size));
    int code = mdb_cursor_get(c->cursor, key, value, MDB_SET_RANGE);
    if (code == MDB_SUCCESS && span_equal(span_of_val(key), span_of(wire, size)))
        code = mdb_cursor_get(c->cursor, key, value, MDB_NEXT);
    c->started = code == MDB_SUCCESS;
    return code;
}

enum err status_certs_next(struct status_cert_cursor *c, struct status_cert *ret)
{
    MDB_val key, value;
    uint64_t issuer_id;
    struct status_cert cert;
    TRY(status_db_err(certs_step(c, &key, &value)));
    if (key_read(span_of_val(&key), &issuer_id, &cert.serial) != ERR_OK)
        return ERR_STORE;
    if (issuer_id != c->issuer_id || serial_compare(&cert.serial, &c->until) > 0)
        return ERR_NOT_FOUND;
    if (cert_record_read(span_of_val(&value), &cert.record) != ERR_OK)
        return ERR_STORE;
    *ret = cert;
    return ERR_OK;
}

void status_certs_end(struct status_cert_cursor *c)
{
    mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}
