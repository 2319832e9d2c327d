/* SPDX-License-Identifier: Apache-2.0 */
/* The Range field against representations of known size. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/http_range.h"

#define WHOLE              HTTP_RANGE_WHOLE, 0, 0
#define NOT                HTTP_RANGE_NOT_SATISFIABLE, 0, 0
#define PART(first, count) HTTP_RANGE_PART, first, count

static const struct {
    const char *value;
    uint64_t size;
    enum http_range_verdict verdict;
    uint64_t first;
    uint64_t count;
} rows[] = {
    {"bytes=0-0", 10, PART(0, 1)},
    {"bytes=0-9", 10, PART(0, 10)},
    {"bytes=0-", 10, PART(0, 10)},
    {"bytes=9-", 10, PART(9, 1)},
    {"bytes=3-5", 10, PART(3, 3)},
    {"bytes=3-10", 10, PART(3, 7)},
    {"bytes=3-18446744073709551615", 10, PART(3, 7)},
    {"bytes=3-99999999999999999999999999", 10, PART(3, 7)},
    {"bytes=000-0000005", 10, PART(0, 6)},
    {"bytes=-1", 10, PART(9, 1)},
    {"bytes=-10", 10, PART(0, 10)},
    {"bytes=-11", 10, PART(0, 10)},
    {"bytes=-99999999999999999999999999", 10, PART(0, 10)},
    {"Bytes=1-2", 10, PART(1, 2)},
    {"BYTES=1-2", 10, PART(1, 2)},
    {"bytes= 1-2", 10, PART(1, 2)},
    {"bytes=\t1-2 ", 10, PART(1, 2)},
    {"bytes=,1-2,, ,", 10, PART(1, 2)},
    {"bytes=10-", 10, NOT},
    {"bytes=10-20", 10, NOT},
    {"bytes=18446744073709551615-", 10, NOT},
    {"bytes=18446744073709551616-", 10, NOT},
    {"bytes=99999999999999999999999-99999999999999999999999", 10, NOT},
    {"bytes=-0", 10, NOT},
    {"bytes=-5", 0, NOT},
    {"bytes=0-", 0, NOT},
    {"", 10, WHOLE},
    {"bytes", 10, WHOLE},
    {"bytes=", 10, WHOLE},
    {"bytes= ", 10, WHOLE},
    {"bytes=,", 10, WHOLE},
    {"bytes=-", 10, WHOLE},
    {"bytes=--1", 10, WHOLE},
    {"bytes=1--2", 10, WHOLE},
    {"bytes=5-3", 10, WHOLE},
    {"bytes=99999999999999999999999-1", 10, WHOLE},
    {"bytes=1 -2", 10, WHOLE},
    {"bytes=1- 2", 10, WHOLE},
    {"bytes=- 2", 10, WHOLE},
    {"bytes=1-2-3", 10, WHOLE},
    {"bytes=+1-2", 10, WHOLE},
    {"bytes=0x1-2", 10, WHOLE},
    {"bytes=1", 10, WHOLE},
    {"bytes=a-b", 10, WHOLE},
    {"bytes =1-2", 10, WHOLE},
    {" bytes=1-2", 10, WHOLE},
    {"bytes=0-0,2-2", 10, WHOLE},
    {"bytes=0-0,-1", 10, WHOLE},
    {"bytes=10-,0-0", 10, WHOLE},
    {"items=0-1", 10, WHOLE},
    {"byte=0-1", 10, WHOLE},
    {"bytes:0-1", 10, WHOLE},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_range range = {77, 77};
        enum http_range_verdict verdict =
            http_range_read(span_text(rows[i].value), rows[i].size, &range);
        bool is_part = rows[i].verdict == HTTP_RANGE_PART;
        if (verdict != rows[i].verdict || range.first != (is_part ? rows[i].first : 77) ||
            range.count != (is_part ? rows[i].count : 77))
            fail_msg("\"%s\" of %llu", rows[i].value, (unsigned long long)rows[i].size);
    }
}

/* Every range of small sizes against its definition. */
static void test_all_small(void **state)
{
    (void)state;
    for (unsigned size = 1; size < 8; size++)
        for (unsigned first = 0; first < 10; first++)
            for (unsigned last = 0; last < 10; last++) {
                char text[32];
                struct http_range range;
                snprintf(text, sizeof text, "bytes=%u-%u", first, last);
                enum http_range_verdict verdict = http_range_read(span_text(text), size, &range);
                if (last < first) {
                    assert_int_equal(verdict, HTTP_RANGE_WHOLE);
                } else if (first >= size) {
                    assert_int_equal(verdict, HTTP_RANGE_NOT_SATISFIABLE);
                } else {
                    unsigned end = last < size ? last + 1 : size;
                    assert_int_equal(verdict, HTTP_RANGE_PART);
                    assert_int_equal(range.first, first);
                    assert_int_equal(range.count, end - first);
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
