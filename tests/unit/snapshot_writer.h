/* SPDX-License-Identifier: Apache-2.0 */
/* For test_snapshot.c: the writer's side of a store with nothing but LMDB, and a model of it. */
#pragma once

#include "edge/snapshot.h"
#include "edge/snapshot_exchange.h"
#include "tests/fixture/edge_fixture.h"
#include "tests/unit/scratch.h"

#include <endian.h>
#include <lmdb.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAP_BYTES   ((size_t)1 << 30)
#define SERIALS_MAX 6000

/* The writer's side, with nothing but LMDB: one statement a block, so that few serials make many.
 */
struct writer {
    MDB_env *env;
    MDB_dbi dbs[STORE_DB_COUNT];
    struct position position;
    struct ocsp_template templates[2];
};

struct model {
    struct fixture_statement statements[SERIALS_MAX];
    uint32_t count;
};

typedef void serial_shape(struct fixture_random *r, struct serial *serial);

static void shape_random16(struct fixture_random *r, struct serial *serial)
{
    serial->size = 16;
    fixture_random_fill(r, serial->octets, 16);
    serial->octets[0] = (uint8_t)((serial->octets[0] & 0x7f) | 1);
}

static void shape_sequential8(struct fixture_random *r, struct serial *serial)
{
    uint64_t number = htobe64(UINT64_C(0x0100000000000000) + fixture_random_below(r, 20000));
    serial->size = 8;
    memcpy(serial->octets, &number, 8);
}

/* Mostly the same leading 16 octets, and one that keeps the common part short. */
static void shape_equal_prefix(struct fixture_random *r, struct serial *serial)
{
    serial->size = 20;
    memset(serial->octets, 0x11, 20);
    if (fixture_random_below(r, 1000) == 0)
        serial->octets[0] = 0x7f;
    uint32_t number = htobe32(fixture_random_below(r, 30000));
    memcpy(serial->octets + 16, &number, 4);
}

static void shape_short(struct fixture_random *r, struct serial *serial)
{
    serial->size = (uint8_t)(1 + fixture_random_below(r, 3));
    fixture_random_fill(r, serial->octets, serial->size);
    serial->octets[0] &= 0x7f;
    serial->octets[0] |= 1;
}

static void shape_skewed(struct fixture_random *r, struct serial *serial)
{
    shape_random16(r, serial);
    for (uint32_t i = fixture_random_below(r, 12); i > 0; i--)
        serial->octets[i] = 0;
}

static void shape_mixed(struct fixture_random *r, struct serial *serial)
{
    static serial_shape *const shapes[] = {shape_random16, shape_sequential8, shape_equal_prefix,
                                           shape_short, shape_skewed};
    shapes[fixture_random_below(r, 5)](r, serial);
}

static void check_mdb(int code)
{
    if (code != 0)
        fail_msg("lmdb: %s", mdb_strerror(code));
}

static void writer_template(struct writer *w, MDB_txn *txn, const struct ocsp_template *t)
{
    static uint8_t wire[TEMPLATE_BYTES_MAX];
    uint8_t key[STORE_TEMPLATE_KEY_BYTES];
    size_t size = 0;
    assert_int_equal(template_write(t, wire, sizeof wire, &size), ERR_OK);
    uint64_t issuer = htobe64(t->issuer_id);
    uint16_t number = htobe16(t->template_no);
    memcpy(key, &issuer, 8);
    memcpy(key + 8, &number, 2);
    MDB_val k = {.mv_size = sizeof key, .mv_data = key};
    MDB_val v = {.mv_size = size, .mv_data = wire};
    check_mdb(mdb_put(txn, w->dbs[SNAPSHOT_DB_TEMPLATE], &k, &v, 0));
}

static void writer_position(struct writer *w, MDB_txn *txn)
{
    uint8_t wire[POSITION_BYTES];
    char name[] = STORE_META_POSITION;
    position_write(&w->position, wire);
    MDB_val k = {.mv_size = sizeof name - 1, .mv_data = name};
    MDB_val v = {.mv_size = sizeof wire, .mv_data = wire};
    check_mdb(mdb_put(txn, w->dbs[SNAPSHOT_DB_META], &k, &v, 0));
}

static void writer_start(struct writer *w, const char *path)
{
    static const char *const names[SNAPSHOT_DB_COUNT] = {
        STORE_DB_BLOCK, STORE_DB_TEMPLATE, STORE_DB_CHANGE, STORE_DB_META,
        STORE_DB_BLOB,  STORE_DB_PATH,     STORE_DB_RELAY};
    *w = (struct writer){.position.complete = 1};
    check_mdb(mdb_env_create(&w->env));
    check_mdb(mdb_env_set_mapsize(w->env, MAP_BYTES));
    check_mdb(mdb_env_set_maxdbs(w->env, STORE_DB_COUNT));
    check_mdb(mdb_env_open(w->env, path, MDB_NOSYNC | MDB_NOTLS, 0640));
    MDB_txn *txn;
    check_mdb(mdb_txn_begin(w->env, NULL, 0, &txn));
    for (unsigned i = 0; i < SNAPSHOT_DB_COUNT; i++)
        check_mdb(mdb_dbi_open(txn, names[i], MDB_CREATE, &w->dbs[i]));
    for (uint32_t i = 0; i < 2; i++) {
        w->templates[i] = fixture_template(i, 1, CERTID_BOTH, 3600);
        writer_template(w, txn, &w->templates[i]);
    }
    writer_position(w, txn);
    check_mdb(mdb_txn_commit(txn));
}

static void writer_put(struct writer *w, MDB_txn *txn, const struct fixture_statement *s)
{
    static struct block_builder builder;
    uint8_t block[BLOCK_BYTES_MAX] = {0};
    uint8_t key[KEY_BYTES_MAX];
    struct statement statement = {.serial = s->serial,
                                  .facts = s->facts,
                                  .signature = span_of(s->signature, sizeof s->signature)};
    block_builder_reset(&builder);
    assert_int_equal(block_builder_add(&builder, &statement), ERR_OK);
    block_builder_finish(&builder, block);
    MDB_val k = {.mv_size = key_write(s->issuer_id, &s->serial, key), .mv_data = key};
    MDB_val v = {.mv_size = BLOCK_BYTES_MIN, .mv_data = block};
    check_mdb(mdb_put(txn, w->dbs[SNAPSHOT_DB_BLOCK], &k, &v, 0));
}

static void writer_delete(struct writer *w, MDB_txn *txn, const struct fixture_statement *s)
{
    uint8_t key[KEY_BYTES_MAX];
    MDB_val k = {.mv_size = key_write(s->issuer_id, &s->serial, key), .mv_data = key};
    check_mdb(mdb_del(txn, w->dbs[SNAPSHOT_DB_BLOCK], &k, NULL));
}

struct record {
    uint8_t octets[2 + STORE_CHANGE_RANGES_MAX * 2 * (KEY_BYTES_MAX + 1)];
    size_t size;
    uint16_t count;
};

static void record_key(struct record *record, uint64_t issuer_id, const struct serial *serial)
{
    size_t size = key_write(issuer_id, serial, record->octets + record->size + 1);
    record->octets[record->size] = (uint8_t)size;
    record->size += 1 + size;
}

static void writer_commit(struct writer *w, MDB_txn *txn, struct record *record)
{
    uint16_t count = htobe16(record->count);
    memcpy(record->octets, &count, 2);
    w->position.commit++;
    uint64_t number = htobe64(w->position.commit);
    MDB_val k = {.mv_size = 8, .mv_data = &number};
    MDB_val v = {.mv_size = record->size, .mv_data = record->octets};
    check_mdb(mdb_put(txn, w->dbs[SNAPSHOT_DB_CHANGE], &k, &v, 0));
    writer_position(w, txn);
    check_mdb(mdb_txn_commit(txn));
}

static int model_find(const struct model *m, uint64_t issuer_id, const struct serial *serial)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->statements[i].issuer_id == issuer_id &&
            serial_compare(&m->statements[i].serial, serial) == 0)
            return (int)i;
    return -1;
}

static struct serial serial_below(const struct serial *serial)
{
    struct serial below = *serial;
    for (size_t i = below.size; i-- > 0;)
        if (below.octets[i]-- != 0)
            return below;
    return (struct serial){.size = (uint8_t)(serial->size - 1)};
}

/* One write transaction: `adds` new or replaced statements, then `deletes`. */
static void change(struct writer *w, struct model *m, struct fixture_random *r, serial_shape *shape,
                   uint32_t adds, uint32_t deletes)
{
    static struct record record;
    record = (struct record){.size = 2};
    MDB_txn *txn;
    check_mdb(mdb_txn_begin(w->env, NULL, 0, &txn));
    for (uint32_t i = 0; i < adds + deletes; i++) {
        struct fixture_statement s = {0};
        uint64_t issuer = w->templates[fixture_random_below(r, 2)].issuer_id;
        struct facts facts = {.template_no = 1,
                              .status = CERT_GOOD,
                              .reason = REASON_ABSENT,
                              .this_update_s = 1000 + fixture_random_below(r, 1000),
                              .next_update_s = 9000};
        if (i < adds && m->count < SERIALS_MAX) {
            s = fixture_statement(r, issuer, 16, facts);
            shape(r, &s.serial);
            int known = model_find(m, issuer, &s.serial);
            m->statements[known >= 0 ? (uint32_t)known : m->count++] = s;
            writer_put(w, txn, &s);
        } else if (m->count > 0) {
            uint32_t victim = fixture_random_below(r, m->count);
            s = m->statements[victim];
            m->statements[victim] = m->statements[--m->count];
            writer_delete(w, txn, &s);
        }
        struct serial below = serial_below(&s.serial);
        if (record.count < STORE_CHANGE_RANGES_MAX) {
            record_key(&record, s.issuer_id, &below);
            record_key(&record, s.issuer_id, &s.serial);
            record.count++;
        } else {
            record.count = 0xffff;
            record.size = 2;
            i = adds + deletes; /* enough changes for this one */
        }
    }
    writer_commit(w, txn, &record);
}
