/* SPDX-License-Identifier: Apache-2.0 */
/* Names of relayed files: every path form, every other way to write one, keys in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/relay_name.h"
#include "edge/relay_set.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct {
    const char *path;
    enum relay_kind kind; /* 0: names nothing */
    uint64_t number;
} rows[] = {
    {"/head", RELAY_HEAD, 0},
    {"/log/1", RELAY_LOG, 1},
    {"/log/18446744073709551615", RELAY_LOG, UINT64_MAX},
    {"/index/" HASH, RELAY_INDEX, 0},
    {"/pack/" HASH, RELAY_PACK, 0},
    {"/blob/" HASH, RELAY_BLOB, 0},
    {"", 0, 0},
    {"/", 0, 0},
    {"head", 0, 0},
    {"/head/", 0, 0},
    {"/head?", 0, 0},
    {"/Head", 0, 0},
    {"/log", 0, 0},
    {"/log/", 0, 0},
    {"/log/0", 0, 0},
    {"/log/01", 0, 0},
    {"/log/+1", 0, 0},
    {"/log/1/", 0, 0},
    {"/log/18446744073709551616", 0, 0},
    {"/log/" HASH, 0, 0},
    {"//log/1", 0, 0},
    {"/pack/", 0, 0},
    {"/pack/1", 0, 0},
    {"/pack/" HASH "0", 0, 0},
    {"/pack/0011223344556677889", 0, 0},
    {"/pack/00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff", 0, 0},
    {"/pack/" HASH "?x", 0, 0},
    {"/packs/" HASH, 0, 0},
    {"/pack//" HASH, 0, 0},
};

static void test_paths(void **state)
{
    (void)state;
    struct sha256 hash;
    assert_int_equal(sha256_from_text(span_text(HASH), &hash), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct relay_name name = {.number = 77};
        enum err err = relay_name_read(span_text(rows[i].path), &name);
        if ((err == ERR_OK) != (rows[i].kind != 0))
            fail_msg("%s: %s", rows[i].path, err_text(err));
        if (rows[i].kind == 0) {
            assert_int_equal(err, ERR_NOT_FOUND);
            assert_int_equal(name.number, 77);
            continue;
        }
        assert_int_equal(name.kind, rows[i].kind);
        assert_int_equal(name.number, rows[i].number);
        if (name.kind >= RELAY_INDEX)
            assert_true(sha256_equal(&name.hash, &hash));
    }
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t before[RELAY_KEY_BYTES_MAX], key[RELAY_KEY_BYTES_MAX];
    size_t before_size = 0;
    const struct sha256 hash = {{1}};
    const struct relay_name names[] = {
        relay_name_head(),
        relay_name_log(1),
        relay_name_log(255),
        relay_name_log(256),
        relay_name_log(UINT64_MAX),
        relay_name_of(RELAY_INDEX, &hash),
        relay_name_of(RELAY_PACK, &hash),
        relay_name_of(RELAY_BLOB, &hash),
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct relay_name again;
        size_t size = relay_key_write(&names[i], key);
        assert_int_equal(size, relay_key_size(key[0]));
        assert_true(span_compare(span_of(before, before_size), span_of(key, size)) < 0);
        assert_int_equal(relay_key_read(span_of(key, size), &again), ERR_OK);
        assert_int_equal(again.kind, names[i].kind);
        assert_int_equal(again.number, names[i].number);
        assert_true(sha256_equal(&again.hash, &names[i].hash));
        assert_int_equal(relay_key_read(span_of(key, size - 1), &again), ERR_MALFORMED);
        memcpy(before, key, before_size = size);
    }
    struct relay_name name;
    static const uint8_t none[] = {0}, six[33] = {6};
    assert_int_equal(relay_key_read(SPAN_EMPTY, &name), ERR_MALFORMED);
    assert_int_equal(relay_key_read(span_of(none, sizeof none), &name), ERR_MALFORMED);
    assert_int_equal(relay_key_read(span_of(six, sizeof six), &name), ERR_MALFORMED);
}

static struct relay_name pack_of(uint32_t number)
{
    struct sha256 hash = sha256_of(span_of(&number, sizeof number));
    return relay_name_of(RELAY_PACK, &hash);
}

static void test_set(void **state)
{
    (void)state;
    struct relay_set set = {0};
    uint8_t key[RELAY_KEY_BYTES_MAX];
    struct relay_name name = pack_of(0);
    size_t size = relay_key_write(&name, key);
    assert_false(relay_set_has(&set, span_of(key, size)));
    for (uint32_t i = 0; i < 5000; i += 2) {
        name = pack_of(i);
        assert_int_equal(relay_set_add(&set, &name), ERR_OK);
        if (i % 10 == 0)
            assert_int_equal(relay_set_add(&set, &name), ERR_OK); /* twice */
    }
    relay_set_sort(&set);
    for (uint32_t i = 0; i < 5000; i++) {
        name = pack_of(i);
        size = relay_key_write(&name, key);
        assert_int_equal(relay_set_has(&set, span_of(key, size)), i % 2 == 0);
        key[0] = RELAY_BLOB;
        assert_false(relay_set_has(&set, span_of(key, size)));
    }
    key[0] = RELAY_LOG;
    assert_false(relay_set_has(&set, span_of(key, 9)));
    relay_set_done(&set);
    assert_int_equal(set.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
