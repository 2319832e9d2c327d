/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/lookup/data.h"

#include "edge/store_apply.h"
#include "lib/check.h"
#include "lib/os/file.h"
#include "lib/random.h"
#include "lib/wire.h"

#include <lmdb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIAL_SIZE     16
#define COMMON_BYTES    8
#define CLUSTERS        65536
#define SIGNATURE_BYTES 64
#define STEP_COUNT      4096        /* statements handed to the store at a time */
#define COMMIT_COUNT    (64 * 4096) /* statements in a transaction */
#define THIS_UPDATE_S   1800000000u

static const char *const texts[] = {
#define X(name, text, how) text,
    SHAPE_TABLE(X)
#undef X
};

const char *shape_text(enum shape shape)
{
    return texts[shape];
}

static uint64_t mix(uint64_t i)
{
    return random_next(&i);
}

/* Cluster k of a skewed set has a share of about 1 / (k + 1). */
static uint64_t cluster_of(uint64_t draw)
{
    double unit = (double)(draw >> 11) * 0x1p-53;
    return (uint64_t)pow(CLUSTERS, unit) - 1;
}

void data_serial(enum shape shape, uint64_t i, struct serial *ret)
{
    uint64_t high = mix(0x5354 + (uint64_t)shape);
    uint64_t low = i;
    if (shape == SHAPE_UNIFORM) {
        high = mix(2 * i);
        low = mix(2 * i + 1);
    } else if (shape == SHAPE_SKEWED) {
        uint64_t draw = mix(i);
        uint64_t place = draw % 2 == 0 ? i : mix(draw) >> 16;
        low = mix(cluster_of(draw)) << 48 | place;
    }
    ret->size = SERIAL_SIZE;
    be64_store(ret->octets, high);
    be64_store(ret->octets + COMMON_BYTES, low);
    ret->octets[0] = (uint8_t)(ret->octets[0] & 0x7f) | 1;
}

uint64_t data_issuer_id(void)
{
    return mix(1);
}

static int serial_order(const void *a, const void *b)
{
    return memcmp(a, b, SERIAL_SIZE);
}

/* All serials in order, each once. */
static enum err serials_make(enum shape shape, uint64_t *count, uint8_t (**ret)[SERIAL_SIZE])
{
    uint8_t(*serials)[SERIAL_SIZE] = malloc(*count * SERIAL_SIZE);
    if (serials == NULL)
        return ERR_MEMORY;
    for (uint64_t i = 0; i < *count; i++) {
        struct serial serial;
        data_serial(shape, i, &serial);
        memcpy(serials[i], serial.octets, SERIAL_SIZE);
    }
    qsort(serials, *count, SERIAL_SIZE, serial_order);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < *count; i++)
        if (kept == 0 || memcmp(serials[i], serials[kept - 1], SERIAL_SIZE) != 0)
            memcpy(serials[kept++], serials[i], SERIAL_SIZE);
    *count = kept;
    *ret = serials;
    return ERR_OK;
}

static void fill(uint64_t *random, uint8_t *out, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i += 8)
        be64_store(out + i, random_next(random));
}

static struct statement statement_of(const uint8_t *octets, const uint8_t *signature)
{
    struct statement s = {.serial = {.size = SERIAL_SIZE},
                          .facts = {.template_no = 1,
                                    .status = CERT_GOOD,
                                    .reason = REASON_ABSENT,
                                    .this_update_s = THIS_UPDATE_S,
                                    .next_update_s = THIS_UPDATE_S + 604800},
                          .signature = span_of(signature, SIGNATURE_BYTES)};
    memcpy(s.serial.octets, octets, SERIAL_SIZE);
    return s;
}

static enum err template_put(struct store_txn *txn)
{
    struct ocsp_template t = {.issuer_id = data_issuer_id(),
                              .template_no = 1,
                              .certid_set = CERTID_SHA1,
                              .sig_alg = SIG_ECDSA_P256_SHA256,
                              .refresh_interval_s = 302400,
                              .signer_spki_size = 1};
    return store_put_template(txn, &t);
}

static enum err step_put(struct store_txn *txn, uint8_t (*serials)[SERIAL_SIZE], uint64_t count,
                         uint64_t *random)
{
    static struct statement statements[STEP_COUNT];
    static uint8_t signatures[STEP_COUNT][SIGNATURE_BYTES];
    fill(random, signatures[0], sizeof signatures);
    for (uint64_t i = 0; i < count; i++)
        statements[i] = statement_of(serials[i], signatures[i]);
    return store_upsert(txn, data_issuer_id(), statements, count);
}

static enum err store_fill(struct store *store, uint8_t (*serials)[SERIAL_SIZE], uint64_t count)
{
    uint64_t random = 7;
    for (uint64_t from = 0; from < count; from += COMMIT_COUNT) {
        struct store_txn *txn;
        TRY(store_write(store, &txn));
        enum err err = template_put(txn);
        for (uint64_t i = from; err == ERR_OK && i < from + COMMIT_COUNT && i < count;
             i += STEP_COUNT)
            err = step_put(txn, serials + i, count - i < STEP_COUNT ? count - i : STEP_COUNT,
                           &random);
        if (err != ERR_OK) {
            store_abort(txn);
            return err;
        }
        store_position(txn)->complete = 1;
        TRY(store_commit(txn, NULL));
    }
    return store_bulk_finish(store);
}

static enum err store_make(const char *path, uint8_t (*serials)[SERIAL_SIZE], uint64_t count)
{
    const struct store_config config = {.path = path, .map_bytes = MAP_BYTES};
    struct store *store;
    TRY(store_open(&config, &store));
    enum err err = store_bulk_start(store);
    if (err == ERR_OK)
        err = store_fill(store, serials, count);
    if (err == ERR_OK)
        err = store_bulk_forget(store);
    store_close(store);
    return err;
}

static int plain_put(MDB_env *env, uint8_t (*serials)[SERIAL_SIZE], uint64_t count,
                     uint64_t *random)
{
    MDB_txn *txn;
    MDB_dbi db;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != 0)
        return code;
    code = mdb_dbi_open(txn, PLAIN_DB, MDB_CREATE, &db);
    for (uint64_t i = 0; code == 0 && i < count; i++) {
        uint8_t key[KEY_BYTES_MAX];
        uint8_t value[PLAIN_VALUE_BYTES] = {0};
        struct serial serial = {.size = SERIAL_SIZE};
        memcpy(serial.octets, serials[i], SERIAL_SIZE);
        fill(random, value, sizeof value);
        MDB_val k = {.mv_size = key_write(data_issuer_id(), &serial, key), .mv_data = key};
        MDB_val v = {.mv_size = sizeof value, .mv_data = value};
        code = mdb_put(txn, db, &k, &v, MDB_APPEND);
    }
    if (code == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static enum err plain_make(const char *path, uint8_t (*serials)[SERIAL_SIZE], uint64_t count)
{
    uint64_t random = 7;
    MDB_env *env;
    TRY(directory_make(path, 0750));
    int code = mdb_env_create(&env);
    if (code != 0)
        return ERR_MEMORY;
    mdb_env_set_mapsize(env, MAP_BYTES);
    mdb_env_set_maxdbs(env, 1);
    code = mdb_env_open(env, path, MDB_NOSYNC, 0640);
    for (uint64_t i = 0; code == 0 && i < count; i += COMMIT_COUNT)
        code = plain_put(env, serials + i, count - i < COMMIT_COUNT ? count - i : COMMIT_COUNT,
                         &random);
    if (code == 0)
        code = mdb_env_sync(env, 1);
    mdb_env_close(env);
    return code == 0 ? ERR_OK : ERR_STORE;
}

/* Of an earlier run; `made` has the count. ERR_NOT_FOUND, ERR_CONFLICT: it is for another one. */
static enum err data_find(const char *made, uint64_t count)
{
    unsigned long long found = 0;
    FILE *file = fopen(made, "re");
    if (file == NULL)
        return ERR_NOT_FOUND;
    if (fscanf(file, "%llu", &found) != 1)
        found = 0;
    (void)fclose(file);
    return found == count ? ERR_OK : ERR_CONFLICT;
}

static enum err data_note(const char *made, uint64_t count)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%llu\n", (unsigned long long)count);
    return file_publish(made, span_of(text, (size_t)size), 0640);
}

enum err data_make(const char *folder, enum shape shape, uint64_t count)
{
    char plain[PATH_BYTES_MAX];
    char store[PATH_BYTES_MAX];
    char made[PATH_BYTES_MAX];
    uint8_t(*serials)[SERIAL_SIZE];
    uint64_t wanted = count;
    TRY(path_join(plain, sizeof plain, folder, PLAIN_DB));
    TRY(path_join(store, sizeof store, folder, STORE_DB));
    TRY(path_join(made, sizeof made, folder, "made"));
    enum err found = data_find(made, wanted);
    if (found != ERR_NOT_FOUND)
        return found;
    TRY(directory_make(folder, 0750));
    TRY(serials_make(shape, &count, &serials));
    enum err err = store_make(store, serials, count);
    if (err == ERR_OK)
        err = plain_make(plain, serials, count);
    free(serials);
    return err == ERR_OK ? data_note(made, wanted) : err;
}

void data_remove(const char *folder)
{
    static const char *const names[] = {PLAIN_DB "/data.mdb",
                                        PLAIN_DB "/lock.mdb",
                                        PLAIN_DB,
                                        STORE_DB "/data.mdb",
                                        STORE_DB "/lock.mdb",
                                        STORE_DB,
                                        "made"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES_MAX];
        if (path_join(path, sizeof path, folder, names[i]) == ERR_OK)
            (void)remove(path);
    }
    (void)remove(folder);
}
