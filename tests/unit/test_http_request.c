/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/http_request.h"
#include "tests/unit/guard_page.h"

#define H       "Host: h\r\n"
#define GET     "GET / HTTP/1.1\r\n"
#define POST    "POST / HTTP/1.1\r\n" H
#define END     "\r\n"
#define T(text) (text), sizeof(text) - 1

/* Every way to send a head, and what we make of it. */
static const struct {
    const char *bytes;
    size_t size;
    enum http_verdict verdict;
} rows[] = {
    /* Well-formed. */
    {T(GET H END), HTTP_REQUEST},
    {T("\r\n" GET H END), HTTP_REQUEST},
    {T("GET /a//b?x HTTP/1.1\r\n" H END), HTTP_REQUEST},
    {T("GET http://h/a HTTP/1.1\r\n" H END), HTTP_REQUEST},
    {T("OPTIONS * HTTP/1.1\r\n" H END), HTTP_REQUEST},
    {T("get / HTTP/1.1\r\n" H END), HTTP_REQUEST},
    {T("GET / HTTP/1.0\r\n" END), HTTP_REQUEST},
    {T("GET / HTTP/1.0\r\n" H END), HTTP_REQUEST},
    {T(GET "host:h" END END), HTTP_REQUEST},
    {T(GET "Host: \t h \t " END END), HTTP_REQUEST},
    {T(GET "Host:" END END), HTTP_REQUEST},
    {T(GET "Host: [::1]:8080" END END), HTTP_REQUEST},
    {T(GET H "X: a\tb \x80\xff" END END), HTTP_REQUEST},
    {T(GET H "!#$%&'*+-.^_`|~9: x" END END), HTTP_REQUEST},
    {T(GET H "Content-Length: 5" END END), HTTP_REQUEST},
    {T(POST "Content-Length: 0" END END), HTTP_REQUEST},
    {T(POST "Content-Length: 007" END END), HTTP_REQUEST},
    {T(POST "Content-Length: 18446744073709551615" END END), HTTP_REQUEST},
    {T("PUT / HTTP/1.1\r\n" H END), HTTP_REQUEST},

    /* The request line. */
    {T("GET / HTTP/1.1 \r\n" H END), HTTP_BAD_REQUEST},
    {T(" GET / HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET  / HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /  HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET\t/ HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /a b HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /a\tb HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /\x80 HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /\x7f HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /a\0b HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /\r HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/1.1\r\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET  HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET /\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / \r\n" H END), HTTP_BAD_REQUEST},
    {T("GET\r\n" H END), HTTP_BAD_REQUEST},
    {T("/ HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("G(T / HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("G\xc9T / HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("\r\n\r\n" GET H END), HTTP_BAD_REQUEST},
    {T("\n" GET H END), HTTP_BAD_REQUEST},
    {T("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/11\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/1.10\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / http/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/a.b\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/1,1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / ICY/1.1\r\n" H END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/2.0\r\n" H END), HTTP_VERSION},
    {T("GET / HTTP/1.2\r\n" H END), HTTP_VERSION},
    {T("GET / HTTP/0.9\r\n" H END), HTTP_VERSION},
    {T("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_VERSION},

    /* Line ends. */
    {T("GET / HTTP/1.1\n" H END), HTTP_BAD_REQUEST},
    {T(GET "Host: h\n" END), HTTP_BAD_REQUEST},
    {T(GET "Host: h\n\n"), HTTP_BAD_REQUEST},
    {T(GET H "\n"), HTTP_BAD_REQUEST},
    {T(GET H "X: a\nY: b" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\rY: b" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\r\r\n" END), HTTP_BAD_REQUEST},
    {T(GET H "\rX: a" END END), HTTP_BAD_REQUEST},
    {T("garbage\n"), HTTP_BAD_REQUEST},
    {T("\x16\x03\x01\x02\x00\x01\n"), HTTP_BAD_REQUEST},

    /* Field lines. */
    {T(GET H "X: a\r\n b" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\r\n\tb" END END), HTTP_BAD_REQUEST},
    {T(GET " Host: h" END END), HTTP_BAD_REQUEST},
    {T(GET "Host : h" END END), HTTP_BAD_REQUEST},
    {T(GET "Host\t: h" END END), HTTP_BAD_REQUEST},
    {T(GET H ": v" END END), HTTP_BAD_REQUEST},
    {T(GET H "X" END END), HTTP_BAD_REQUEST},
    {T(GET H "X Y: v" END END), HTTP_BAD_REQUEST},
    {T(GET H "X\0: v" END END), HTTP_BAD_REQUEST},
    {T(GET H "X\x80: v" END END), HTTP_BAD_REQUEST},
    {T(GET H "X(: v" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\0b" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\x01"
             "b" END END),
     HTTP_BAD_REQUEST},
    {T(GET H "X: long enough for a word \x1f" END END), HTTP_BAD_REQUEST},
    {T(GET H "X: a\x7f" END END), HTTP_BAD_REQUEST},

    /* Host. */
    {T(GET END), HTTP_BAD_REQUEST},
    {T(GET H H END), HTTP_BAD_REQUEST},
    {T(GET H "HOST: h" END END), HTTP_BAD_REQUEST},
    {T("GET / HTTP/1.0\r\n" H H END), HTTP_BAD_REQUEST},
    {T(GET "Host: a b" END END), HTTP_BAD_REQUEST},
    {T(GET "Host: a,b" END END), HTTP_BAD_REQUEST},
    {T(GET "Host: a/b" END END), HTTP_BAD_REQUEST},
    {T(GET "Host: u@h" END END), HTTP_BAD_REQUEST},

    /* Body framing. */
    {T(POST END), HTTP_LENGTH_REQUIRED},
    {T("POST / HTTP/1.0\r\n" END), HTTP_LENGTH_REQUIRED},
    {T(POST "Content-Length: 5\r\nContent-Length: 5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5\r\nContent-Length: 6" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5\r\ncontent-length: 5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5, 5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5,6" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length:" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: -1" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: +1" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 0x5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5a" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5 5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: \"5\"" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5." END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 18446744073709551616" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 99999999999999999999999999" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length : 5" END END), HTTP_BAD_REQUEST},
    {T(GET H "Content-Length: x" END END), HTTP_BAD_REQUEST},
    {T(POST "Transfer-Encoding: chunked" END END), HTTP_LENGTH_REQUIRED},
    {T(GET H "Transfer-Encoding: chunked" END END), HTTP_LENGTH_REQUIRED},
    {T(POST "transfer-encoding: identity" END END), HTTP_LENGTH_REQUIRED},
    {T(POST "Transfer-Encoding:" END END), HTTP_LENGTH_REQUIRED},
    {T(POST "Transfer-Encoding: \x0b"
            "chunked" END END),
     HTTP_BAD_REQUEST},
    {T(POST "Transfer-Encoding : chunked" END END), HTTP_BAD_REQUEST},
    {T(POST "Transfer-Encoding: chunked\r\nContent-Length: 5" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5\r\nTransfer-Encoding: chunked" END END), HTTP_BAD_REQUEST},
    {T(POST "Content-Length: 5\r\nTRANSFER-ENCODING: x" END END), HTTP_BAD_REQUEST},
    {T(GET H "Content-Length: 0\r\nTransfer-Encoding: chunked" END END), HTTP_BAD_REQUEST},
    {T("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" END END), HTTP_BAD_REQUEST},
    {T(POST "X: y\r\n Transfer-Encoding: chunked" END END), HTTP_BAD_REQUEST},

    /* Not complete. */
    {T(""), HTTP_MORE},
    {T("\r"), HTTP_MORE},
    {T("\r\n"), HTTP_MORE},
    {T("GET /"), HTTP_MORE},
    {T(GET H "\r"), HTTP_MORE},
    {T("GET / HTTP/9.9\r\n" H), HTTP_MORE},
};

/* The verdict, whether the bytes come at once, in two parts, or one by one; and the guard page. */
static enum http_verdict parse_all_ways(const char *bytes, size_t size, struct http_request *ret)
{
    struct span whole = guard_copy(bytes, size);
    enum http_verdict verdict = http_request_parse(whole, 0, ret);
    enum http_verdict dripped = HTTP_MORE;
    size_t known = 0;
    while (known < size && dripped == HTTP_MORE) {
        struct http_request request;
        size_t seen = known++;
        dripped = http_request_parse(guard_copy(bytes, known), seen, &request);
        assert_int_equal(dripped, http_request_parse(guard_copy(bytes, known), 0, &request));
        if (dripped == HTTP_MORE)
            assert_int_equal(http_request_parse(guard_copy(bytes, size), known, &request), verdict);
    }
    assert_int_equal(dripped, verdict);
    return verdict;
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_request request;
        enum http_verdict verdict = parse_all_ways(rows[i].bytes, rows[i].size, &request);
        if (verdict != rows[i].verdict)
            fail_msg("row %zu is %d, not %d:\n%s", i, verdict, rows[i].verdict, rows[i].bytes);
    }
}

/* No prefix of a good head is anything but MORE; what follows the head changes nothing. */
static void prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_request request;
        char longer[512];
        if (rows[i].verdict != HTTP_REQUEST)
            continue;
        for (size_t size = 0; size < rows[i].size; size++)
            assert_int_equal(http_request_parse(guard_copy(rows[i].bytes, size), 0, &request),
                             HTTP_MORE);
        memcpy(longer, rows[i].bytes, rows[i].size);
        memcpy(longer + rows[i].size, "\n\0\r\n\n", 5);
        assert_int_equal(http_request_parse(guard_copy(longer, rows[i].size + 5), 0, &request),
                         HTTP_REQUEST);
        assert_int_equal(request.head_bytes, rows[i].size);
    }
}

static void assert_span(struct span got, const char *want)
{
    if (want == NULL)
        assert_null(got.data);
    else if (!span_equal(got, span_text(want)))
        fail_msg("got \"%.*s\", not \"%s\"", (int)got.size, (const char *)got.data, want);
}

static void fields(void **state)
{
    (void)state;
    static const char text[] = "POST /ocsp//MAA HTTP/1.1\r\n"
                               "hOST: ocsp.example.test:80\r\n"
                               "Content-Type: application/ocsp-request\r\n"
                               "content-type: second\r\n"
                               "Content-Length: 1234567\r\n"
                               "If-None-Match:W/\"a\"\r\n"
                               "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Range: bytes=0-1\r\n"
                               "If-Range: \"b\"\r\n"
                               "Expect: 100-Continue\r\n"
                               "Xost: not.a.host\r\n"
                               "\r\nbody";
    struct http_request r;
    assert_int_equal(parse_all_ways(text, sizeof text - 1, &r), HTTP_REQUEST);
    assert_int_equal(http_request_parse(guard_copy(text, sizeof text - 1), 0, &r), HTTP_REQUEST);
    assert_int_equal(r.method, HTTP_POST);
    assert_int_equal(r.minor_version, 1);
    assert_true(r.keep_alive);
    assert_true(r.expect_continue);
    assert_true(r.has_content_length);
    assert_int_equal(r.content_length_bytes, 1234567);
    assert_int_equal(r.head_bytes, sizeof text - 1 - 4);
    assert_span(r.method_text, "POST");
    assert_span(r.target, "/ocsp//MAA");
    assert_span(r.host, "ocsp.example.test:80");
    assert_span(r.content_type, "application/ocsp-request");
    assert_span(r.if_none_match, "W/\"a\"");
    assert_false(r.if_none_match_repeated);
    assert_span(r.if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_span(r.range, "bytes=0-1");
    assert_span(r.if_range, "\"b\"");
    assert_false(r.range_repeated);
}

static void absent_fields(void **state)
{
    (void)state;
    struct http_request r;
    memset(&r, 0xAA, sizeof r);
    assert_int_equal(http_request_parse(guard_copy(T(GET H)), 0, &r), HTTP_MORE);
    assert_int_equal(http_request_parse(guard_copy(T(POST END)), 0, &r), HTTP_LENGTH_REQUIRED);
    /* Nothing of what was there before, or of a head that was refused. */
    assert_int_equal(http_request_parse(guard_copy(T("HEAD / HTTP/1.0\r\n\r\n")), 0, &r),
                     HTTP_REQUEST);
    assert_int_equal(r.method, HTTP_HEAD);
    assert_int_equal(r.minor_version, 0);
    assert_false(r.has_content_length || r.expect_continue || r.if_none_match_repeated ||
                 r.range_repeated);
    assert_int_equal(r.content_length_bytes, 0);
    assert_span(r.host, NULL);
    assert_span(r.content_type, NULL);
    assert_span(r.if_none_match, NULL);
    assert_int_equal(
        http_request_parse(
            guard_copy(T(GET H "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n\r\n")), 0, &r),
        HTTP_REQUEST);
    assert_true(r.if_none_match_repeated);
    assert_false(r.range_repeated);
    assert_span(r.if_none_match, "\"a\"");
    static const char *const twice[] = {"Range: a\r\nRange: a\r\n",
                                        "If-Range: a\r\nIf-Range: b\r\n"};
    for (size_t i = 0; i < 2; i++) {
        char text[128];
        int size = snprintf(text, sizeof text, GET H "%s\r\n", twice[i]);
        assert_int_equal(parse_all_ways(text, (size_t)size, &r), HTTP_REQUEST);
        assert_true(r.range_repeated);
    }
}

static void repeated_fields(void **state)
{
    (void)state;
    static const char text[] =
        "\r\nGET /a HTTP/1.1\r\nHost: x\r\nIF-MATCH: \"a\" \r\nX-If-Match: n\r\n"
        "if-match:\r\nIf-Modified-Since: b\r\nIf-Modified-Since: b\r\n"
        "If-Unmodified-Since: c\r\nIf-Match:\"d\",\"e\"\r\n\r\nIf-Match: f\r\n";
    static const char *const want[] = {"\"a\"", "", "\"d\",\"e\""};
    struct http_request r;
    struct span value;
    const uint8_t *at = NULL;
    assert_int_equal(parse_all_ways(text, sizeof text - 1, &r), HTTP_REQUEST);
    assert_int_equal(http_request_parse(guard_copy(text, sizeof text - 1), 0, &r), HTTP_REQUEST);
    for (size_t i = 0; i < 3; i++) {
        assert_true(http_request_field(&r, "if-match", &at, &value));
        assert_span(value, want[i]);
    }
    assert_false(http_request_field(&r, "if-match", &at, &value));
    at = NULL;
    assert_false(http_request_field(&r, "range", &at, &value));
    assert_span(r.if_match, "\"a\"");
    assert_span(r.if_modified_since, "");
    assert_span(r.if_unmodified_since, "c");
}

static const struct {
    const char *line, *fields;
    bool keep_alive;
} persistence[] = {
    {"GET / HTTP/1.1", "", true},
    {"GET / HTTP/1.1", "Connection: close\r\n", false},
    {"GET / HTTP/1.1", "Connection: CLOSE\r\n", false},
    {"GET / HTTP/1.1", "connection: TE , Close\t, x\r\n", false},
    {"GET / HTTP/1.1", "Connection: x\r\nConnection: close\r\n", false},
    {"GET / HTTP/1.1", "Connection: keep-alive, close\r\n", false},
    {"GET / HTTP/1.1", "Connection: closed, not-close\r\n", true},
    {"GET / HTTP/1.1", "Connection: ,,\r\n", true},
    {"GET / HTTP/1.1", "Connection:\r\n", true},
    {"GET / HTTP/1.0", "", false},
    {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
    {"GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false},
    {"GET / HTTP/1.0", "Connection: keep-alive-not\r\n", false},
};

static void keep_alive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof persistence / sizeof *persistence; i++) {
        char text[256];
        struct http_request r;
        int size = snprintf(text, sizeof text, "%s\r\n" H "%s\r\n", persistence[i].line,
                            persistence[i].fields);
        assert_int_equal(parse_all_ways(text, (size_t)size, &r), HTTP_REQUEST);
        if (r.keep_alive != persistence[i].keep_alive)
            fail_msg("row %zu: %s", i, persistence[i].fields);
    }
}

static void expect_continue(void **state)
{
    (void)state;
    struct http_request r;
    assert_int_equal(parse_all_ways(T(GET H "Expect: 100-continued" END END), &r), HTTP_REQUEST);
    assert_false(r.expect_continue);
    assert_int_equal(parse_all_ways(T("GET / HTTP/1.0\r\n" H "Expect: 100-continue" END END), &r),
                     HTTP_REQUEST);
    assert_false(r.expect_continue);
}

/* A head of one target of `target` octets and padding up to `size` octets in all (0: as it is). */
static size_t make_head(char *out, size_t target, size_t size)
{
    static const char line_end[] = " HTTP/1.1\r\nHost: h\r\nX: ";
    memcpy(out, "GET ", 4);
    memset(out + 4, '/', target);
    size_t at = 4 + target;
    memcpy(out + at, line_end, sizeof line_end - 1);
    at += sizeof line_end - 1;
    for (; at + 4 < size; at++)
        out[at] = 'x';
    memcpy(out + at, "\r\n\r\n", 4);
    return at + 4;
}

static void limits(void **state)
{
    (void)state;
    static char text[2 * HTTP_HEAD_BYTES_MAX];
    struct http_request r;
    size_t size = make_head(text, HTTP_TARGET_BYTES_MAX, 0);
    assert_int_equal(parse_all_ways(text, size, &r), HTTP_REQUEST);
    assert_int_equal(r.target.size, HTTP_TARGET_BYTES_MAX);
    size = make_head(text, HTTP_TARGET_BYTES_MAX + 1, 0);
    assert_int_equal(parse_all_ways(text, size, &r), HTTP_TARGET_TOO_LONG);
    /* As soon as its first octet too many is there. */
    size_t known = 4 + HTTP_TARGET_BYTES_MAX;
    assert_int_equal(http_request_parse(guard_copy(text, known), known - 1, &r), HTTP_MORE);
    assert_int_equal(http_request_parse(guard_copy(text, known + 1), known, &r),
                     HTTP_TARGET_TOO_LONG);
    size = make_head(text, 10, HTTP_HEAD_BYTES_MAX);
    assert_int_equal(size, HTTP_HEAD_BYTES_MAX);
    assert_int_equal(parse_all_ways(text, size, &r), HTTP_REQUEST);
    assert_int_equal(r.head_bytes, HTTP_HEAD_BYTES_MAX);
    size = make_head(text, 10, HTTP_HEAD_BYTES_MAX + 1);
    assert_int_equal(parse_all_ways(text, size, &r), HTTP_HEAD_TOO_LARGE);
}

static void field_count(void **state)
{
    (void)state;
    char text[1024] = GET H;
    struct http_request r;
    size_t at = strlen(text);
    for (size_t count = 1; count < HTTP_FIELDS_MAX; count++, at += 4)
        memcpy(text + at, "X:\r\n", 4);
    memcpy(text + at, "\r\nX:\r\n\r\n", 8);
    assert_int_equal(parse_all_ways(text, at + 2, &r), HTTP_REQUEST);
    assert_int_equal(parse_all_ways(text, at, &r), HTTP_MORE);
    memcpy(text + at, "X:\r\n\r\n", 6);
    assert_int_equal(parse_all_ways(text, at + 6, &r), HTTP_HEAD_TOO_LARGE);
}

/* Junk without end is MORE only up to the limit, whatever it is made of. */
static void endless_junk(void **state)
{
    (void)state;
    static char text[HTTP_HEAD_BYTES_MAX + 1];
    static const char *const units[] = {"a", " ", "\r", ":", "\x80", "a:\r\n", "GET "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct http_request r;
        size_t unit = strlen(units[i]);
        for (size_t at = 0; at < sizeof text; at++)
            text[at] = units[i][at % unit];
        assert_int_equal(http_request_parse(guard_copy(text, HTTP_HEAD_BYTES_MAX - 1), 0, &r),
                         HTTP_MORE);
        assert_int_equal(http_request_parse(guard_copy(text, HTTP_HEAD_BYTES_MAX), 0, &r),
                         HTTP_HEAD_TOO_LARGE);
        assert_int_equal(http_request_parse(guard_copy(text, HTTP_HEAD_BYTES_MAX), 100, &r),
                         HTTP_HEAD_TOO_LARGE);
    }
}

/* Every octet at every place of a head with a value longer than a word, against the plain rule. */
static void every_octet_everywhere(void **state)
{
    (void)state;
    static const char good[] =
        "GET /target HTTP/1.1\r\nHost: h\r\nX-Long: 0123456789abcdef\r\n\r\n";
    const char *const target = strstr(good, "/target"), *const value = strstr(good, "0123");
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (unsigned octet = 0; octet < 256; octet++) {
            char text[sizeof good];
            struct http_request r;
            memcpy(text, good, sizeof good);
            text[at] = (char)octet;
            enum http_verdict verdict =
                http_request_parse(guard_copy(text, sizeof good - 1), 0, &r);
            const char *place = good + at;
            bool fine;
            if (place >= target && place < target + 7)
                fine = octet > 0x20 && octet < 0x7F;
            else if (place >= value && place < value + 16)
                fine = (octet >= 0x20 && octet != 0x7F) || octet == '\t';
            else
                continue;
            assert_int_equal(verdict, fine ? HTTP_REQUEST : HTTP_BAD_REQUEST);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(fields),
        cmocka_unit_test(repeated_fields),
        cmocka_unit_test(absent_fields),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(limits),
        cmocka_unit_test(field_count),
        cmocka_unit_test(endless_junk),
        cmocka_unit_test(every_octet_everywhere),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
