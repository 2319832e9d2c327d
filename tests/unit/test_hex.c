/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "tests/unit/guard_page.h"

static const struct {
    const char *text;
    enum err err;
} rows[] = {
    {"", ERR_OK},
    {"00", ERR_OK},
    {"deadBEEF", ERR_OK},
    {"0", ERR_MALFORMED},
    {"0g", ERR_MALFORMED},
    {"g0", ERR_MALFORMED},
    {"0x", ERR_MALFORMED},
    {" 00 ", ERR_MALFORMED},
    {"00:11", ERR_MALFORMED},
    {"0@", ERR_MALFORMED},
    {"0`", ERR_MALFORMED},
    {"/0", ERR_MALFORMED},
    {":0", ERR_MALFORMED},
    {"\x80\x30", ERR_MALFORMED},
    {"0102030405", ERR_NO_SPACE},
};

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t out[4];
        size_t size = 77;
        enum err err =
            hex_decode(guard_copy(rows[i].text, strlen(rows[i].text)), out, sizeof out, &size);
        assert_int_equal(err, rows[i].err);
        assert_int_equal(size, err == ERR_OK ? strlen(rows[i].text) / 2 : 77);
    }
}

static void every_octet_returns(void **state)
{
    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        uint8_t in = (uint8_t)octet, out;
        char text[3];
        size_t size;
        assert_int_equal(hex_encode(span_of(&in, 1), text, sizeof text), ERR_OK);
        assert_int_equal(hex_decode(span_text(text), &out, 1, &size), ERR_OK);
        assert_int_equal(out, in);
        assert_int_equal(hex_encode(span_of(&in, 1), text, 2), ERR_NO_SPACE);
        assert_true((hex_digit(in) < 16) ==
                    (strchr("0123456789abcdefABCDEF", (int)octet) != NULL && octet != 0));
    }
    char text[1];
    assert_int_equal(hex_encode(SPAN_EMPTY, text, 1), ERR_OK);
    assert_string_equal(text, "");
    assert_int_equal(hex_encode(SPAN_EMPTY, text, 0), ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(every_octet_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
