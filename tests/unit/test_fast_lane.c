/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fast_lane.h"

static void test_keys(void **state)
{
    (void)state;
    char key[FAST_LANE_KEY_BYTES];
    char longest[NETWORK_NAME_MAX + 1];
    fast_lane_log_key("example", key);
    assert_string_equal(key, "statim:{example}:log");
    fast_lane_edges_key("example", key);
    assert_string_equal(key, "statim:{example}:edges");
    memset(longest, 'n', NETWORK_NAME_MAX);
    longest[NETWORK_NAME_MAX] = '\0';
    fast_lane_edges_key(longest, key);
    assert_int_equal(strlen(key), strlen("statim:{}:edges") + NETWORK_NAME_MAX);
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t number; /* 0: refused */
    } rows[] = {
        {"1-0", 1},  {"12345-0", 12345}, {"18446744073709551615-0", UINT64_MAX},
        {"0-0", 0},  {"0-1", 0},         {"1-1", 0},
        {"01-0", 0}, {"-0", 0},          {"1", 0},
        {"1-00", 0}, {"1-", 0},          {"18446744073709551616-0", 0},
        {"", 0},     {"+1-0", 0},        {"1-0 ", 0},
        {" 1-0", 0}, {"1--0", 0},        {"1526919030474-55", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t number = 7;
        char back[FAST_LANE_ID_BYTES];
        enum err err = fast_lane_id_read(span_text(rows[i].text), &number);
        if (rows[i].number == 0) {
            assert_int_equal(err, ERR_MALFORMED);
            assert_int_equal(number, 7);
            continue;
        }
        assert_int_equal(err, ERR_OK);
        assert_int_equal(number, rows[i].number);
        fast_lane_id_write(number, back);
        assert_string_equal(back, rows[i].text);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"1048577", ERR_OK},         {"16777216", ERR_OK},
        {"1048576", ERR_RANGE},      {"0", ERR_RANGE},
        {"16777217", ERR_LIMIT},     {"18446744073709551615", ERR_LIMIT},
        {"", ERR_MALFORMED},         {"-1", ERR_MALFORMED},
        {"2000000 ", ERR_MALFORMED}, {"02000000", ERR_MALFORMED},
        {"2e6", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t bytes = 0;
        assert_int_equal(fast_lane_size_read(span_text(rows[i].text), &bytes), rows[i].err);
        assert_true((bytes != 0) == (rows[i].err == ERR_OK));
    }
}

static void test_names(void **state)
{
    (void)state;
    char name[FAST_LANE_NAME_BYTES_MAX + 1];
    static const char *const good[] = {"a", "edge-1.example_net", "LON2", "..", "-"};
    static const char *const bad[] = {"", "a b", "a:b", "a/b", "\xc3\xa9", "a\n", "{a}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(fast_lane_name_check(span_text(good[i])), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fast_lane_name_check(span_text(bad[i])), ERR_MALFORMED);
    assert_int_equal(fast_lane_name_check(span_of("a\0b", 3)), ERR_MALFORMED);
    memset(name, 'a', sizeof name);
    assert_int_equal(fast_lane_name_check(span_of(name, FAST_LANE_NAME_BYTES_MAX)), ERR_OK);
    assert_int_equal(fast_lane_name_check(span_of(name, sizeof name)), ERR_MALFORMED);
}

static void test_acks(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        "1",       "1 2",    "1 2 3 4", "1  2 3",  " 1 2 3",
        "1 2 3 ",  "01 2 3",  "1 2 03", "1 2 -3",  "1 2 3\n", "18446744073709551616 2 3",
        "1\t2\t3", "1 2 0x3",
    };
    struct fast_lane_ack most = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    struct fast_lane_ack ack = {0};
    char text[FAST_LANE_ACK_BYTES];
    fast_lane_ack_write(&(struct fast_lane_ack){12, 1764000000123, 1764000000200}, text);
    assert_string_equal(text, "12 1764000000123 1764000000200");
    assert_int_equal(fast_lane_ack_read(span_text(text), &ack), ERR_OK);
    assert_true(ack.number == 12 && ack.wall_ms == 1764000000123 && ack.said_ms == 1764000000200);
    fast_lane_ack_write(&most, text);
    assert_int_equal(fast_lane_ack_read(span_text(text), &ack), ERR_OK);
    assert_memory_equal(&ack, &most, sizeof ack);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fast_lane_ack_read(span_text(bad[i]), &ack), ERR_MALFORMED);
    assert_memory_equal(&ack, &most, sizeof ack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),  cmocka_unit_test(test_ids),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_names), cmocka_unit_test(test_acks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
