/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots over real LMDB stores: every serial is found, no other one is, and an incremental
 * snapshot answers like one built from nothing, whatever changed in between. */
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
    static const char *const names[] = {STORE_DB_BLOCK, STORE_DB_TEMPLATE, STORE_DB_CHANGE,
                                        STORE_DB_META};
    *w = (struct writer){.position.complete = 1};
    check_mdb(mdb_env_create(&w->env));
    check_mdb(mdb_env_set_mapsize(w->env, MAP_BYTES));
    check_mdb(mdb_env_set_maxdbs(w->env, STORE_DB_COUNT));
    check_mdb(mdb_env_open(w->env, path, MDB_NOSYNC | MDB_NOTLS, 0640));
    MDB_txn *txn;
    check_mdb(mdb_txn_begin(w->env, NULL, 0, &txn));
    for (unsigned i = 0; i < STORE_DB_COUNT; i++)
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

static const struct snapshot_issuer *issuer_of(const struct snapshot *s, const struct writer *w,
                                               uint64_t issuer_id)
{
    const struct ocsp_template *t = &w->templates[w->templates[0].issuer_id == issuer_id ? 0 : 1];
    const struct snapshot_issuer *issuer = snapshot_issuer_find(
        s, CERTID_HASH_SHA1, span_of(t->name_sha1, 20), span_of(t->key_sha1, 20));
    assert_non_null(issuer);
    assert_ptr_equal(issuer,
                     snapshot_issuer_find(s, CERTID_HASH_SHA256, span_of(t->name_sha256, 32),
                                          span_of(t->key_sha256, 32)));
    assert_int_equal(issuer->issuer_id, issuer_id);
    return issuer;
}

static void expect_model(const struct snapshot *s, const struct writer *w, const struct model *m,
                         struct fixture_random *r, serial_shape *shape)
{
    assert_int_equal(s->index.block_count, m->count);
    struct statement found;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct fixture_statement *want = &m->statements[i];
        if (!snapshot_find(s, issuer_of(s, w, want->issuer_id), &want->serial, &found))
            fail_msg("statement %u of %u is not found", i, m->count);
        assert_int_equal(found.facts.this_update_s, want->facts.this_update_s);
        assert_memory_equal(found.signature.data, want->signature, sizeof want->signature);
    }
    for (uint32_t i = 0; i < 300; i++) {
        struct serial serial;
        shape(r, &serial);
        uint64_t issuer_id = w->templates[i % 2].issuer_id;
        bool known = model_find(m, issuer_id, &serial) >= 0;
        assert_int_equal(snapshot_find(s, issuer_of(s, w, issuer_id), &serial, &found), known);
    }
}

static void expect_chunks_sound(const struct snapshot *s)
{
    for (uint32_t g = 0; g < s->index.group_count; g++) {
        const struct side_group *group = &s->index.groups[g];
        assert_true(group->chunk_count > 0);
        uint32_t small = 0;
        for (uint32_t i = 0; i < group->chunk_count; i++) {
            const struct side_chunk *chunk = group->directory[i].chunk;
            assert_true(chunk->count > 0 && chunk->count <= SIDE_CHUNK_ENTRIES);
            struct serial last;
            block_last_serial(chunk->entries[chunk->count - 1].block, &last);
            assert_int_equal(serial_compare(&last, &chunk->last), 0);
            if (i > 0)
                assert_true(serial_compare(&group->directory[i - 1].chunk->last, &last) < 0);
            small += chunk->count < SIDE_CHUNK_SMALL;
        }
        assert_true(small <= group->chunk_count / 2 + 1);
    }
}

static void run_shape(serial_shape *shape, uint64_t seed)
{
    char scratch[SCRATCH_BYTES];
    scratch_make(scratch);
    struct writer w;
    writer_start(&w, scratch);
    struct model *m = calloc(1, sizeof *m);
    struct fixture_random r = fixture_random_of(seed);
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_source_open(scratch, MAP_BYTES, &source), ERR_OK);
    struct snapshot *previous = NULL;
    uint64_t shared = 0;
    for (uint32_t turn = 0; turn < 25; turn++) {
        bool big = turn % 8 == 0;
        uint32_t commits = 1 + fixture_random_below(&r, 3);
        for (uint32_t i = 0; i < commits; i++)
            change(&w, m, &r, shape, big ? 900 : fixture_random_below(&r, 6),
                   turn % 11 == 10 ? 1000 : fixture_random_below(&r, 4));
        struct snapshot *next = NULL;
        assert_int_equal(snapshot_build(source, previous, &next), ERR_OK);
        shared += next->chunks_shared;
        expect_chunks_sound(next);
        expect_model(next, &w, m, &r, shape);
        struct snapshot *whole = NULL;
        assert_int_equal(snapshot_build(source, NULL, &whole), ERR_OK);
        assert_int_equal(whole->chunks_shared, 0);
        expect_model(whole, &w, m, &r, shape);
        snapshot_free(whole);
        snapshot_free(previous);
        previous = next;
        struct snapshot *same = NULL;
        assert_int_equal(snapshot_build(source, previous, &same), ERR_BUSY);
    }
    assert_true(shared > 0);
    snapshot_free(previous);
    snapshot_source_free(source);
    mdb_env_close(w.env);
    free(m);
    scratch_remove(scratch);
}

#define SHAPE_TEST(shape)                         \
    static void test_##shape(void **state)        \
    {                                             \
        (void)state;                              \
        for (uint64_t seed = 1; seed < 3; seed++) \
            run_shape(shape_##shape, seed);       \
    }
SHAPE_TEST(random16)
SHAPE_TEST(sequential8)
SHAPE_TEST(equal_prefix)
SHAPE_TEST(short)
SHAPE_TEST(skewed)
SHAPE_TEST(mixed)

static void test_open_errors(void **state)
{
    (void)state;
    char scratch[SCRATCH_BYTES];
    scratch_make(scratch);
    struct snapshot_source *source = NULL;
    char path[SCRATCH_BYTES + 16];
    snprintf(path, sizeof path, "%s/absent", scratch);
    assert_int_equal(snapshot_source_open(path, MAP_BYTES, &source), ERR_NOT_FOUND);
    assert_null(source);
    struct writer w;
    writer_start(&w, scratch);
    assert_int_equal(snapshot_source_open(scratch, MAP_BYTES, &source), ERR_OK);
    struct position position;
    assert_int_equal(snapshot_source_position(source, &position), ERR_OK);
    assert_int_equal(position.complete, 1);
    snapshot_source_free(source);
    /* A writer that has outgrown the configured size is told about, not followed blindly. */
    struct model *m = calloc(1, sizeof *m);
    struct fixture_random r = fixture_random_of(7);
    change(&w, m, &r, shape_random16, 900, 0);
    assert_int_equal(snapshot_source_open(scratch, 1 << 20, &source), ERR_OK);
    enum err err = snapshot_source_position(source, &position);
    assert_true(err == ERR_RANGE || err == ERR_OK);
    change(&w, m, &r, shape_random16, 900, 0);
    assert_int_equal(snapshot_source_position(source, &position), ERR_RANGE);
    snapshot_source_free(source);
    mdb_env_close(w.env);
    free(m);
    scratch_remove(scratch);
}

static void test_issuer_needs_both_hashes(void **state)
{
    (void)state;
    struct ocsp_template t[3] = {fixture_template(1, 1, CERTID_BOTH, 60),
                                 fixture_template(2, 1, CERTID_BOTH, 60),
                                 fixture_template(2, 9, CERTID_BOTH, 60)};
    struct edge_fixture f;
    edge_fixture_start(&f, t, 3, NULL, 0);
    struct snapshot *s = f.snapshot;
    assert_int_equal(s->issuer_count, 2);
    const struct span name1 = span_of(t[0].name_sha1, 20), key1 = span_of(t[0].key_sha1, 20);
    const struct span name2 = span_of(t[1].name_sha1, 20), key2 = span_of(t[1].key_sha1, 20);
    const struct snapshot_issuer *one = snapshot_issuer_find(s, CERTID_HASH_SHA1, name1, key1);
    const struct snapshot_issuer *two = snapshot_issuer_find(s, CERTID_HASH_SHA1, name2, key2);
    assert_non_null(one);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    assert_null(snapshot_issuer_find(s, CERTID_HASH_SHA1, name1, key2));
    assert_null(snapshot_issuer_find(s, CERTID_HASH_SHA1, name2, key1));
    assert_null(snapshot_issuer_find(s, CERTID_HASH_OTHER, name1, key1));
    assert_null(snapshot_issuer_find(s, CERTID_HASH_SHA256, name1, key1));
    assert_null(snapshot_issuer_find(s, CERTID_HASH_SHA1, SPAN_EMPTY, SPAN_EMPTY));
    assert_non_null(snapshot_template(s, two, 1));
    assert_int_equal(snapshot_template(s, two, 9)->template_no, 9);
    assert_null(snapshot_template(s, two, 5));
    assert_null(snapshot_template(s, one, 9));
    struct statement found;
    assert_false(snapshot_find(s, one, &(struct serial){.size = 1, .octets = {1}}, &found));
    edge_fixture_stop(&f);
}

static struct snapshot *empty_snapshot(void)
{
    return calloc(1, sizeof(struct snapshot));
}

static void test_exchange(void **state)
{
    (void)state;
    struct snapshot_exchange *x = aligned_alloc(64, sizeof *x);
    snapshot_exchange_start(x, 2);
    assert_null(snapshot_take(x, 0));
    struct snapshot *first = empty_snapshot();
    assert_int_equal(snapshot_publish(x, first), ERR_OK);
    assert_ptr_equal(snapshot_take(x, 0), first);
    assert_ptr_equal(snapshot_take(x, 1), first);
    /* Worker 1 is stuck with the first one; worker 0 follows: only one old one is ever held. */
    for (int i = 0; i < 30; i++) {
        struct snapshot *next = empty_snapshot();
        assert_int_equal(snapshot_publish(x, next), ERR_OK);
        assert_ptr_equal(snapshot_take(x, 0), next);
        assert_int_equal(snapshot_reclaim(x), 1);
    }
    snapshot_leave(x, 1);
    assert_int_equal(snapshot_reclaim(x), 0);
    snapshot_exchange_stop(x);
    free(x);
}

static void test_exchange_bound(void **state)
{
    (void)state;
    struct snapshot_exchange *x = aligned_alloc(64, sizeof *x);
    uint32_t workers = SNAPSHOT_RETIRED_MAX + 2;
    snapshot_exchange_start(x, workers);
    /* Each worker gets stuck with another one. */
    uint32_t published = 0;
    for (uint32_t i = 0; i < workers; i++) {
        struct snapshot *next = empty_snapshot();
        if (snapshot_publish(x, next) == ERR_OK)
            published++;
        else
            free(next);
        assert_non_null(snapshot_take(x, i));
    }
    assert_int_equal(published, SNAPSHOT_RETIRED_MAX + 1);
    assert_int_equal(x->refused_count, 1);
    assert_true(snapshot_publish_blocked(x));
    snapshot_leave(x, 0);
    assert_false(snapshot_publish_blocked(x));
    snapshot_exchange_stop(x);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random16),     cmocka_unit_test(test_sequential8),
        cmocka_unit_test(test_equal_prefix), cmocka_unit_test(test_short),
        cmocka_unit_test(test_skewed),       cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_open_errors),  cmocka_unit_test(test_issuer_needs_both_hashes),
        cmocka_unit_test(test_exchange),     cmocka_unit_test(test_exchange_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
