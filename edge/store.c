/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/store_internal.h"
#include "lib/check.h"
#include "lib/os/file.h"
#include "lib/wire.h"

#define STORE_PATH_MAX   4096
#define STORE_MODE       0640
#define STORE_BOOT_BYTES 64
#define STORE_BOOT_FILE  "/proc/sys/kernel/random/boot_id"
/* The serving processes, tools and their snapshots together. */
#define STORE_READERS_MAX 250

struct store {
    MDB_env *env;
    MDB_dbi dbi[STORE_DB_COUNT];
    bool read_only;
    bool writing;
    bool bulk;
    char marker[STORE_PATH_MAX];
};

static const char *const db_names[STORE_DB_COUNT] = {
    [STORE_BLOCKS] = STORE_DB_BLOCK,        [STORE_TEMPLATES] = STORE_DB_TEMPLATE,
    [STORE_CHANGES] = STORE_DB_CHANGE,      [STORE_META] = STORE_DB_META,
    [STORE_BLOBS] = STORE_DB_BLOB,          [STORE_BLOB_USES] = STORE_DB_BLOB_USE,
    [STORE_PATHS] = STORE_DB_PATH,          [STORE_RELAY] = STORE_DB_RELAY,
    [STORE_RELAY_UNUSED] = STORE_DB_UNUSED,
};

enum err store_err(int rc)
{
    switch (rc) {
    case 0:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case ENOMEM:
        return ERR_MEMORY;
    case ENOENT:
        return ERR_NOT_FOUND;
    case MDB_PANIC:
        return ERR_BROKEN;
    case EIO:
    case EACCES:
    case EROFS:
        return ERR_IO;
    default:
        return ERR_STORE;
    }
}

MDB_dbi store_dbi(const struct store *store, enum store_db db)
{
    return store->dbi[db];
}

/* The boot's id, or an empty span where the kernel does not tell. */
static struct span boot_id(char out[static STORE_BOOT_BYTES])
{
    FILE *file = fopen(STORE_BOOT_FILE, "re");
    if (file == NULL)
        return SPAN_EMPTY;
    size_t size = fread(out, 1, STORE_BOOT_BYTES, file);
    fclose(file);
    return span_of(out, size);
}

static enum err remove_file(const char *directory, const char *name)
{
    char path[STORE_PATH_MAX];
    TRY(path_join(path, sizeof path, directory, name));
    return unlink(path) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
}

#define STORE_MARKER "unsynced"

enum err store_prepare(const char *path)
{
    char marker[STORE_PATH_MAX];
    TRY(path_join(marker, sizeof marker, path, STORE_MARKER));
    struct buffer content = {0};
    enum err err = file_read(marker, STORE_BOOT_BYTES, &content);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    char now[STORE_BOOT_BYTES];
    bool same_boot = err == ERR_OK && content.size > 0 &&
                     span_equal(span_of(content.data, content.size), boot_id(now));
    buffer_done(&content);
    if (same_boot)
        return ERR_OK;
    TRY(remove_file(path, "data.mdb"));
    TRY(remove_file(path, "lock.mdb"));
    TRY(directory_sync(path));
    return remove_file(path, STORE_MARKER);
}

static enum err open_databases(struct store *store)
{
    MDB_txn *txn = NULL;
    TRY(store_err(mdb_txn_begin(store->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn)));
    for (unsigned i = 0; i < STORE_DB_COUNT; i++) {
        int rc = mdb_dbi_open(txn, db_names[i], store->read_only ? 0 : MDB_CREATE, &store->dbi[i]);
        if (rc != 0) {
            mdb_txn_abort(txn);
            return store_err(rc);
        }
    }
    return store_err(mdb_txn_commit(txn));
}

/* LMDB's pages are as large as the machine's, or as those of the machine that made the store. On
 * larger ones a block is no value of its own page any more, and moves. */
static enum err check_page_size(const struct store *store)
{
    MDB_stat stat;
    TRY(store_err(mdb_env_stat(store->env, &stat)));
    return stat.ms_psize == STORE_PAGE_BYTES ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err open_environment(struct store *store, const struct store_config *config)
{
    TRY(store_err(mdb_env_create(&store->env)));
    TRY(store_err(mdb_env_set_mapsize(store->env, config->map_bytes)));
    TRY(store_err(mdb_env_set_maxdbs(store->env, STORE_DB_COUNT)));
    TRY(store_err(mdb_env_set_maxreaders(store->env, STORE_READERS_MAX)));
    /* Reading ahead would only throw away pages that serve needs. */
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
    flags |= config->read_only ? MDB_RDONLY : MDB_NOMETASYNC;
    TRY(store_err(mdb_env_open(store->env, config->path, flags, STORE_MODE)));
    TRY(check_page_size(store));
    return open_databases(store);
}

enum err store_open(const struct store_config *config, struct store **ret)
{
    if (!config->read_only) {
        TRY(directory_make(config->path, 0750));
        TRY(store_prepare(config->path));
    }
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return ERR_MEMORY;
    store->read_only = config->read_only;
    enum err err = path_join(store->marker, sizeof store->marker, config->path, STORE_MARKER);
    if (err == ERR_OK)
        err = open_environment(store, config);
    if (err != ERR_OK) {
        store_close(store);
        return err;
    }
    store_reap_readers(store);
    *ret = store;
    return ERR_OK;
}

struct store *store_close(struct store *store)
{
    if (store == NULL)
        return NULL;
    CHECK(!store->writing);
    if (store->env != NULL)
        mdb_env_close(store->env);
    free(store);
    return NULL;
}

enum err store_bulk_start(struct store *store)
{
    char id[STORE_BOOT_BYTES];
    struct span boot = boot_id(id);
    if (boot.size == 0)
        return ERR_OK;
    TRY(file_publish(store->marker, boot, STORE_MODE));
    TRY(store_err(mdb_env_set_flags(store->env, MDB_NOSYNC, 1)));
    store->bulk = true;
    return ERR_OK;
}

/* Without syncs the pages of the first filling would wait in memory to be written all at its end.
 * They are sent on their way as they come, and nobody waits for them: that is store_bulk_finish()'s
 * part. */
static void start_writeback(const struct store *store)
{
    mdb_filehandle_t fd;
    if (store->bulk && mdb_env_get_fd(store->env, &fd) == 0)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

enum err store_bulk_finish(struct store *store)
{
    TRY(store_err(mdb_env_sync(store->env, 1)));
    store->bulk = false;
    return store_err(mdb_env_set_flags(store->env, MDB_NOSYNC, 0));
}

enum err store_bulk_forget(struct store *store)
{
    /* The commit before this one has its pages on disk, its meta page not yet. */
    TRY(store_err(mdb_env_sync(store->env, 1)));
    return unlink(store->marker) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
}

void store_reap_readers(struct store *store)
{
    int dead = 0;
    /* A failure leaves dead slots for the next time, nothing more. */
    (void)mdb_reader_check(store->env, &dead);
}

static enum err load_position(struct store_txn *txn)
{
    MDB_val key = {.mv_size = strlen(STORE_META_POSITION), .mv_data = (char[]){"position"}};
    MDB_val value;
    enum err err = store_err(mdb_get(txn->txn, store_dbi(txn->store, STORE_META), &key, &value));
    if (err == ERR_NOT_FOUND) {
        txn->position = (struct position){0};
        return ERR_OK;
    }
    TRY(err);
    return position_read(span_of(value.mv_data, value.mv_size), &txn->position);
}

static enum err begin(struct store *store, bool writable, struct store_txn **ret)
{
    struct store_txn *txn = malloc(sizeof *txn);
    if (txn == NULL)
        return ERR_MEMORY;
    txn->store = store;
    txn->txn = NULL;
    txn->blocks = NULL;
    txn->writable = writable;
    txn->touched = false;
    store_changes_reset(&txn->changes);
    enum err err = store_err(mdb_txn_begin(store->env, NULL, writable ? 0 : MDB_RDONLY, &txn->txn));
    if (err == ERR_OK)
        err = store_err(mdb_cursor_open(txn->txn, store->dbi[STORE_BLOCKS], &txn->blocks));
    if (err == ERR_OK)
        err = load_position(txn);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    store->writing |= writable;
    *ret = txn;
    return ERR_OK;
}

enum err store_read(struct store *store, struct store_txn **ret)
{
    return begin(store, false, ret);
}

enum err store_write(struct store *store, struct store_txn **ret)
{
    CHECK(!store->writing && !store->read_only);
    return begin(store, true, ret);
}

struct store_txn *store_abort(struct store_txn *txn)
{
    if (txn == NULL)
        return NULL;
    if (txn->blocks != NULL)
        mdb_cursor_close(txn->blocks);
    if (txn->txn != NULL)
        mdb_txn_abort(txn->txn);
    if (txn->writable)
        txn->store->writing = false;
    free(txn);
    return NULL;
}

static enum err put(struct store_txn *txn, enum store_db db, struct span key, struct span value)
{
    MDB_val k = {.mv_size = key.size, .mv_data = (void *)(uintptr_t)key.data};
    MDB_val v = {.mv_size = value.size, .mv_data = (void *)(uintptr_t)value.data};
    return store_err(mdb_put(txn->txn, store_dbi(txn->store, db), &k, &v, 0));
}

static enum err write_change(struct store_txn *txn)
{
    uint8_t key[8];
    be64_store(key, ++txn->position.commit);
    size_t size = store_changes_write(&txn->changes, txn->record);
    TRY(put(txn, STORE_CHANGES, span_of(key, sizeof key), span_of(txn->record, size)));
    if (txn->position.commit <= STORE_CHANGES_MAX)
        return ERR_OK;
    be64_store(key, txn->position.commit - STORE_CHANGES_MAX);
    MDB_val k = {.mv_size = sizeof key, .mv_data = key};
    int rc = mdb_del(txn->txn, store_dbi(txn->store, STORE_CHANGES), &k, NULL);
    return rc == MDB_NOTFOUND ? ERR_OK : store_err(rc);
}

static enum err write_meta(struct store_txn *txn)
{
    if (txn->touched)
        TRY(write_change(txn));
    uint8_t wire[POSITION_BYTES];
    position_write(&txn->position, wire);
    return put(txn, STORE_META, span_text(STORE_META_POSITION), span_of(wire, sizeof wire));
}

enum err store_commit(struct store_txn *txn, struct position *ret_position)
{
    CHECK(txn->writable);
    enum err err = write_meta(txn);
    if (err == ERR_OK) {
        mdb_cursor_close(txn->blocks);
        txn->blocks = NULL;
        err = store_err(mdb_txn_commit(txn->txn));
        txn->txn = NULL; /* freed by LMDB, whatever came of it */
        if (err == ERR_OK && ret_position != NULL)
            *ret_position = txn->position;
        if (err == ERR_OK)
            start_writeback(txn->store);
    }
    store_abort(txn);
    return err;
}

struct position *store_position(struct store_txn *txn)
{
    return &txn->position;
}

enum err store_position_read(struct store *store, struct position *ret)
{
    struct store_txn *txn;
    TRY(store_read(store, &txn));
    *ret = txn->position;
    store_abort(txn);
    return ERR_OK;
}

enum err store_get_issuers(struct store_txn *txn, struct sha256 *ret)
{
    MDB_val key = {.mv_size = strlen(STORE_META_ISSUERS), .mv_data = (char[]){STORE_META_ISSUERS}};
    MDB_val value;
    enum err err = store_err(mdb_get(txn->txn, store_dbi(txn->store, STORE_META), &key, &value));
    if (err == ERR_NOT_FOUND) {
        *ret = (struct sha256){0};
        return ERR_OK;
    }
    TRY(err);
    const uint8_t *octets = value.mv_data;
    if (value.mv_size != 1 + SHA256_BYTES || octets[0] != STORE_ISSUERS_VERSION)
        return ERR_UNSUPPORTED;
    memcpy(ret->octets, octets + 1, SHA256_BYTES);
    return ERR_OK;
}

enum err store_put_issuers(struct store_txn *txn, const struct sha256 *hash)
{
    uint8_t octets[1 + SHA256_BYTES] = {STORE_ISSUERS_VERSION};
    memcpy(octets + 1, hash->octets, SHA256_BYTES);
    return put(txn, STORE_META, span_text(STORE_META_ISSUERS), span_of(octets, sizeof octets));
}

static void template_key(uint64_t issuer_id, uint16_t template_no,
                         uint8_t ret[static STORE_TEMPLATE_KEY_BYTES])
{
    be64_store(ret, issuer_id);
    be16_store(ret + 8, template_no);
}

static enum err get_template(struct store_txn *txn, uint64_t issuer_id, uint16_t template_no,
                             struct span *ret)
{
    uint8_t key[STORE_TEMPLATE_KEY_BYTES];
    template_key(issuer_id, template_no, key);
    MDB_val k = {.mv_size = sizeof key, .mv_data = key};
    MDB_val v;
    TRY(store_err(mdb_get(txn->txn, store_dbi(txn->store, STORE_TEMPLATES), &k, &v)));
    *ret = span_of(v.mv_data, v.mv_size);
    return ERR_OK;
}

enum err store_get_template(struct store_txn *txn, uint64_t issuer_id, uint16_t template_no,
                            struct ocsp_template *ret)
{
    struct span wire;
    TRY(get_template(txn, issuer_id, template_no, &wire));
    return template_read(wire, ret);
}

enum err store_put_template(struct store_txn *txn, const struct ocsp_template *t)
{
    uint8_t wire[TEMPLATE_BYTES_MAX];
    size_t size;
    TRY(template_write(t, wire, sizeof wire, &size));
    struct span old;
    enum err err = get_template(txn, t->issuer_id, t->template_no, &old);
    if (err == ERR_OK)
        return span_equal(old, span_of(wire, size)) ? ERR_OK : ERR_CONFLICT;
    if (err != ERR_NOT_FOUND)
        return err;
    uint8_t key[STORE_TEMPLATE_KEY_BYTES];
    template_key(t->issuer_id, t->template_no, key);
    txn->touched = true;
    return put(txn, STORE_TEMPLATES, span_of(key, sizeof key), span_of(wire, size));
}
