/* SPDX-License-Identifier: Apache-2.0 */
/* When the relay's copy may say by a head that it is whole, and when it begins again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/store_relay.h"
#include "edge/sync_relay.h"
#include "store_fixture.h"

#define MAP_BYTES (64u << 20)
#define NOW_S     UINT64_C(1764000000)

static char folder[STORE_FIXTURE_PATH];
static struct store *store;
static struct store_txn *txn;
static struct sync_core core;
static uint64_t counters[SYNC_COUNTER_COUNT];

static int setup(void **state)
{
    (void)state;
    fixture_directory(folder);
    store = fixture_store(folder, MAP_BYTES);
    core = (struct sync_core){.head_taken = true, .head = {.log_first = 1}};
    core.head_octets = span_text("head");
    return store_write(store, &txn) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store_abort(txn);
    store = store_close(store);
    fixture_remove(folder);
    return 0;
}

static struct sha256 hash_of(uint64_t number)
{
    return sha256_of(span_of(&number, sizeof number));
}

/* The store applies an entry, and the copy gets it or not. */
static void apply(uint64_t number, bool keep)
{
    struct sha256 hash = hash_of(number);
    store_position(txn)->log_number = number;
    store_position(txn)->log_hash = hash;
    if (keep)
        assert_int_equal(store_relay_append(txn, number, &hash, span_of(&number, sizeof number)),
                         ERR_OK);
}

static void become_whole(uint64_t index_log)
{
    static const struct relay_set nothing;
    struct relay_whole whole = {.index_log = index_log};
    assert_int_equal(store_relay_set_whole(txn, &whole, &nothing, NOW_S), ERR_OK);
}

/* Whether there is a head for others, after the one of entry `last` was taken. */
static bool head_of(uint64_t last)
{
    uint64_t put = 0;
    struct relay_copy copy;
    const struct relay_name name = relay_name_head();
    core.head.log_last = last;
    core.head.log_hash = hash_of(last);
    assert_int_equal(sync_relay_keep_head(txn, &core, &put), ERR_OK);
    bool there = store_relay_get(txn, &name, &copy) == ERR_OK;
    assert_int_equal(put, there ? last : 0);
    return there;
}

static void test_a_head_of_what_is_there(void **state)
{
    (void)state;
    apply(3, false);
    assert_false(head_of(3));
    become_whole(3);
    assert_true(head_of(3));
    apply(4, true);
    apply(5, true);
    assert_true(head_of(5));
    assert_true(head_of(4)); /* late */
}

/* Entries were applied while nothing was kept, and the copy of before was not removed yet. */
static void test_no_head_over_a_gap(void **state)
{
    (void)state;
    struct relay_whole whole;
    for (unsigned with_log = 0; with_log < 2; with_log++) {
        apply(3, false);
        become_whole(3);
        if (with_log)
            apply(4, true);
        assert_true(head_of(3 + with_log));
        apply(7, false);
        assert_false(head_of(7));
        assert_int_equal(store_relay_whole(txn, &whole), ERR_NOT_FOUND); /* it is filled anew */
    }
}

static void test_begins_again_whatever_the_clock_does(void **state)
{
    (void)state;
    static const struct {
        int64_t later_s;
        bool on;
    } rows[] = {
        {0, false}, {SYNC_RELAY_AGAIN_S - 1, false}, {SYNC_RELAY_AGAIN_S, true}, {-1, true}};
    store_abort(txn);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sync_relay relay;
        sync_relay_start(&relay, true);
        sync_relay_give_up(&relay, store, NOW_S, counters);
        assert_false(relay.on);
        uint64_t now_s = NOW_S + (uint64_t)rows[i].later_s;
        assert_int_equal(sync_relay_tidy(&relay, store, now_s), ERR_OK);
        assert_int_equal(relay.on, rows[i].on);
    }
    assert_int_equal(store_write(store, &txn), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_head_of_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_head_over_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_begins_again_whatever_the_clock_does, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
