/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lib/blob_path.h"

static struct blob_path usual(void)
{
    return (struct blob_path){.path = span_text("/crl/7/3.crl"),
                              .blob = {.octets = {1, 2, 3}},
                              .blob_bytes = 4711,
                              .media_type = span_text("application/pkix-crl"),
                              .modified_s = 1764000000,
                              .next_s = 1764086400,
                              .expires_s = 1764864000};
}

static void there_and_back(void **state)
{
    (void)state;
    uint8_t wire[BLOB_PATH_WIRE_MAX];
    size_t size = 0;
    struct blob_path p = usual();
    struct blob_path q;
    assert_int_equal(blob_path_write(&p, wire, sizeof wire, &size), ERR_OK);
    assert_int_equal(blob_path_read(span_of(wire, size), &q), ERR_OK);
    assert_true(span_equal(p.path, q.path) && span_equal(p.media_type, q.media_type));
    assert_true(sha256_equal(&p.blob, &q.blob));
    assert_int_equal(q.blob_bytes, 4711);
    assert_int_equal(q.modified_s, p.modified_s);
    assert_int_equal(q.next_s, p.next_s);
    assert_int_equal(q.expires_s, p.expires_s);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(blob_path_read(span_of(wire, cut), &q), ERR_TRUNCATED);
    wire[size] = 0;
    assert_int_equal(blob_path_read(span_of(wire, size + 1), &q), ERR_TRAILING);
    assert_int_equal(blob_path_write(&p, wire, size - 1, &size), ERR_NO_SPACE);
    struct blob_path gone = {.path = span_text("/crl/7/3.crl")};
    assert_int_equal(blob_path_write(&gone, wire, sizeof wire, &size), ERR_OK);
    assert_int_equal(blob_path_read(span_of(wire, size), &q), ERR_OK);
    assert_int_equal(q.blob_bytes, 0);
}

static void paths(void **state)
{
    (void)state;
    static char longest[PATH_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    const struct {
        const char *path;
        bool valid;
    } rows[] = {
        {"/", true},       {"/a", true},         {"//a", true},    {"/a%2Fb", true},
        {"/a/../b", true}, {"", false},          {"a", false},     {"/a?b", false},
        {"/a#b", false},   {"/a b", false},      {"/a\nb", false}, {"/a\"b", false},
        {"/a\x7f", false}, {"/\xc3\xa4", false}, {longest, false}, {longest + 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(blob_path_valid(span_text(rows[i].path)), rows[i].valid);
    assert_true(blob_path_valid(span_of(longest, PATH_BYTES_MAX)));
    assert_false(blob_path_valid(span_of("/a\0b", 4)));
}

static void what_no_follower_may_take(void **state)
{
    (void)state;
    uint8_t out[BLOB_PATH_WIRE_MAX];
    size_t size = 0;
    struct blob_path p;
#define REFUSED(change, error)                                                \
    do {                                                                      \
        p = usual();                                                          \
        change;                                                               \
        assert_int_equal(blob_path_write(&p, out, sizeof out, &size), error); \
    } while (0)
    REFUSED((void)0, ERR_OK);
    REFUSED(p.path = span_text("x"), ERR_MALFORMED);
    REFUSED(p.blob_bytes = 0, ERR_MALFORMED);
    REFUSED(p.blob_bytes = BLOB_BYTES_MAX + 1ull, ERR_LIMIT);
    REFUSED(p.media_type = span_text("text"), ERR_MALFORMED);
    REFUSED(p.media_type = span_text("a/b\r\nX: y"), ERR_MALFORMED);
    REFUSED(p.media_type = span_text("a/b/c"), ERR_MALFORMED);
    REFUSED(p.media_type = span_text("/bc"), ERR_MALFORMED);
    REFUSED(p.media_type = SPAN_EMPTY, ERR_MALFORMED);
    REFUSED(p.next_s = p.modified_s - 1, ERR_MALFORMED);
    REFUSED(p.expires_s = p.modified_s, ERR_MALFORMED);
    REFUSED(p.next_s = 0, ERR_OK);
    REFUSED(p.expires_s = 0, ERR_OK);
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(paths),
        cmocka_unit_test(what_no_follower_may_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
