/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/head.h"

static struct publish_key *key;

/* The example of the documentation of golang.org/x/mod/sumdb/note. */
#define GO_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define GO_TEXT                                                  \
    "If you think cryptography is the answer to your problem,\n" \
    "then you don't know what your problem is.\n"
#define GO_SIGNATURE             \
    "\xe2\x80\x94 PeterNeumann " \
    "x08go/ZJkuBS9UG/"           \
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
#define OTHER_SIGNATURE "\xe2\x80\x94 somebody.else x08go/ZJkuBS\n"
/* Same name, another key id and a longer signature than ours. */
#define OTHER_KEY_SIGNATURE                                                                        \
    "\xe2\x80\x94 PeterNeumann "                                                                   \
    "AAAAA/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=" \
    "\n"

static void foreign_notes(void **state)
{
    (void)state;
    static const struct {
        const char *note;
        enum err want;
    } rows[] = {
        {GO_TEXT "\n" GO_SIGNATURE, ERR_OK},
        {GO_TEXT "\n" OTHER_SIGNATURE GO_SIGNATURE OTHER_KEY_SIGNATURE, ERR_OK},
        {GO_TEXT "\n" GO_SIGNATURE GO_SIGNATURE, ERR_OK},
        {GO_TEXT "\n" OTHER_SIGNATURE, ERR_KEY},
        {GO_TEXT "\n" OTHER_KEY_SIGNATURE, ERR_KEY},
        {GO_TEXT GO_SIGNATURE, ERR_MALFORMED},
        {GO_TEXT "\n", ERR_MALFORMED},
        {GO_TEXT, ERR_MALFORMED},
        {"", ERR_MALFORMED},
        {"\n", ERR_MALFORMED},
        {"\n\n", ERR_MALFORMED},
        {"\n\n" GO_SIGNATURE, ERR_SIGNATURE},
        {GO_TEXT "more\n\n" GO_SIGNATURE, ERR_SIGNATURE},
        {GO_TEXT "\n" GO_TEXT "\n" GO_SIGNATURE, ERR_SIGNATURE},
        {"If\ryou\n\n" GO_SIGNATURE, ERR_MALFORMED},
        {GO_TEXT "\nnonsense\n" GO_SIGNATURE, ERR_MALFORMED},
        {GO_TEXT "\n" GO_SIGNATURE "nonsense\n", ERR_MALFORMED},
        {GO_TEXT "\n\xe2\x80\x94 PeterNeumann x08go/ZJkuBS\n", ERR_MALFORMED},
        {GO_TEXT "\n\xe2\x80\x94 PeterNeumann x08\n", ERR_MALFORMED},
        {GO_TEXT "\n\xe2\x80\x94 PeterNeumann\n", ERR_MALFORMED},
        {GO_TEXT "\n" GO_SIGNATURE "\xe2\x80\x94 PeterNeumann x", ERR_MALFORMED},
    };
    struct verify_key go;
    assert_int_equal(verify_key_from_text(span_text(GO_VKEY), &go), ERR_OK);
    assert_string_equal(go.network, "PeterNeumann");
    char text[VKEY_TEXT_BYTES];
    verify_key_to_text(&go, text);
    assert_string_equal(text, GO_VKEY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].note);
        uint8_t *note = fixture_copy(rows[i].note, size);
        struct span got = SPAN_EMPTY;
        enum err err = note_open(&go, span_of(note, size), &got);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
        if (err == ERR_OK)
            assert_true(span_equal(got, span_text(GO_TEXT)));
        free(note);
    }
}

static void too_many_signatures(void **state)
{
    (void)state;
    struct verify_key go;
    struct span got;
    char note[8192] = GO_TEXT "\n";
    size_t size = strlen(note);
    assert_int_equal(verify_key_from_text(span_text(GO_VKEY), &go), ERR_OK);
    for (int lines = 1; lines <= 17; lines++) {
        size += (size_t)snprintf(note + size, sizeof note - size, "%s", GO_SIGNATURE);
        assert_int_equal(note_open(&go, span_of(note, size), &got),
                         lines <= 16 ? ERR_OK : ERR_LIMIT);
    }
}

static void key_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {GO_VKEY, ERR_OK},
        {"peterneumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_KEY},
        {"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_KEY},
        {"PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_KEY},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAAAA", ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T*", ERR_MALFORMED},
        {"PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_MALFORMED},
        {"PeterNeumann+c74f20a3", ERR_MALFORMED},
        {"PeterNeumann", ERR_MALFORMED},
        {"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_MALFORMED},
        {"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ERR_MALFORMED},
        {"", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct verify_key read;
        enum err err = verify_key_from_text(span_text(rows[i].text), &read);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
    }
}

static void network_names(void **state)
{
    (void)state;
    char longest[NETWORK_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(network_name_check(span_of(longest, NETWORK_NAME_MAX)), ERR_OK);
    assert_int_equal(network_name_check(span_of(longest, NETWORK_NAME_MAX + 1)), ERR_MALFORMED);
    static const struct {
        const char *name;
        enum err want;
    } rows[] = {
        {"a", ERR_OK},          {"0", ERR_OK},          {"statim.example-1", ERR_OK},
        {"", ERR_MALFORMED},    {"-a", ERR_MALFORMED},  {".a", ERR_MALFORMED},
        {"a+b", ERR_MALFORMED}, {"a b", ERR_MALFORMED}, {"a\nb", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(network_name_check(span_text(rows[i].name)), rows[i].want);
}

static void keys_as_pem(void **state)
{
    (void)state;
    struct publish_key *fresh = NULL;
    struct publish_key *read = NULL;
    char pem[512];
    size_t size;
    assert_int_equal(publish_key_generate(span_text("test"), &fresh), ERR_OK);
    assert_int_equal(publish_key_to_pem(fresh, pem, 10, &size), ERR_NO_SPACE);
    assert_int_equal(publish_key_to_pem(fresh, pem, sizeof pem, &size), ERR_OK);
    assert_int_equal(publish_key_from_pem(span_text("test"), span_of(pem, size), &read), ERR_OK);
    assert_memory_equal(publish_key_public(fresh)->public_key, publish_key_public(read)->public_key,
                        ED25519_PUBLIC_BYTES);
    read = publish_key_free(read);
    assert_int_equal(publish_key_from_pem(span_text("te st"), span_of(pem, size), &read),
                     ERR_MALFORMED);
    assert_int_equal(publish_key_from_pem(span_text("test"), span_of(pem, size / 2), &read),
                     ERR_MALFORMED);
    assert_int_equal(publish_key_from_pem(span_text("test"), SPAN_EMPTY, &read), ERR_MALFORMED);
    /* X25519, RFC 8410's sister algorithm: a key, but none that signs. */
    assert_int_equal(
        publish_key_from_pem(
            span_text("test"),
            span_text("-----BEGIN PRIVATE KEY-----\n"
                      "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                      "-----END PRIVATE KEY-----\n"),
            &read),
        ERR_KEY);
    assert_null(read);
    publish_key_free(fresh);
}

static void sign_and_open(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {"one line\n", ERR_OK},    {"\n", ERR_OK},
        {"a\n\nb\n", ERR_OK},      {"", ERR_MALFORMED},
        {"no end", ERR_MALFORMED}, {"tab\there\n", ERR_MALFORMED},
    };
    char note[512];
    size_t size;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span text = span_text(rows[i].text);
        struct span got;
        assert_int_equal(note_sign(key, text, note, sizeof note, &size), rows[i].want);
        if (rows[i].want != ERR_OK)
            continue;
        assert_int_equal(note_open(publish_key_public(key), span_of(note, size), &got), ERR_OK);
        assert_true(span_equal(got, text));
        assert_int_equal(note_sign(key, text, note, size - 1, &size), ERR_NO_SPACE);
    }
}

static struct head head(void)
{
    return (struct head){.network = "test",
                         .log_first = 3,
                         .log_last = 9,
                         .log_hash = {{1}},
                         .time_s = 1700000000,
                         .valid_until_s = 1700003600,
                         .index_log = 5,
                         .index_hash = {{2}},
                         .index_bytes = 777,
                         .previous = {{3}}};
}

static void head_round_trip(void **state)
{
    (void)state;
    struct head written = head();
    struct head read;
    char note[HEAD_BYTES_MAX];
    size_t size;
    assert_int_equal(head_write(key, &written, note, sizeof note, &size), ERR_OK);
    uint8_t *copy = fixture_copy(note, size);
    assert_int_equal(head_open(publish_key_public(key), span_of(copy, size), &read), ERR_OK);
    assert_string_equal(read.network, "test");
    assert_int_equal(read.log_first, 3);
    assert_int_equal(read.log_last, 9);
    assert_true(sha256_equal(&read.log_hash, &written.log_hash));
    assert_int_equal(read.time_s, written.time_s);
    assert_int_equal(read.valid_until_s, written.valid_until_s);
    assert_int_equal(read.index_log, 5);
    assert_int_equal(read.index_bytes, 777);
    assert_true(sha256_equal(&read.index_hash, &written.index_hash));
    assert_true(sha256_equal(&read.previous, &written.previous));
    free(copy);
    assert_int_equal(head_write(key, &written, note, size - 1, &size), ERR_NO_SPACE);
    memcpy(written.network, "other", 6);
    assert_int_equal(head_write(key, &written, note, sizeof note, &size), ERR_NETWORK);
}

static void every_truncation_and_bit_flip_of_a_head(void **state)
{
    (void)state;
    const struct verify_key *public_half = publish_key_public(key);
    struct head written = head();
    struct head read;
    char note[HEAD_BYTES_MAX];
    size_t size;
    assert_int_equal(head_write(key, &written, note, sizeof note, &size), ERR_OK);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = fixture_copy(note, cut);
        assert_int_not_equal(head_open(public_half, span_of(copy, cut), &read), ERR_OK);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *copy = fixture_copy(note, size);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(head_open(public_half, span_of(copy, size), &read), ERR_OK);
        free(copy);
    }
}

static void contradicting_numbers(void **state)
{
    (void)state;
    static const struct sha256 none;
    struct head rows[11];
    for (size_t i = 0; i < 11; i++)
        rows[i] = head();
    rows[0].log_first = 0;
    rows[1].log_first = 11;
    rows[2].log_hash = none;
    rows[3].log_last = 0;
    rows[4].index_log = 10;
    rows[5].index_log = 1; /* entry 2 is gone: the log does not go on from this index */
    rows[6].index_bytes = 0;
    rows[7].index_hash = none;
    rows[8].valid_until_s = rows[8].time_s - 1;
    rows[9].log_last = UINT64_MAX;
    rows[10].index_bytes = 0;
    rows[10].index_hash = none; /* no index, yet of entry 5 */
    for (size_t i = 0; i < 11; i++) {
        char text[HEAD_BYTES_MAX];
        size_t size;
        assert_int_equal(head_text_write(&rows[i], text, sizeof text, &size), ERR_RANGE);
    }
    struct head empty = {.network = "test", .log_first = 1};
    char text[HEAD_BYTES_MAX];
    size_t size;
    struct head read;
    assert_int_equal(head_text_write(&empty, text, sizeof text, &size), ERR_OK);
    assert_int_equal(head_text_read(span_of(text, size), &read), ERR_OK);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "1111111111111111111111111111111111111111111111111111111111111111"

static void head_texts(void **state)
{
    (void)state;
    static const struct {
        const char *lines[7];
        enum err want;
    } rows[] = {
        {{"statim-head v1", "network a", "log 1 0 " ZEROS, "time 0", "valid-until 0",
          "index 0 0 " ZEROS, "previous " ZEROS},
         ERR_OK},
        {{"statim-head v2", NULL, NULL, NULL, NULL, NULL, NULL}, ERR_UNSUPPORTED},
        {{NULL, "network ", NULL, NULL, NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, "network a b", NULL, NULL, NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, "log 1 0 " ONES, NULL, NULL, NULL, NULL}, ERR_RANGE},
        {{NULL, NULL, "log 1 00 " ZEROS, NULL, NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, "log 1 -1 " ZEROS, NULL, NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, "log 1 1 " ONES, NULL, NULL, NULL, NULL}, ERR_OK},
        {{NULL, NULL, NULL, "times 0", NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, NULL, "time", NULL, NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, NULL, "time 1", NULL, NULL, NULL}, ERR_RANGE},
        {{NULL, NULL, NULL, NULL, "valid-until 18446744073709551615", NULL, NULL}, ERR_OK},
        {{NULL, NULL, NULL, NULL, "valid-until 18446744073709551616", NULL, NULL}, ERR_MALFORMED},
        {{NULL, NULL, NULL, NULL, NULL, "index 0 0 " ONES, NULL}, ERR_RANGE},
        {{NULL, NULL, NULL, NULL, NULL, "index 0 5 " ONES, NULL}, ERR_OK},
        {{NULL, NULL, NULL, NULL, NULL, NULL, "previous " ZEROS "0"}, ERR_MALFORMED},
        {{NULL, NULL, NULL, NULL, NULL, NULL, "previous " ZEROS "\nmore"}, ERR_TRAILING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[HEAD_BYTES_MAX] = "";
        size_t size = 0;
        for (size_t k = 0; k < 7; k++)
            size +=
                (size_t)snprintf(text + size, sizeof text - size, "%s\n",
                                 rows[i].lines[k] != NULL ? rows[i].lines[k] : rows[0].lines[k]);
        struct head read;
        enum err err = head_text_read(span_of(text, size), &read);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
    }
}

static void what_a_follower_makes_of_a_head(void **state)
{
    (void)state;
    static const struct sha256 same = {{1}};
    static const struct sha256 other = {{2}};
    static const struct {
        uint64_t applied;
        const struct sha256 *hash;
        uint64_t now_s;
        enum err want;
    } rows[] = {
        {0, &other, 1700000000, ERR_OK},     {8, &other, 1700000000, ERR_OK},
        {9, &same, 1700000000, ERR_OK},      {9, &other, 1700000000, ERR_CHAIN},
        {10, &same, 1700000000, ERR_REPLAY}, {9, &same, 1700003600, ERR_OK},
        {9, &same, 1700003601, ERR_EXPIRED}, {9, &same, 1699999700, ERR_OK},
        {9, &same, 1699999699, ERR_FUTURE},
    };
    struct head h = head();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(head_check(&h, rows[i].applied, rows[i].hash, rows[i].now_s),
                         rows[i].want);
}

int main(void)
{
    key = fixture_publish_key("test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_notes),
        cmocka_unit_test(too_many_signatures),
        cmocka_unit_test(key_texts),
        cmocka_unit_test(network_names),
        cmocka_unit_test(keys_as_pem),
        cmocka_unit_test(sign_and_open),
        cmocka_unit_test(head_round_trip),
        cmocka_unit_test(every_truncation_and_bit_flip_of_a_head),
        cmocka_unit_test(contradicting_numbers),
        cmocka_unit_test(head_texts),
        cmocka_unit_test(what_a_follower_makes_of_a_head),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    publish_key_free(key);
    return failed;
}
