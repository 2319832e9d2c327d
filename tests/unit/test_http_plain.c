/* SPDX-License-Identifier: Apache-2.0 */
/* The short ways of the HTTP head against the general one, and the wide searches against the
 * octets' own definitions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/http_request.h"
#include "lib/octets.h"

#define LONGEST 40 /* of a searched span: two wide steps and a rest */
#define ROUNDS  300000u

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

static const struct {
    size_t (*find)(const uint8_t *data, size_t from, size_t size);
    bool (*stops)(uint8_t c);
} searches[] = {{octets_find_control, octet_is_control},
                {octets_find_not_visible, octet_is_not_visible},
                {octets_find_colon, octet_is_colon}};

/* In an allocation of its own, so that a read outside is seen. */
static uint8_t *filled(size_t size, uint8_t with)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    assert_non_null(data);
    memset(data, with, size);
    return data;
}

static void expect_found(const uint8_t *data, size_t from, size_t size)
{
    for (size_t s = 0; s < sizeof searches / sizeof searches[0]; s++)
        assert_int_equal(searches[s].find(data, from, size),
                         octets_find_one_by_one(data, from, size, searches[s].stops));
    assert_int_equal(octets_all_plain(data, from, size),
                     octets_find_one_by_one(data, from, size, octet_is_not_plain) == size);
}

/* Every octet at every place of every size from every start. */
static void test_searches(void **state)
{
    (void)state;
    for (size_t size = 0; size <= LONGEST; size++) {
        uint8_t *data = filled(size, 'x');
        for (size_t from = 0; from <= size; from++) {
            expect_found(data, from, size);
            for (size_t at = 0; at < size; at++) {
                for (unsigned c = 0; c < 256; c++) {
                    data[at] = (uint8_t)c;
                    expect_found(data, from, size);
                }
                data[at] = 'x';
            }
        }
        free(data);
    }
}

static void test_definitions(void **state)
{
    (void)state;
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:";
    for (unsigned c = 0; c < 256; c++) {
        assert_int_equal(octet_is_not_plain((uint8_t)c),
                         c == 0 || memchr(plain, (int)c, sizeof plain - 1) == NULL);
        assert_int_equal(octet_is_control((uint8_t)c), c < ' ' || c == 127);
        assert_int_equal(octet_is_not_visible((uint8_t)c), c <= ' ' || c >= 127);
    }
}

static bool same_span(struct span a, struct span b)
{
    return a.data == b.data && a.size == b.size;
}

static bool same(const struct http_request *a, const struct http_request *b)
{
    return a->method == b->method && a->minor_version == b->minor_version &&
           a->keep_alive == b->keep_alive && a->expect_continue == b->expect_continue &&
           a->has_content_length == b->has_content_length &&
           a->content_length_bytes == b->content_length_bytes && a->head_bytes == b->head_bytes &&
           same_span(a->method_text, b->method_text) && same_span(a->target, b->target) &&
           same_span(a->host, b->host) && same_span(a->content_type, b->content_type) &&
           same_span(a->if_none_match, b->if_none_match) &&
           same_span(a->if_modified_since, b->if_modified_since) && same_span(a->range, b->range) &&
           same_span(a->if_range, b->if_range) &&
           a->if_none_match_repeated == b->if_none_match_repeated &&
           a->range_repeated == b->range_repeated;
}

static enum http_verdict expect_agreement(struct span bytes)
{
    struct http_request r, any;
    enum http_verdict verdict = http_request_parse(bytes, 0, &r);
    enum http_verdict any_verdict = http_request_parse_any(bytes, 0, &any);
    if (verdict != any_verdict || (verdict == HTTP_REQUEST && !same(&r, &any)))
        fail_msg("%s, in general %s:\n%.*s", http_verdict_text(verdict),
                 http_verdict_text(any_verdict), (int)bytes.size, (const char *)bytes.data);
    return verdict;
}

static const char *const heads[] = {
    "GET /MEowSDBGMEQwQjAJBgUrDgMCGgUABBR%2B HTTP/1.1\r\nHost: ocsp.example.com\r\n"
    "User-Agent: a/1.0\r\nAccept: */*\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Type: application/ocsp-request\r\n"
    "Content-Length: 12\r\nConnection: close, x\r\n\r\n123456789012",
    "HEAD /a HTTP/1.0\r\nConnection:keep-alive\r\nIf-None-Match: \"a\"\r\n"
    "If-Modified-Since: x\r\nIf-Range: \"b\"\r\nRange: bytes=0-\r\n\r\n",
    "\r\nPOST http://a/ HTTP/1.1\r\nhost:a\r\nexpect: 100-Continue \r\ncontent-length:\t1\r\n"
    "transfer-encoding: chunked\r\n\r\n1",
    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nX_Odd!: 1\r\nEmpty:\r\n\r\n",
};
#define HEADS (sizeof heads / sizeof heads[0])

/* Every octet with every value, every cut. */
static void test_one_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEADS; i++) {
        size_t size = strlen(heads[i]);
        (void)expect_agreement(span_text(heads[i]));
        uint8_t *data = filled(size, 0);
        for (size_t at = 0; at < size; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memcpy(data, heads[i], size);
                data[at] = (uint8_t)c;
                (void)expect_agreement(span_of(data, size));
            }
            uint8_t *part = filled(at, 0);
            memcpy(part, heads[i], at);
            (void)expect_agreement(span_of(part, at));
            free(part);
        }
        free(data);
    }
}

/* Several octets changed, lines dropped and doubled. */
static void test_at_random(void **state)
{
    (void)state;
    static const char odd[] = "\r\n\t :/aZ09\x7f\x80\xff\0";
    unsigned verdicts[HTTP_VERDICT_COUNT] = {0};
    uint8_t data[1024];
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *head = heads[below(HEADS)];
        size_t size = strlen(head);
        memcpy(data, head, size);
        for (uint32_t changes = below(4); changes > 0; changes--) {
            size_t at = below((uint32_t)size), part = below(24);
            if (below(2) == 0) {
                data[at] = (uint8_t)odd[below(sizeof odd)];
            } else if (at + part < size && size + part < sizeof data) {
                memmove(data + at + part, data + at, size - at);
                size += part;
            }
        }
        verdicts[expect_agreement(span_of(data, size))]++;
    }
    assert_true(verdicts[HTTP_REQUEST] > ROUNDS / 10 && verdicts[HTTP_BAD_REQUEST] > ROUNDS / 10);
    assert_true(verdicts[HTTP_MORE] > 0 && verdicts[HTTP_LENGTH_REQUIRED] > 0);
}

/* Around the most fields: the verdict of a bad one among them is the same. */
static void test_many_fields(void **state)
{
    (void)state;
    static char text[8192];
    for (int fields = HTTP_FIELDS_MAX - 3; fields <= HTTP_FIELDS_MAX + 3; fields++) {
        for (int bad = 0; bad <= fields; bad++) {
            size_t size = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
            for (int i = 0; i < fields; i++)
                size += (size_t)snprintf(text + size, sizeof text - size, "%s\r\n",
                                         i == bad ? "Host: a b" : "X: 1");
            size += (size_t)snprintf(text + size, sizeof text - size, "\r\n");
            (void)expect_agreement(span_of(text, size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions), cmocka_unit_test(test_searches),
        cmocka_unit_test(test_one_octet),   cmocka_unit_test(test_at_random),
        cmocka_unit_test(test_many_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
