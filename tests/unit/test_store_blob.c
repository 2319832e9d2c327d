/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs and paths in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/store_blob.h"
#include "store_fixture.h"

#define MAP_BYTES (256u << 20)
#define NOW_S     1764000000u

static char folder[STORE_FIXTURE_PATH];
static struct store *store;

static int setup(void **state)
{
    (void)state;
    fixture_directory(folder);
    store = fixture_store(folder, MAP_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store = store_close(store);
    fixture_remove(folder);
    return 0;
}

static struct span blob_of(uint8_t fill, size_t size, uint8_t *out)
{
    memset(out, fill, size);
    return span_of(out, size);
}

static struct blob_path path_of(const char *path, struct span blob)
{
    return (struct blob_path){.path = span_text(path),
                              .blob = sha256_of(blob),
                              .blob_bytes = blob.size,
                              .media_type = span_text("application/pkix-crl"),
                              .modified_s = NOW_S,
                              .next_s = NOW_S + 10,
                              .expires_s = NOW_S + 20};
}

/* Puts blob and path in one transaction of its own. */
static void serve_at(const char *path, struct span blob, uint64_t now_s)
{
    struct store_txn *txn;
    struct blob_path p = path_of(path, blob);
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_blob(txn, &p.blob, blob, now_s), ERR_OK);
    assert_int_equal(store_put_path(txn, &p, now_s), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static uint64_t collect(uint64_t now_s)
{
    struct store_txn *txn;
    uint64_t removed = 0;
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_collect_blobs(txn, now_s, &removed), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
    return removed;
}

/* What is served at the path; an empty span: nothing. */
static void assert_served(const char *path, struct span expected)
{
    struct store_txn *txn;
    struct blob_path p;
    struct span octets;
    assert_int_equal(store_read(store, &txn), ERR_OK);
    if (expected.size == 0) {
        assert_int_equal(store_get_path(txn, span_text(path), &p), ERR_NOT_FOUND);
    } else {
        assert_int_equal(store_get_path(txn, span_text(path), &p), ERR_OK);
        assert_int_equal(store_get_blob(txn, &p.blob, p.blob_bytes, &octets), ERR_OK);
        assert_true(span_equal(octets, expected));
    }
    store_abort(txn);
}

static bool has_blob(struct span blob)
{
    struct store_txn *txn;
    struct sha256 hash = sha256_of(blob);
    assert_int_equal(store_read(store, &txn), ERR_OK);
    enum err err = store_has_blob(txn, &hash, blob.size);
    store_abort(txn);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static void replaced_and_collected(void **state)
{
    (void)state;
    static uint8_t one[5];
    static uint8_t two[3 << 20];
    struct span small = blob_of(1, sizeof one, one);
    struct span large = blob_of(2, sizeof two, two);
    serve_at("/a.crl", small, NOW_S);
    assert_served("/a.crl", small);
    serve_at("/a.crl", large, NOW_S + 1);
    assert_served("/a.crl", large);
    assert_int_equal(collect(NOW_S + STORE_BLOB_KEEP_S), 0);
    assert_true(has_blob(small));
    assert_int_equal(collect(NOW_S + 1 + STORE_BLOB_KEEP_S), 1);
    assert_false(has_blob(small));
    assert_served("/a.crl", large);
    assert_int_equal(collect(NOW_S + 10 * STORE_BLOB_KEEP_S), 0);
}

static void one_blob_at_two_paths(void **state)
{
    (void)state;
    static uint8_t octets[5000];
    struct span blob = blob_of(3, sizeof octets, octets);
    serve_at("/a", blob, NOW_S);
    serve_at("/b", blob, NOW_S);
    serve_at("/a", blob, NOW_S + 5); /* the same again */
    struct store_txn *txn;
    struct blob_path gone = {.path = span_text("/a")};
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_path(txn, &gone, NOW_S + 6), ERR_OK);
    assert_int_equal(store_put_path(txn, &gone, NOW_S + 6), ERR_OK); /* is gone already */
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
    assert_served("/a", SPAN_EMPTY);
    assert_int_equal(collect(NOW_S + 7 + STORE_BLOB_KEEP_S), 0);
    assert_served("/b", blob);
    gone.path = span_text("/b");
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_path(txn, &gone, NOW_S + 8), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
    assert_int_equal(collect(NOW_S), 0); /* the clock was put back */
    assert_int_equal(collect(NOW_S + 8 + STORE_BLOB_KEEP_S), 1);
    assert_false(has_blob(blob));
}

static void refused(void **state)
{
    (void)state;
    static uint8_t octets[100];
    struct span blob = blob_of(4, sizeof octets, octets);
    struct blob_path p = path_of("/a", blob);
    struct store_txn *txn;
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_path(txn, &p, NOW_S), ERR_NOT_FOUND);
    assert_int_equal(store_put_blob(txn, &p.blob, SPAN_EMPTY, NOW_S), ERR_LIMIT);
    assert_int_equal(store_put_blob(txn, &p.blob, blob, NOW_S), ERR_OK);
    p.path = span_text("a");
    assert_int_equal(store_put_path(txn, &p, NOW_S), ERR_MALFORMED);
    p.path = span_text("/a");
    p.blob_bytes = 3000;
    assert_int_equal(store_put_path(txn, &p, NOW_S), ERR_CONFLICT);
    store_abort(txn);
    assert_served("/a", SPAN_EMPTY);
    assert_false(has_blob(blob));
}

static bool keep_even(void *context, struct span path)
{
    (void)context;
    return (path.data[path.size - 1] - '0') % 2 == 0;
}

/* Those that an index does not have go; a change is recorded when there was one. */
static void dropped(void **state)
{
    (void)state;
    static uint8_t octets[3000];
    char name[] = "/n/0";
    for (char i = '0'; i <= '9'; i++) {
        name[3] = i;
        serve_at(name, blob_of((uint8_t)i, sizeof octets, octets), NOW_S);
    }
    struct store_txn *txn;
    struct position before;
    struct position after;
    assert_int_equal(store_position_read(store, &before), ERR_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_write(store, &txn), ERR_OK);
        assert_int_equal(store_drop_paths(txn, keep_even, NULL, NOW_S), ERR_OK);
        assert_int_equal(store_commit(txn, &after), ERR_OK);
        assert_int_equal(after.commit, before.commit + 1);
    }
    for (char i = '0'; i <= '9'; i++) {
        name[3] = i;
        struct span blob = blob_of((uint8_t)i, sizeof octets, octets);
        assert_served(name, i % 2 == 0 ? blob : SPAN_EMPTY);
    }
    assert_int_equal(collect(NOW_S + STORE_BLOB_KEEP_S), 5);
}

/* The octets stay in their place while other blobs come and go: serve sends from the map. */
static void blobs_do_not_move(void **state)
{
    (void)state;
    static uint8_t octets[70000];
    static uint8_t kept[10];
    struct store_txn *reader;
    struct span first;
    struct span now;
    struct span blob = blob_of(9, sizeof kept, kept);
    struct sha256 hash = sha256_of(blob);
    serve_at("/kept", blob, NOW_S);
    assert_int_equal(store_read(store, &reader), ERR_OK);
    assert_int_equal(store_get_blob(reader, &hash, blob.size, &first), ERR_OK);
    store_abort(reader);
    for (unsigned i = 0; i < 200; i++) {
        size_t size = 1 + i * 997 % sizeof octets;
        serve_at("/other", blob_of((uint8_t)i, size, octets), NOW_S + i * 100);
        collect(NOW_S + i * 100);
        assert_int_equal(store_read(store, &reader), ERR_OK);
        assert_int_equal(store_get_blob(reader, &hash, blob.size, &now), ERR_OK);
        assert_ptr_equal(now.data, first.data);
        assert_true(span_equal(now, blob));
        store_abort(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replaced_and_collected, setup, teardown),
        cmocka_unit_test_setup_teardown(one_blob_at_two_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(blobs_do_not_move, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
