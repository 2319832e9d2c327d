/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bpf/prefix.h"

static const struct {
    const char *text;
    enum err err;
    const char *again; /* NULL: as it was */
} rows[] = {
    {"192.0.2.0/24", ERR_OK, NULL},
    {"192.0.2.1", ERR_OK, NULL},
    {"192.0.2.1/32", ERR_OK, "192.0.2.1"},
    {"0.0.0.0/0", ERR_OK, NULL},
    {"128.0.0.0/1", ERR_OK, NULL},
    {"192.0.2.254/31", ERR_OK, NULL},
    {"2001:db8::/32", ERR_OK, NULL},
    {"2001:DB8:0::/33", ERR_OK, "2001:db8::/33"},
    {"::/0", ERR_OK, NULL},
    {"::1", ERR_OK, NULL},
    {"2001:db8::1/128", ERR_OK, "2001:db8::1"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", ERR_OK, NULL},
    {"192.0.2.1/24", ERR_RANGE, NULL},
    {"192.0.2.1/31", ERR_RANGE, NULL},
    {"1.0.0.0/7", ERR_RANGE, NULL},
    {"2001:db8::1/64", ERR_RANGE, NULL},
    {"8000::/0", ERR_RANGE, NULL},
    {"", ERR_MALFORMED, NULL},
    {"/24", ERR_MALFORMED, NULL},
    {"192.0.2.0/", ERR_MALFORMED, NULL},
    {"192.0.2.0/33", ERR_MALFORMED, NULL},
    {"192.0.2.0/024", ERR_MALFORMED, NULL},
    {"192.0.2.0/-1", ERR_MALFORMED, NULL},
    {"192.0.2.0/+8", ERR_MALFORMED, NULL},
    {"192.0.2.0/8 ", ERR_MALFORMED, NULL},
    {" 192.0.2.0", ERR_MALFORMED, NULL},
    {"192.0.2", ERR_MALFORMED, NULL},
    {"192.0.2.256", ERR_MALFORMED, NULL},
    {"192.0.2.0/24/8", ERR_MALFORMED, NULL},
    {"2001:db8::/129", ERR_MALFORMED, NULL},
    {"2001:db8:::/32", ERR_MALFORMED, NULL},
    {"fe80::1%eth0", ERR_MALFORMED, NULL},
    {"::ffff:192.0.2.0/120", ERR_MALFORMED, NULL},
    {"::ffff:0:0/96", ERR_MALFORMED, NULL},
    {"::/95", ERR_OK, "::/95"},
    {"example.net", ERR_MALFORMED, NULL},
    {"192.0.2.0/99999999999999999999999", ERR_MALFORMED, NULL},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", ERR_MALFORMED, NULL},
};

static void texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prefix prefix = {.version = 99};
        char text[PREFIX_TEXT_BYTES];
        enum err err = prefix_parse(span_text(rows[i].text), &prefix);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].text, err_text(err));
        if (err != ERR_OK) {
            assert_int_equal(prefix.version, 99);
            continue;
        }
        prefix_text(&prefix, text);
        assert_string_equal(text, rows[i].again != NULL ? rows[i].again : rows[i].text);
        struct prefix twice;
        assert_int_equal(prefix_parse(span_text(text), &twice), ERR_OK);
        assert_true(prefix_same(&prefix, &twice));
    }
    struct prefix prefix;
    assert_int_equal(prefix_parse(span_of("192.0.2.0\0/24", 13), &prefix), ERR_MALFORMED);
}

static void cuts(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        unsigned bits;
        const char *prefix;
    } cut[] = {
        {"192.0.2.255", 24, "192.0.2.0/24"},     {"192.0.2.255", 31, "192.0.2.254/31"},
        {"192.0.2.255", 32, "192.0.2.255"},      {"192.0.2.255", 0, "0.0.0.0/0"},
        {"255.255.255.255", 9, "255.128.0.0/9"}, {"2001:db8:1:2ff::9", 56, "2001:db8:1:200::/56"},
        {"2001:db8::9", 128, "2001:db8::9"},     {"ffff::9", 1, "8000::/1"},
    };
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct prefix whole;
        char text[PREFIX_TEXT_BYTES];
        assert_int_equal(prefix_parse(span_text(cut[i].address), &whole), ERR_OK);
        struct prefix prefix = prefix_of(whole.version, whole.address, cut[i].bits);
        prefix_text(&prefix, text);
        assert_string_equal(text, cut[i].prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
