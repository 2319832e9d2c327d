/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's copy in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/answer_file.h"
#include "edge/store_relay.h"
#include "store_fixture.h"

#define MAP_BYTES (64u << 20)
#define NOW_S     UINT64_C(1764000000)

static char folder[STORE_FIXTURE_PATH];
static struct store *store;
static struct store_txn *txn;

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

static void begin(void)
{
    assert_int_equal(store_write(store, &txn), ERR_OK);
}

/* Commits; whether the next snapshot is another one. */
static bool commit(void)
{
    struct position before, after;
    assert_int_equal(store_position_read(store, &before), ERR_OK);
    assert_int_equal(store_commit(txn, &after), ERR_OK);
    return after.commit != before.commit;
}

static struct span content(uint8_t fill, size_t size)
{
    static uint8_t octets[70000];
    assert_true(size <= sizeof octets);
    memset(octets, fill, size);
    return span_of(octets, size);
}

static struct relay_name put(enum relay_kind kind, struct span octets)
{
    struct sha256 hash = sha256_of(octets);
    struct relay_name name = relay_name_of(kind, &hash);
    assert_int_equal(store_relay_put(txn, &name, &hash, octets), ERR_OK);
    return name;
}

static bool has(const struct relay_name *name)
{
    struct relay_copy copy;
    struct store_txn *reader;
    assert_int_equal(store_read(store, &reader), ERR_OK);
    enum err err = store_relay_get(reader, name, &copy);
    if (err == ERR_OK) {
        struct sha256 hash = sha256_of(copy.octets);
        assert_true(sha256_equal(&hash, &copy.hash));
    }
    store_abort(reader);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static void append(uint64_t number)
{
    struct span octets = content((uint8_t)number, 100 + 50 * (size_t)number);
    struct sha256 hash = sha256_of(octets);
    assert_int_equal(store_relay_append(txn, number, &hash, octets), ERR_OK);
}

static void expect_log(uint64_t first, uint64_t last)
{
    uint64_t a = 0, b = 0;
    enum err err = store_relay_log(txn, &a, &b);
    assert_int_equal(err, last == 0 ? ERR_NOT_FOUND : ERR_OK);
    assert_int_equal(a, first);
    assert_int_equal(b, last);
}

static bool is_whole(void)
{
    struct relay_whole whole;
    enum err err = store_relay_whole(txn, &whole);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static void make_whole(uint64_t index_log, const struct relay_set *needed, uint64_t now_s)
{
    static const struct relay_set nothing;
    struct relay_whole whole = {.index_log = index_log, .index_hash = {{7}}}, read;
    assert_int_equal(store_relay_set_whole(txn, &whole, needed ? needed : &nothing, now_s), ERR_OK);
    assert_int_equal(store_relay_whole(txn, &read), ERR_OK);
    assert_int_equal(read.index_log, index_log);
    assert_true(sha256_equal(&read.index_hash, &whole.index_hash));
}

static const struct relay_name head = {.kind = RELAY_HEAD};

static void test_head(void **state)
{
    (void)state;
    begin();
    assert_int_equal(store_relay_put_head(txn, content(1, 500)), ERR_OK);
    assert_true(commit());
    assert_true(has(&head));
    begin();
    assert_int_equal(store_relay_put_head(txn, content(1, 500)), ERR_OK);
    assert_false(commit()); /* the same */
    begin();
    assert_int_equal(store_relay_put_head(txn, content(2, 300)), ERR_OK);
    assert_true(commit());
    begin();
    make_whole(3, NULL, NOW_S);
    assert_false(commit()); /* nothing that is served has changed */
    begin();
    assert_int_equal(store_relay_break(txn), ERR_OK);
    assert_false(is_whole());
    assert_true(commit());
    assert_false(has(&head));
    begin();
    assert_int_equal(store_relay_break(txn), ERR_OK);
    assert_false(commit());
}

static void test_log(void **state)
{
    (void)state;
    begin();
    expect_log(0, 0);
    put(RELAY_INDEX, content(9, 10)); /* keys on both sides */
    assert_int_equal(store_relay_put_head(txn, content(2, 300)), ERR_OK);
    expect_log(0, 0);
    make_whole(9, NULL, NOW_S);
    append(10); /* right behind the index */
    assert_true(is_whole());
    append(11);
    append(12);
    expect_log(10, 12);
    struct span octets = content(9, 99);
    struct sha256 hash = sha256_of(octets);
    struct relay_name nine = relay_name_log(9);
    assert_int_equal(store_relay_put(txn, &nine, &hash, octets), ERR_OK); /* before the first */
    expect_log(9, 12);
    assert_true(is_whole());
    append(14); /* a gap */
    expect_log(14, 14);
    assert_false(is_whole());
    commit();
    assert_false(has(&head));
    begin();
    for (uint64_t number = 15; number <= 300; number++)
        append(number);
    expect_log(14, 300);
    assert_int_equal(store_relay_trim(txn, 10), ERR_OK);
    expect_log(14, 300);
    assert_int_equal(store_relay_trim(txn, 200), ERR_OK);
    expect_log(200, 300);
    assert_int_equal(store_relay_trim(txn, 1000), ERR_OK);
    expect_log(0, 0);
    commit();
}

/* An index that leads elsewhere takes the log with it; one that leads to its end does not. */
static void test_jump(void **state)
{
    (void)state;
    begin();
    append(1);
    append(2);
    make_whole(0, NULL, NOW_S);
    struct span octets = content(2, 200);
    struct sha256 hash = sha256_of(octets);
    assert_int_equal(store_relay_jump(txn, 2, &hash), ERR_OK);
    assert_false(is_whole());
    expect_log(1, 2);
    hash.octets[0] ^= 1;
    assert_int_equal(store_relay_jump(txn, 2, &hash), ERR_OK); /* another past */
    expect_log(0, 0);
    append(1);
    append(2);
    hash.octets[0] ^= 1;
    assert_int_equal(store_relay_jump(txn, 3, &hash), ERR_OK);
    expect_log(0, 0);
    assert_int_equal(store_relay_jump(txn, 3, &hash), ERR_OK);
    commit();
}

static uint64_t collect(uint64_t now_s, bool changes)
{
    uint64_t removed = 77;
    begin();
    assert_int_equal(store_relay_collect(txn, now_s, &removed), ERR_OK);
    assert_int_equal(commit(), changes);
    return removed;
}

static void test_collect(void **state)
{
    (void)state;
    struct relay_set needed = {0};
    begin();
    append(1);
    assert_int_equal(store_relay_put_head(txn, content(2, 300)), ERR_OK);
    struct relay_name a = put(RELAY_PACK, content(1, 60000));
    struct relay_name b = put(RELAY_BLOB, content(2, 10));
    struct relay_name c = put(RELAY_INDEX, content(3, 3000));
    assert_int_equal(relay_set_add(&needed, &a), ERR_OK);
    relay_set_sort(&needed);
    make_whole(0, &needed, NOW_S);
    commit();
    assert_int_equal(collect(NOW_S + STORE_RELAY_KEEP_S - 1, false), 0);
    assert_int_equal(collect(NOW_S - 9, false), 0); /* the clock was put back */
    begin();
    make_whole(0, &needed, NOW_S + 100); /* the first time counts */
    put(RELAY_BLOB, content(2, 10));     /* is needed again */
    commit();
    assert_int_equal(collect(NOW_S + STORE_RELAY_KEEP_S, true), 1);
    assert_true(has(&a) && has(&b));
    assert_false(has(&c));
    begin();
    make_whole(0, &needed, NOW_S + 200);
    commit();
    assert_int_equal(relay_set_add(&needed, &b), ERR_OK);
    relay_set_sort(&needed);
    begin();
    make_whole(0, &needed, NOW_S + 300); /* so is this, by the set */
    commit();
    assert_int_equal(collect(NOW_S + 10 * STORE_RELAY_KEEP_S, false), 0);
    begin();
    expect_log(1, 1);
    commit();
    assert_true(has(&a) && has(&b) && has(&head));
    relay_set_done(&needed);
}

static void test_clear(void **state)
{
    (void)state;
    static const struct relay_set nothing;
    bool empty = false;
    begin();
    assert_int_equal(store_relay_empty(txn, &empty), ERR_OK);
    assert_true(empty);
    append(1);
    put(RELAY_PACK, content(1, 60000));
    assert_int_equal(store_relay_put_head(txn, content(2, 300)), ERR_OK);
    make_whole(0, &nothing, NOW_S);
    commit();
    begin();
    assert_int_equal(store_relay_empty(txn, &empty), ERR_OK);
    assert_false(empty);
    assert_int_equal(store_relay_clear(txn), ERR_OK);
    assert_false(is_whole());
    assert_int_equal(store_relay_empty(txn, &empty), ERR_OK);
    assert_true(empty);
    assert_true(commit());
    assert_false(has(&head));
}

/* What serve sends from the map stays in its place while other files come and go. */
static void test_places(void **state)
{
    (void)state;
    static uint8_t octets[ANSWER_FILE_COPY_MAX + 1];
    struct relay_copy first, now;
    begin();
    struct relay_name name = put(RELAY_PACK, span_of(octets, sizeof octets));
    commit();
    assert_int_equal(store_read(store, &txn), ERR_OK);
    assert_int_equal(store_relay_get(txn, &name, &first), ERR_OK);
    store_abort(txn);
    for (uint64_t i = 1; i < 100; i++) {
        begin();
        append(i);
        put(RELAY_PACK, content((uint8_t)i, 1 + i * 571 % 60000));
        assert_int_equal(store_relay_put_head(txn, content((uint8_t)i, 300)), ERR_OK);
        make_whole(0, NULL, NOW_S + 40 * i);
        commit();
        begin();
        put(RELAY_PACK, span_of(octets, sizeof octets)); /* needed */
        uint64_t removed;
        assert_int_equal(store_relay_collect(txn, NOW_S + 100 * i, &removed), ERR_OK);
        commit();
        assert_int_equal(store_read(store, &txn), ERR_OK);
        assert_int_equal(store_relay_get(txn, &name, &now), ERR_OK);
        assert_ptr_equal(now.octets.data, first.octets.data);
        store_abort(txn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_jump, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
