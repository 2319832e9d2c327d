/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/config_insert.h"

static const char *const lines[] = {"one: 1", "two:", "  three: 3"};

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *issuer;
        const char *result; /* NULL: not found */
    } rows[] = {
        {"issuers:\n  - name: ca\n    key: {}\n", "ca",
         "issuers:\n  - name: ca\n    one: 1\n    two:\n      three: 3\n    key: {}\n"},
        {"issuers:\n- key: {}\n  name: ca", "ca",
         "issuers:\n- key: {}\n  name: ca\n  one: 1\n  two:\n    three: 3\n"},
        {"# name: ca\nissuers:\n  - name: a\n    x: 1\n  -   name:  ca  \n", "ca",
         "# name: ca\nissuers:\n  - name: a\n    x: 1\n  -   name:  ca  \n"
         "      one: 1\n      two:\n        three: 3\n"},
        {"issuers:\n  - name: cab\n", "ca", NULL},
        {"issuers: [{name: ca}]\n", "ca", NULL},
        {"", "ca", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer b = {0};
        enum err err = config_insert(span_text(rows[i].yaml), rows[i].issuer, lines, 3, &b);
        assert_int_equal(err, rows[i].result ? ERR_OK : ERR_NOT_FOUND);
        if (rows[i].result != NULL)
            assert_true(span_equal(span_of(b.data, b.size), span_text(rows[i].result)));
        buffer_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
