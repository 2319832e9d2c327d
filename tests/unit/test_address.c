/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/os/address.h"
#include "tests/unit/guard_page.h"

static const struct {
    const char *text, *back; /* NULL: refused */
} rows[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"[::1]:8080", "[::1]:8080"},
    {"[::]:80", "[::]:80"},
    {"[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1"},
    {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1"},
    {"[1111:2222:3333:4444:5555:6666:7777:8888]:12345",
     "[1111:2222:3333:4444:5555:6666:7777:8888]:12345"},
    {"", NULL},
    {":", NULL},
    {":80", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"127.0.0.1:65536", NULL},
    {"127.0.0.1:080", NULL},
    {"127.0.0.1:+1", NULL},
    {"127.0.0.1: 1", NULL},
    {"127.0.0.1:1 ", NULL},
    {"127.0.0.1:123456", NULL},
    {"127.1:80", NULL},
    {"256.0.0.1:80", NULL},
    {"localhost:80", NULL},
    {"::1:80", NULL},
    {"[::1]", NULL},
    {"[::1]80", NULL},
    {"[::1]:", NULL},
    {"[::1:80", NULL},
    {"[]:80", NULL},
    {"[", NULL},
    {"[]", NULL},
    {"[127.0.0.1]:80", NULL},
    {"[fe80::1%eth0]:80", NULL},
    {"[::1]:80]:81", NULL},
    {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:1", NULL},
    {"127.0.0.1:80:81", NULL},
};

static void both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address address = {.size = 77};
        char text[ADDRESS_TEXT_BYTES];
        struct span in = guard_copy(rows[i].text, strlen(rows[i].text));
        enum err err = address_from_text(in, &address);
        if (rows[i].back == NULL) {
            if (err != ERR_MALFORMED || address.size != 77)
                fail_msg("accepted: %s", rows[i].text);
            continue;
        }
        assert_int_equal(err, ERR_OK);
        address_to_text(&address, text);
        assert_string_equal(text, rows[i].back);
    }
    struct address address;
    assert_int_equal(address_from_text(span_of("127.0.0.1\0:80", 13), &address), ERR_MALFORMED);
    assert_int_equal(address_from_text(span_of("[::1\0]:80", 9), &address), ERR_MALFORMED);
}

static void other_families(void **state)
{
    (void)state;
    struct address address = {.sa.any.sa_family = AF_UNIX};
    char text[ADDRESS_TEXT_BYTES];
    address_to_text(&address, text);
    assert_string_equal(text, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(other_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
