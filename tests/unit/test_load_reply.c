/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's HTTP: heads that are answers and heads that are not, in pieces of every size. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bench/load/client.h"
#include "lib/random.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *head;
    uint16_t status;
    bool keep_alive;
    uint64_t body_size;
} heads[] = {
    {OK "Content-Length: 5\r\n\r\n", 200, true, 5},
    {OK "content-length:5\r\n\r\n", 200, true, 5},
    {OK "CONTENT-LENGTH: \t 0007 \t\r\n\r\n", 200, true, 7},
    {OK "Content-Length: 0\r\nConnection: close\r\n\r\n", 200, false, 0},
    {OK "Content-Length: 0\r\nConnection: foo , CLOSE\r\n\r\n", 200, false, 0},
    {OK "Content-Length: 0\r\nConnection: closed\r\n\r\n", 200, true, 0},
    {OK "Content-Length: 0\r\nX-Connection: close\r\nEmpty:\r\n\r\n", 200, true, 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, false, 1},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", 200, true, 1},
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", 200, true, 1},
    {"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", 200, true, 1},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", 304, true, 0},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, true, 0},
    {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\n", 503, true, 9},
    {OK "Text: caf\xc3\xa9\tand more\r\nContent-Length: 4294967296\r\n\r\n", 200, true, 1ull << 32},
};

static const char *const bad_heads[] = {
    OK "\r\n",
    OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    OK "Content-Length: -5\r\n\r\n",
    OK "Content-Length: 5,5\r\n\r\n",
    OK "Content-Length:\r\n\r\n",
    OK "Content-Length: 4294967297\r\n\r\n",
    OK "Content-Length: 18446744073709551621\r\n\r\n",
    OK "Content-Length : 5\r\n\r\n",
    OK " Content-Length: 5\r\n\r\n",
    OK "Content-Length: 5\r\n folded\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n",
    OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    OK "Content-Length: 5\n\r\n",
    OK "Content-Length: 5\r\n\n",
    OK "no colon\r\nContent-Length: 5\r\n\r\n",
    OK ": no name\r\nContent-Length: 5\r\n\r\n",
    OK "Na(me: x\r\nContent-Length: 5\r\n\r\n",
    OK "Name: \x01\r\nContent-Length: 5\r\n\r\n",
    OK "Name: a\rb\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 600 No\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 20 No\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 2000 No\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 O\x7fK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/2 200\r\nContent-Length: 5\r\n\r\n",
    "http/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "SSH-2.0-OpenSSH\r\n",
    "\n",
};

static void good_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        size_t size = strlen(heads[i].head);
        struct reply_head head;
        for (size_t part = 0; part < size; part++)
            assert_int_equal(reply_head_parse(span_of(heads[i].head, part), &head), REPLY_MORE);
        assert_int_equal(reply_head_parse(span_text(heads[i].head), &head), REPLY_HEAD);
        assert_int_equal(head.status, heads[i].status);
        assert_int_equal(head.keep_alive, heads[i].keep_alive);
        assert_true(head.body_size == heads[i].body_size && head.head_size == size);
    }
}

/* Nothing before the end is an answer, and the end is found out. */
static void bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_heads / sizeof bad_heads[0]; i++) {
        struct reply_head head;
        for (size_t part = 0; part < strlen(bad_heads[i]); part++)
            assert_int_not_equal(reply_head_parse(span_of(bad_heads[i], part), &head), REPLY_HEAD);
        if (reply_head_parse(span_text(bad_heads[i]), &head) != REPLY_BAD)
            fail_msg("taken: %s", bad_heads[i]);
    }
}

static void endless_head(void **state)
{
    (void)state;
    static char text[REPLY_HEAD_BYTES_MAX + 8] = OK;
    struct reply_head head;
    for (size_t at = strlen(OK); at < sizeof text; at++)
        text[at] = "Name: x\r\n"[(at - strlen(OK)) % 9];
    for (size_t size = 0; size < sizeof text; size++)
        assert_int_equal(reply_head_parse(span_of(text, size), &head),
                         size < REPLY_HEAD_BYTES_MAX ? REPLY_MORE : REPLY_BAD);
}

/* ---- put together from pieces ---- */

static struct client_hold *spare_of(struct client_hold **spare)
{
    if (*spare == NULL)
        *spare = malloc(sizeof **spare);
    assert_non_null(*spare);
    return *spare;
}

/* Feeds in pieces of that size; what comes of the last. */
static enum client_fed feed(struct client *c, struct span octets, size_t piece, bool want_body,
                            struct client_answer *ret)
{
    static struct client_hold *spare;
    enum client_fed fed = CLIENT_MORE;
    for (size_t at = 0; at < octets.size && fed == CLIENT_MORE; at += piece) {
        size_t size = octets.size - at < piece ? octets.size - at : piece;
        /* Memory of exactly this size: a sanitizer sees what is read beyond. */
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, octets.data + at, size);
        spare_of(&spare);
        fed = client_feed(c, span_of(copy, size), want_body, &spare, ret);
        if (fed == CLIENT_ANSWER && want_body && ret->body.size > 0) {
            static uint8_t body[CLIENT_BODY_MAX];
            memcpy(body, ret->body.data, ret->body.size);
            ret->body.data = body;
        }
        free(copy);
        assert_true(fed == CLIENT_MORE || at + size == octets.size || fed == CLIENT_BROKEN);
    }
    free(client_reset(c));
    free(spare);
    spare = NULL;
    return fed;
}

static size_t make_answer(size_t body_size, uint8_t *out, size_t out_size)
{
    int head = snprintf((char *)out, out_size, OK "Content-Length: %zu\r\n\r\n", body_size);
    for (size_t i = 0; i < body_size; i++)
        out[(size_t)head + i] = (uint8_t)(i * 7 + i / 251);
    return (size_t)head + body_size;
}

static void pieces(void **state)
{
    (void)state;
    static uint8_t text[CLIENT_BODY_MAX + 4096];
    static const size_t sizes[] = {0, 1, 500, CLIENT_BODY_MAX, CLIENT_BODY_MAX + 1};
    static const size_t piece_sizes[] = {1, 2, 3, 7, 40, 499, 4096, CLIENT_BODY_MAX + 4096};
    for (size_t i = 0; i < 5; i++) {
        for (size_t p = i < 3 ? 0 : 5; p < 8; p++) {
            for (unsigned want = 0; want < 2; want++) {
                size_t size = make_answer(sizes[i], text, sizeof text);
                struct client c = {.state = CLIENT_BUSY};
                struct client_answer answer;
                assert_int_equal(feed(&c, span_of(text, size), piece_sizes[p], want, &answer),
                                 CLIENT_ANSWER);
                assert_true(answer.status == 200 && answer.keep_alive);
                bool kept = want && sizes[i] <= CLIENT_BODY_MAX;
                assert_true(
                    span_equal(answer.body, span_of(text + size - sizes[i], kept ? sizes[i] : 0)));
                /* one octet too many in the last piece */
                text[size] = 'H';
                struct client d = {.state = CLIENT_BUSY};
                if ((size + 1) % piece_sizes[p] != 1 && piece_sizes[p] > 1)
                    assert_int_equal(
                        feed(&d, span_of(text, size + 1), piece_sizes[p], want, &answer),
                        CLIENT_BROKEN);
                /* one too few */
                if (size > 0)
                    assert_int_equal(
                        feed(&d, span_of(text, size - 1), piece_sizes[p], want, &answer),
                        CLIENT_MORE);
            }
        }
    }
}

/* Whatever octet is changed: it never reads beyond, and the length of the answer is what it says.
 */
static void mutated(void **state)
{
    (void)state;
    uint64_t random = 1;
    uint8_t text[256];
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = make_answer(20, text, sizeof text);
        for (uint64_t n = random_next(&random) % 3 + 1; n > 0; n--)
            text[random_next(&random) % size] = (uint8_t)random_next(&random);
        struct client c = {.state = CLIENT_BUSY}, d = {.state = CLIENT_BUSY};
        struct client_answer whole, parts;
        enum client_fed fed = feed(&c, span_of(text, size), size, true, &whole);
        enum client_fed split = feed(&d, span_of(text, size), 16, true, &parts);
        /* In pieces the octets after an answer may come after its end. */
        if (fed == CLIENT_ANSWER) {
            assert_int_equal(split, CLIENT_ANSWER);
            assert_true(
                span_equal(parts.body, span_of(text + size - whole.body.size, whole.body.size)));
        }
        if (fed == CLIENT_MORE)
            assert_int_equal(split, CLIENT_MORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads), cmocka_unit_test(bad),     cmocka_unit_test(endless_head),
        cmocka_unit_test(pieces),     cmocka_unit_test(mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
