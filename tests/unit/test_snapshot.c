/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots over real LMDB stores: every serial is found, no other one is, and an incremental
 * snapshot answers like one built from nothing, whatever changed in between. */
#include "tests/unit/snapshot_writer.h"

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
            const struct side_chunk *chunk = group->chunks[i];
            assert_true(chunk->count > 0 && chunk->count <= SIDE_CHUNK_ENTRIES);
            struct serial last;
            block_last_serial(side_entry_block(&chunk->entries[chunk->count - 1]), &last);
            assert_int_equal(serial_compare(&last, &chunk->last), 0);
            if (i > 0)
                assert_true(serial_compare(&group->chunks[i - 1]->last, &last) < 0);
            small += chunk->count < SIDE_CHUNK_SMALL;
        }
        assert_true(small <= group->chunk_count / 2 + 1);
    }
}

/* Every size of serial has its forms; those that the previous snapshot has too are its own. */
static void expect_forms(const struct snapshot *s, const struct snapshot *previous)
{
    for (uint32_t i = 0; i < s->issuer_count; i++) {
        const struct snapshot_issuer *issuer = &s->issuers[i];
        uint32_t place = issuer->template_first;
        for (uint32_t g = 0; g < issuer->group_count; g++) {
            uint8_t size = s->index.groups[issuer->group_first + g].serial_size;
            const struct ocsp_forms *forms = s->forms[place].by_serial_size[size];
            assert_non_null(forms);
            assert_int_equal(forms->serial_size, size);
            const struct ocsp_forms *before =
                previous == NULL ? NULL : previous->forms[place].by_serial_size[size];
            assert_true(before == NULL || before == forms);
            assert_int_equal(forms->share_count, before == NULL ? 1 : 2);
        }
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
        expect_forms(next, previous);
        struct snapshot *whole = NULL;
        assert_int_equal(snapshot_build(source, NULL, &whole), ERR_OK);
        assert_int_equal(whole->chunks_shared, 0);
        expect_model(whole, &w, m, &r, shape);
        expect_forms(whole, NULL);
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

/* Commits that one statement was put in or deleted, and looks at the next snapshot. */
static void change_one(struct writer *w, struct snapshot_source *source, uint32_t number, bool put,
                       struct snapshot **snapshot)
{
    static struct record record;
    struct fixture_random r = fixture_random_of(number);
    struct facts facts = {.reason = REASON_ABSENT, .this_update_s = 1, .next_update_s = 2};
    struct fixture_statement s = fixture_statement(&r, w->templates[0].issuer_id, 4, facts);
    uint32_t octets = htobe32(UINT32_C(0x10000000) + 16 * number);
    memcpy(s.serial.octets, &octets, 4);
    struct serial below = serial_below(&s.serial);
    MDB_txn *txn;
    check_mdb(mdb_txn_begin(w->env, NULL, 0, &txn));
    if (put)
        writer_put(w, txn, &s);
    else
        writer_delete(w, txn, &s);
    record = (struct record){.size = 2, .count = 1};
    record_key(&record, s.issuer_id, &below);
    record_key(&record, s.issuer_id, &s.serial);
    writer_commit(w, txn, &record);
    struct snapshot *next = NULL;
    assert_int_equal(snapshot_build(source, *snapshot, &next), ERR_OK);
    assert_true(next->chunks_built <= 2);
    snapshot_free(*snapshot);
    *snapshot = next;
}

/* One statement at a time: chunks fill and join, they do not crumble. */
static void test_no_crumbs(void **state)
{
    (void)state;
    char scratch[SCRATCH_BYTES];
    scratch_make(scratch);
    struct writer w;
    writer_start(&w, scratch);
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_source_open(scratch, MAP_BYTES, &source), ERR_OK);
    struct snapshot *snapshot = NULL;
    for (uint32_t i = 1; i <= 700; i++) {
        change_one(&w, source, i, true, &snapshot);
        assert_int_equal(snapshot->index.block_count, i);
        assert_true(snapshot->index.groups[0].chunk_count <= 1 + i / 64);
    }
    for (uint32_t i = 1; i <= 700; i++)
        if (i % 20 != 0)
            change_one(&w, source, i, false, &snapshot);
    assert_int_equal(snapshot->index.block_count, 35);
    assert_true(snapshot->index.groups[0].chunk_count <= 2);
    snapshot_free(snapshot);
    snapshot_source_free(source);
    mdb_env_close(w.env);
    scratch_remove(scratch);
}

/* A change record that cannot be trusted costs a full walk. */
static void test_change_records(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        size_t size;
        bool shares;
    } rows[] = {
        {"\0\0", 2, true},   {"\0\1\1\0\1\0", 6, true}, {"\xff\xff", 2, false},
        {"\0", 1, false},    {"\0\1\1\0\1", 5, false},  {"\0\1\1\0", 4, false},
        {"\0\0x", 3, false}, {"\0\1\2a", 4, false},     {"\0\1\x2a", 3, false},
        {NULL, 0, false},
    };
    char scratch[SCRATCH_BYTES];
    scratch_make(scratch);
    struct writer w;
    writer_start(&w, scratch);
    struct model *m = calloc(1, sizeof *m);
    struct fixture_random r = fixture_random_of(6);
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_source_open(scratch, MAP_BYTES, &source), ERR_OK);
    change(&w, m, &r, shape_random16, 600, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct snapshot *first = NULL;
        struct snapshot *second = NULL;
        assert_int_equal(snapshot_build(source, NULL, &first), ERR_OK);
        MDB_txn *txn;
        check_mdb(mdb_txn_begin(w.env, NULL, 0, &txn));
        uint64_t number = htobe64(++w.position.commit);
        MDB_val k = {.mv_size = 8, .mv_data = &number};
        MDB_val v = {.mv_size = rows[i].size, .mv_data = (void *)(uintptr_t)rows[i].octets};
        if (rows[i].octets != NULL)
            check_mdb(mdb_put(txn, w.dbs[SNAPSHOT_DB_CHANGE], &k, &v, 0));
        writer_position(&w, txn);
        check_mdb(mdb_txn_commit(txn));
        assert_int_equal(snapshot_build(source, first, &second), ERR_OK);
        if ((second->chunks_shared > 0) != rows[i].shares)
            fail_msg("row %zu shares %u", i, second->chunks_shared);
        assert_int_equal(second->index.block_count, 600);
        snapshot_free(first);
        snapshot_free(second);
    }
    snapshot_source_free(source);
    mdb_env_close(w.env);
    free(m);
    scratch_remove(scratch);
}

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
    uint32_t place = 0;
    assert_true(snapshot_template_place(s, two, 1, &place));
    assert_true(snapshot_template_place(s, two, 9, &place));
    assert_int_equal(s->templates[place]->template_no, 9);
    assert_false(snapshot_template_place(s, two, 5, &place));
    assert_false(snapshot_template_place(s, one, 9, &place));
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
        cmocka_unit_test(test_no_crumbs),    cmocka_unit_test(test_change_records),
        cmocka_unit_test(test_open_errors),  cmocka_unit_test(test_issuer_needs_both_hashes),
        cmocka_unit_test(test_exchange),     cmocka_unit_test(test_exchange_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
