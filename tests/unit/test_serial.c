/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unhex.h"

#include "lib/serial.h"

#define OCTETS_31 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

static const struct {
    const char *content;
    enum err err;
} content_cases[] = {
    {"00", ERR_OK},          {"01", ERR_OK},           {"7f", ERR_OK},
    {"0080", ERR_OK},        {"01" OCTETS_31, ERR_OK}, {"0180" OCTETS_31, ERR_LIMIT},
    {"", ERR_MALFORMED},     {"80", ERR_MALFORMED},    {"ff01", ERR_MALFORMED},
    {"007f", ERR_MALFORMED}, {"0000", ERR_MALFORMED},
};

static void test_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof content_cases / sizeof content_cases[0]; i++) {
        struct serial serial = {.size = 99};
        struct span content = UNHEX(content_cases[i].content);
        enum err err = serial_from_content(content, &serial);
        if (err != content_cases[i].err)
            fail_msg("%s: %s", content_cases[i].content, err_name(err));
        if (err != ERR_OK)
            assert_int_equal(serial.size, 99);
        else
            assert_true(span_equal(span_of(serial.octets, serial.size), content));
    }
}

static const struct {
    const char *text;
    enum err err;
    const char *content, *back;
} hex_cases[] = {
    {"0", ERR_OK, "00", "00"},
    {"00", ERR_OK, "00", "00"},
    {"1", ERR_OK, "01", "01"},
    {"0x7F", ERR_OK, "7f", "7F"},
    {"0X80", ERR_OK, "0080", "80"},
    {"abc", ERR_OK, "0abc", "0ABC"},
    {"fff", ERR_OK, "0fff", "0FFF"},
    {"0:1", ERR_OK, "01", "01"},
    {"AA:bb:0c", ERR_OK, "00aabb0c", "AABB0C"},
    {"0000000000000000000000000000000000000000000000000000000000000000000000001", ERR_OK, "01",
     "01"},
    {"7f" OCTETS_31, ERR_OK, "7f" OCTETS_31, NULL},
    {"80" OCTETS_31, ERR_LIMIT, NULL, NULL},
    {"100" OCTETS_31, ERR_LIMIT, NULL, NULL},
    {"", ERR_MALFORMED, NULL, NULL},
    {"0x", ERR_MALFORMED, NULL, NULL},
    {":", ERR_MALFORMED, NULL, NULL},
    {":01", ERR_MALFORMED, NULL, NULL},
    {"01:", ERR_MALFORMED, NULL, NULL},
    {"01::02", ERR_MALFORMED, NULL, NULL},
    {"0x:01", ERR_MALFORMED, NULL, NULL},
    {"-1", ERR_MALFORMED, NULL, NULL},
    {" 1", ERR_MALFORMED, NULL, NULL},
    {"1g", ERR_MALFORMED, NULL, NULL},
    {"0x0x1", ERR_MALFORMED, NULL, NULL},
};

static void test_hex(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hex_cases / sizeof hex_cases[0]; i++) {
        struct serial serial = {.size = 99};
        enum err err = serial_from_hex(span_text(hex_cases[i].text), &serial);
        if (err != hex_cases[i].err)
            fail_msg("'%s': %s", hex_cases[i].text, err_name(err));
        if (err != ERR_OK) {
            assert_int_equal(serial.size, 99);
            continue;
        }
        struct span content = UNHEX(hex_cases[i].content);
        assert_true(span_equal(span_of(serial.octets, serial.size), content));
        char back[SERIAL_HEX_MAX];
        serial_to_hex(&serial, back);
        if (hex_cases[i].back != NULL)
            assert_string_equal(back, hex_cases[i].back);
    }
}

/* In ascending order: bounds, sizes, octets; two issuers. */
static const struct {
    uint64_t issuer_id;
    const char *octets; /* NULL: a bound */
    uint8_t size;
} ordered[] = {
    {1, NULL, 0},
    {1, "00", 1},
    {1, "01", 1},
    {1, "7f", 1},
    {1, "0080", 2},
    {1, "0100", 2},
    {1, "01" OCTETS_31, 32},
    {1, NULL, 255},
    {0x100, NULL, 0},
    {0x100, "05", 1},
    {UINT64_MAX, "05", 1},
};

static struct serial ordered_serial(size_t i)
{
    struct serial serial = {.size = ordered[i].size};
    if (ordered[i].octets != NULL)
        memcpy(serial.octets, UNHEX(ordered[i].octets).data, serial.size);
    return serial;
}

static int wire_compare(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* The order of wire keys, of memory and of serials is one order. */
static void test_key_order(void **state)
{
    (void)state;
    size_t count = sizeof ordered / sizeof ordered[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct serial a = ordered_serial(i), b = ordered_serial(k);
            uint8_t key_a[KEY_BYTES_MAX], key_b[KEY_BYTES_MAX];
            struct span wire_a = span_of(key_a, key_write(ordered[i].issuer_id, &a, key_a));
            struct span wire_b = span_of(key_b, key_write(ordered[k].issuer_id, &b, key_b));
            assert_int_equal(sign(wire_compare(wire_a, wire_b)), (i > k) - (i < k));
            if (ordered[i].issuer_id == ordered[k].issuer_id)
                assert_int_equal(sign(serial_compare(&a, &b)), (i > k) - (i < k));
        }
    }
}

static void test_key_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        struct serial serial = ordered_serial(i), back;
        uint8_t wire[KEY_BYTES_MAX + 1] = {0};
        size_t size = key_write(ordered[i].issuer_id, &serial, wire);
        uint64_t issuer_id;
        assert_int_equal(key_read(span_of(wire, size), &issuer_id, &back), ERR_OK);
        assert_int_equal(issuer_id, ordered[i].issuer_id);
        assert_int_equal(serial_compare(&serial, &back), 0);
        assert_int_equal(key_read(span_of(wire, size + 1), &issuer_id, &back), ERR_TRAILING);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(key_read(span_of(wire, cut), &issuer_id, &back), ERR_TRUNCATED);
    }
    uint8_t long_size[9] = {[8] = SERIAL_BYTES_MAX + 1};
    struct serial serial;
    uint64_t issuer_id;
    assert_int_equal(key_read(span_of(long_size, 9), &issuer_id, &serial), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_key_order),
        cmocka_unit_test(test_key_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
