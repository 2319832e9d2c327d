/* SPDX-License-Identifier: Apache-2.0 */
/* The path tables of snapshots of a real store: made, shared, made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/snapshot.h"
#include "edge/store_blob.h"
#include "store_fixture.h"

#define MAP_BYTES (256u << 20)
#define NOW_S     1764000000u

static struct store *store;
static struct snapshot_source *source;

static void serve_at(const char *path, struct span blob)
{
    struct store_txn *txn;
    struct blob_path p = {.path = span_text(path),
                          .blob = sha256_of(blob),
                          .blob_bytes = blob.size,
                          .media_type = span_text("application/pkix-crl"),
                          .modified_s = NOW_S};
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_blob(txn, &p.blob, blob, NOW_S), ERR_OK);
    assert_int_equal(store_put_path(txn, &p, NOW_S), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static void collect(void)
{
    struct store_txn *txn;
    uint64_t removed;
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_collect_blobs(txn, NOW_S + STORE_BLOB_KEEP_S, &removed), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

static void put_template(uint16_t number)
{
    struct store_txn *txn;
    struct ocsp_template t = fixture_template(1, number, SIG_ECDSA_P256_SHA256);
    assert_int_equal(store_write(store, &txn), ERR_OK);
    assert_int_equal(store_put_template(txn, &t), ERR_OK);
    assert_int_equal(store_commit(txn, NULL), ERR_OK);
}

/* The next snapshot; the one before is freed, as when no worker holds it. */
static struct snapshot *next(struct snapshot *previous, bool shares)
{
    struct snapshot *s;
    assert_int_equal(snapshot_build(source, previous, &s), ERR_OK);
    assert_int_equal(previous != NULL && s->paths == previous->paths, shares);
    snapshot_free(previous);
    return s;
}

static const uint8_t *blob_place(const struct snapshot *s, struct span blob)
{
    struct sha256 hash = sha256_of(blob);
    return path_table_blob(s->paths, hash.octets);
}

static void test_tables(void **state)
{
    (void)state;
    static uint8_t octets[3][50000];
    struct span first = span_of(octets[0], 10);
    struct span second = span_of(octets[1], sizeof octets[1]);
    memset(octets[0], 1, sizeof octets[0]);
    memset(octets[1], 2, sizeof octets[1]);
    put_template(1);
    struct snapshot *s = next(NULL, false);
    assert_null(s->paths);
    serve_at("/a.crl", first);
    s = next(s, false);
    const struct path_file *file = path_table_find(s->paths, span_text("/a.crl"));
    assert_non_null(file);
    assert_true(span_equal(span_of(file->octets, file->about.blob_bytes), first));
    const uint8_t *place = file->octets;
    put_template(2);
    s = next(s, true);
    serve_at("/a.crl", second);
    s = next(s, false);
    file = path_table_find(s->paths, span_text("/a.crl"));
    assert_true(span_equal(span_of(file->octets, file->about.blob_bytes), second));
    assert_ptr_equal(blob_place(s, first), place); /* a transfer goes on */
    collect();
    s = next(s, false);
    assert_null(blob_place(s, first));
    assert_non_null(blob_place(s, second));
    assert_int_equal(path_table_file_count(s->paths), 1);
    snapshot_free(s);
}

int main(void)
{
    char folder[STORE_FIXTURE_PATH];
    fixture_directory(folder);
    store = fixture_store(folder, MAP_BYTES);
    CHECK(snapshot_source_open(folder, MAP_BYTES, &source) == ERR_OK);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snapshot_source_free(source);
    store_close(store);
    fixture_remove(folder);
    return failed;
}
