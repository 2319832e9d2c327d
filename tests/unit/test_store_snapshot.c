/* SPDX-License-Identifier: Apache-2.0 */
/* What sync writes, as serve sees it: after every commit of the real store a snapshot that shares
 * chunks with the one before has exactly the blocks, pointer by pointer, of one built from nothing.
 * Fails when a change record misses a key, or when a block moved without being written. */
#include "edge/snapshot.h"
#include "edge/store_apply.h"
#include "edge/store_range.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MAP_BYTES  (UINT64_C(1) << 30)
#define ISSUERS    3
#define BATCH_MAX  30000
#define PACK_BYTES (8u << 20)
#define SIG_BYTES  64

struct world {
    uint64_t random;
    struct store *store;
    struct snapshot_source *source;
    struct snapshot *previous;
    uint64_t shared;
    uint64_t built;
};

static struct serial serials[BATCH_MAX];
static struct statement statements[BATCH_MAX];
static uint8_t signatures[BATCH_MAX][SIG_BYTES];
static uint8_t pack_octets[PACK_BYTES];

static uint8_t random_size(struct world *w)
{
    static const uint8_t sizes[] = {8, 16, 16, 16, 20};
    return sizes[fixture_below(&w->random, sizeof sizes)];
}

/* Ascending statements in `statements`; returns how many. */
static uint32_t make_statements(struct world *w, enum shape shape, uint8_t size, uint32_t count)
{
    uint32_t kept = fixture_serials(&w->random, shape, size, count, serials);
    for (uint32_t i = 0; i < kept; i++) {
        for (unsigned k = 0; k < SIG_BYTES; k++)
            signatures[i][k] = (uint8_t)(1 + fixture_below(&w->random, 255));
        statements[i] =
            (struct statement){.serial = serials[i],
                               .facts = fixture_facts(1, 1700000000 + fixture_below(&w->random, 9),
                                                      fixture_below(&w->random, 3) == 0),
                               .signature = span_of(signatures[i], SIG_BYTES)};
    }
    return kept;
}

static void change_upsert(struct world *w, struct store_txn *txn, uint32_t count)
{
    uint64_t issuer = 1 + fixture_below(&w->random, ISSUERS);
    enum shape shape = (enum shape)fixture_below(&w->random, SHAPE_COUNT);
    count = make_statements(w, shape, random_size(w), 1 + fixture_below(&w->random, count));
    assert_int_equal(store_upsert(txn, issuer, statements, count), ERR_OK);
}

/* (after, until] becomes what a pack has, or empty. */
static void change_range(struct world *w, struct store_txn *txn, bool empty)
{
    uint64_t issuer = 1 + fixture_below(&w->random, ISSUERS);
    uint8_t size = random_size(w);
    uint32_t count = make_statements(w, SHAPE_RANDOM, size, 1 + fixture_below(&w->random, 3000));
    struct pack_info info = {
        .issuer_id = issuer, .kind = PACK_RANGE, .after = serials[0], .until = serials[count - 1]};
    struct ocsp_template t = fixture_template(issuer, 1, SIG_ECDSA_P256_SHA256);
    const struct ocsp_template *templates[] = {&t};
    struct pack_writer *writer = malloc(sizeof *writer);
    struct pack_reader pack;
    size_t pack_size = 0;
    assert_non_null(writer);
    pack_writer_start(writer, &info, templates, 1, pack_octets, sizeof pack_octets);
    for (uint32_t i = 1; i < count; i++)
        if (fixture_below(&w->random, 3) != 0)
            pack_writer_add(writer, &statements[i]);
    assert_int_equal(pack_writer_finish(writer, &info, &pack_size), ERR_OK);
    free(writer);
    assert_int_equal(pack_open(span_of(pack_octets, pack_size), &pack), ERR_OK);
    assert_int_equal(
        store_replace_range(txn, issuer, &info.after, &info.until, empty ? NULL : &pack), ERR_OK);
}

static void commit(struct world *w, bool big)
{
    struct store_txn *txn = NULL;
    struct position position;
    assert_int_equal(store_write(w->store, &txn), ERR_OK);
    uint32_t dice = fixture_below(&w->random, 10);
    if (big)
        change_upsert(w, txn, BATCH_MAX);
    else if (dice < 6)
        change_upsert(w, txn, 5);
    else if (dice < 8)
        change_upsert(w, txn, 3000);
    else
        change_range(w, txn, dice == 9);
    assert_int_equal(store_commit(txn, &position), ERR_OK);
}

/* The blocks of an index one after another: 0, 1, ... until NULL. */
struct walk {
    const struct side_index *index;
    uint32_t group;
    uint32_t chunk;
    uint32_t entry;
};

static const uint8_t *walk_next(struct walk *w)
{
    while (w->group < w->index->group_count) {
        const struct side_group *group = &w->index->groups[w->group];
        if (w->chunk == group->chunk_count) {
            w->group++;
            w->chunk = 0;
            continue;
        }
        const struct side_chunk *chunk = group->chunks[w->chunk];
        if (w->entry < chunk->count)
            return side_entry_block(&chunk->entries[w->entry++]);
        w->chunk++;
        w->entry = 0;
    }
    return NULL;
}

static void expect_same_blocks(const struct snapshot *a, const struct snapshot *b)
{
    struct walk left = {.index = &a->index};
    struct walk right = {.index = &b->index};
    assert_int_equal(a->index.block_count, b->index.block_count);
    for (uint64_t i = 0; i <= a->index.block_count; i++)
        if (walk_next(&left) != walk_next(&right))
            fail_msg("block %llu of %llu", (unsigned long long)i,
                     (unsigned long long)a->index.block_count);
}

static void look(struct world *w)
{
    struct snapshot *next = NULL;
    struct snapshot *whole = NULL;
    assert_int_equal(snapshot_build(w->source, w->previous, &next), ERR_OK);
    assert_int_equal(snapshot_build(w->source, NULL, &whole), ERR_OK);
    expect_same_blocks(next, whole);
    w->shared += next->chunks_shared;
    w->built += next->chunks_built;
    snapshot_free(whole);
    snapshot_free(w->previous);
    w->previous = next;
}

static void run(uint64_t seed)
{
    char path[STORE_FIXTURE_PATH];
    fixture_directory(path);
    struct world w = {.random = seed, .store = fixture_store(path, MAP_BYTES)};
    assert_int_equal(snapshot_source_open(path, MAP_BYTES, &w.source), ERR_OK);
    for (uint32_t turn = 0; turn < 40; turn++) {
        for (uint32_t i = fixture_below(&w.random, 3); i < 3; i++)
            commit(&w, turn < 3);
        look(&w);
    }
    /* Most of what is there is shared, or sharing is not worth having. */
    assert_true(w.shared > w.built);
    snapshot_free(w.previous);
    snapshot_source_free(w.source);
    store_close(w.store);
    fixture_remove(path);
}

static void test_incremental(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed);
}

/* The page size that LMDB takes from a machine, as its meta pages say it. */
static void set_page_size(const char *path, uint32_t page_bytes)
{
    enum { META_PAGE_SIZE_AT = 40, META_BYTES = 4096 };
    uint8_t meta[2][META_BYTES];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pread(fd, meta[i], META_BYTES, i * META_BYTES), META_BYTES);
    assert_int_equal(ftruncate(fd, 2 * (off_t)page_bytes), 0);
    for (unsigned i = 0; i < 2; i++) {
        memcpy(meta[i] + META_PAGE_SIZE_AT, &page_bytes, sizeof page_bytes);
        assert_int_equal(pwrite(fd, meta[i], META_BYTES, i * (off_t)page_bytes), META_BYTES);
    }
    close(fd);
}

/* There blocks would lie on pages with others, and move under the readers' pointers. */
static void test_larger_pages(void **state)
{
    (void)state;
    char path[STORE_FIXTURE_PATH], file[STORE_FIXTURE_PATH + 16];
    MDB_env *env;
    fixture_directory(path);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0640), 0);
    mdb_env_close(env);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    set_page_size(file, 16384);
    struct store *store = NULL;
    struct store_config config = {.path = path, .map_bytes = MAP_BYTES};
    assert_int_equal(store_open(&config, &store), ERR_UNSUPPORTED);
    fixture_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_incremental),
        cmocka_unit_test(test_larger_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
