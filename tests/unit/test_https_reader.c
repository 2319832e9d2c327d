/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer/https_reader.h"

static enum https_done never(void *server, void *worker, const struct https_request *request,
                             struct https_response *response)
{
    (void)server, (void)worker, (void)request, (void)response;
    return HTTPS_ANSWERED;
}

static const struct https_route routes[] = {
    {HTTP_GET, "/a", never, 0, 0, NULL},
    {HTTP_POST, "/a", never, 0, 10, NULL},
    {HTTP_POST, "/json", never, 0, 100, "application/json"},
    {HTTP_GET, "/thing/{id}", never, 0, 0, NULL},
    {HTTP_POST, "/thing/{id}/do", never, 0, 0, NULL},
    {HTTP_GET, "/thing/special", never, 0, 0, NULL},
    {HTTP_GET, "/two/{a}/{b}", never, 0, 0, NULL},
    {HTTP_GET, NULL, NULL, 0, 0, NULL},
};

#define HOST "Host: a\r\n"

/* What is read, to what end. `problem` is of REFUSED; `total` of what keeps the connection, or of
 * REQUEST. */
struct row {
    const char *octets;
    enum https_read read;
    enum problem_type problem;
    size_t total;
    bool keep_alive;
};

#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define SIZE(s)   (sizeof(s) - 1)

#define POST_A    "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
#define POST_JSON "POST /json HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Type: "
#define CLOSE     "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define OLD       "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

static const struct row rows[] = {
    {"", HTTPS_READ_MORE, 0, 0, false},
    {"GET /a HTTP/1.1\r\n" HOST, HTTPS_READ_MORE, 0, 0, false},
    {GET("/a"), HTTPS_READ_REQUEST, 0, SIZE(GET("/a")), true},
    {GET("/a") GET("/a"), HTTPS_READ_REQUEST, 0, SIZE(GET("/a")), true},
    {GET("/a?b=c"), HTTPS_READ_REQUEST, 0, SIZE(GET("/a?b=c")), true},
    {CLOSE, HTTPS_READ_REQUEST, 0, SIZE(CLOSE), false},
    {OLD, HTTPS_READ_REQUEST, 0, SIZE(OLD), false},
    {GET("/b"), HTTPS_READ_REFUSED, PROBLEM_NOT_FOUND, SIZE(GET("/b")), true},
    {GET("/json"), HTTPS_READ_REFUSED, PROBLEM_METHOD, SIZE(GET("/json")), true},
    {"PUT /a HTTP/1.1\r\n" HOST "\r\n", HTTPS_READ_REFUSED, PROBLEM_METHOD, 0, false},
    {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", HTTPS_READ_REFUSED, PROBLEM_MALFORMED, 0, false},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", HTTPS_READ_REFUSED, PROBLEM_MALFORMED, 0, false},
    {"GET /a HTTP/1.1\r\n\r\n", HTTPS_READ_REFUSED, PROBLEM_MALFORMED, 0, false},
    {"GET /a HTTP/2.0\r\n" HOST "\r\n", HTTPS_READ_REFUSED, PROBLEM_HTTP_VERSION, 0, false},
    {POST_A, HTTPS_READ_REQUEST, 0, SIZE(POST_A), true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", HTTPS_READ_MORE, 0, 0, false},
    {"POST /a HTTP/1.1\r\n" HOST "\r\n", HTTPS_READ_REFUSED, PROBLEM_LENGTH_REQUIRED, 0, false},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", HTTPS_READ_REFUSED,
     PROBLEM_TOO_LARGE, 0, false},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", HTTPS_READ_REFUSED,
     PROBLEM_TOO_LARGE, 0, false},
    {"GET /a HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", HTTPS_READ_REFUSED, PROBLEM_TOO_LARGE,
     0, false},
    {"POST /b HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", HTTPS_READ_REFUSED,
     PROBLEM_NOT_FOUND, 0, false},
    {POST_JSON "application/json\r\n\r\n{}", HTTPS_READ_REQUEST, 0,
     SIZE(POST_JSON "application/json\r\n\r\n{}"), true},
    {POST_JSON "Application/JSON ; charset=utf-8\r\n\r\n{}", HTTPS_READ_REQUEST, 0,
     SIZE(POST_JSON "Application/JSON ; charset=utf-8\r\n\r\n{}"), true},
    {POST_JSON "application/jsonx\r\n\r\n{}", HTTPS_READ_REFUSED, PROBLEM_MEDIA_TYPE, 0, false},
    {POST_JSON "text/html\r\n\r\n{}", HTTPS_READ_REFUSED, PROBLEM_MEDIA_TYPE, 0, false},
    {POST_JSON "application/json\r\nContent-Type: text/html\r\n\r\n{}", HTTPS_READ_REFUSED,
     PROBLEM_MALFORMED, 0, false},
    {POST_JSON "application/json\r\nContent-Encoding: gzip\r\n\r\n{}", HTTPS_READ_REFUSED,
     PROBLEM_MEDIA_TYPE, 0, false},
    {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", HTTPS_READ_REFUSED,
     PROBLEM_MEDIA_TYPE, 0, false},
};

static void check_row(const struct row *row, const struct https_reader *r, enum https_read read,
                      const struct problem *why)
{
    assert_int_equal(read, row->read);
    if (read == HTTPS_READ_REFUSED) {
        assert_int_equal(why->type, row->problem);
        assert_true(why->detail[0] != '\0');
    }
    if (read == HTTPS_READ_MORE)
        return;
    assert_int_equal(r->keep_alive, row->keep_alive);
    if (row->keep_alive || read == HTTPS_READ_REQUEST)
        assert_int_equal(r->total_bytes, row->total);
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct https_reader r = {.routes = routes};
        struct problem why = {0};
        print_message("%s\n", rows[i].octets);
        enum https_read read = https_reader_step(&r, span_text(rows[i].octets), &why);
        check_row(&rows[i], &r, read, &why);
    }
}

/* Octet by octet, each time in a buffer that has just so many and is somewhere else. */
static void test_the_same_however_it_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct https_reader r = {.routes = routes};
        struct problem why = {0};
        enum https_read read = HTTPS_READ_MORE;
        for (size_t size = 1; size <= strlen(rows[i].octets) && read == HTTPS_READ_MORE; size++) {
            uint8_t *copy = malloc(size);
            memcpy(copy, rows[i].octets, size);
            read = https_reader_step(&r, span_of(copy, size), &why);
            free(copy);
        }
        check_row(&rows[i], &r, read, &why);
    }
}

static void test_continue_is_said_once_and_only_when_it_helps(void **state)
{
    static const char head[] = "POST /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                               "Content-Length: 3\r\n\r\n";
    char whole[sizeof head + 3];
    struct problem why = {0};
    struct https_reader r = {.routes = routes};
    (void)state;
    assert_int_equal(https_reader_step(&r, span_text(head), &why), HTTPS_READ_CONTINUE);
    assert_int_equal(https_reader_step(&r, span_text(head), &why), HTTPS_READ_MORE);
    snprintf(whole, sizeof whole, "%sab", head);
    assert_int_equal(https_reader_step(&r, span_text(whole), &why), HTTPS_READ_MORE);
    snprintf(whole, sizeof whole, "%sabc", head);
    assert_int_equal(https_reader_step(&r, span_text(whole), &why), HTTPS_READ_REQUEST);
    /* The body has begun: the client did not wait. */
    r = (struct https_reader){.routes = routes};
    assert_int_equal(https_reader_step(&r, span_of(whole, strlen(whole) - 1), &why),
                     HTTPS_READ_MORE);
}

static struct https_request request_of(const char *octets)
{
    struct https_reader r = {.routes = routes};
    struct problem why = {0};
    struct https_request request = {0};
    assert_int_equal(https_reader_step(&r, span_text(octets), &why), HTTPS_READ_REQUEST);
    https_reader_request(&r, span_text(octets), &request);
    return request;
}

static void assert_text(struct span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

static void test_what_a_request_tells(void **state)
{
    struct https_request request = request_of(POST_A);
    (void)state;
    assert_int_equal(request.method, HTTP_POST);
    assert_text(request.body, "abc");
    assert_text(request.path, "/a");
    assert_int_equal(request.query.size, 0);
    request = request_of(GET("https://b/two/1/x.y?q=%20?&"));
    assert_text(request.path, "/two/1/x.y");
    assert_text(request.params[0], "1");
    assert_text(request.params[1], "x.y");
    assert_text(request.query, "q=%20?&");
    request = request_of("HEAD /thing/..?x HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(request.method, HTTP_GET);
    assert_text(request.params[0], "..");
    assert_text(request.query, "x");
}

/* path, route that GET finds (-1: none), what is allowed */
static const struct {
    const char *path;
    int get;
    const char *allow;
} paths[] = {
    {"/a", 0, "GET, HEAD, POST"},
    {"/json", -1, "POST"},
    {"/thing/1", 3, "GET, HEAD"},
    {"/thing/special", 5, "GET, HEAD"},
    {"/thing/1/do", -1, "POST"},
    {"/thing/special/do", -1, "POST"},
    {"/two/a/b", 6, "GET, HEAD"},
    {"/thing/", -1, ""},
    {"/thing", -1, ""},
    {"/thing/1/", -1, ""},
    {"/thing//do", -1, ""},
    {"/thing/a%62", -1, ""},
    {"/thing/a b", -1, ""},
    {"/thing/1/do/", -1, ""},
    {"/two/a", -1, ""},
    {"/two//b", -1, ""},
    {"/A", -1, ""},
    {"", -1, ""},
    {"/", -1, ""},
    {"//a", -1, ""},
    {"/a/", -1, ""},
    {"/./a", -1, ""},
    {"/thing/../a", -1, ""},
    {"/thing/a;b", -1, ""},
    {"/thing/a\\b", -1, ""},
    {"/thing/\xc3\xa9", -1, ""},
};

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct https_match match;
        print_message("%s\n", paths[i].path);
        https_route_find(routes, HTTP_GET, span_text(paths[i].path), &match);
        assert_ptr_equal(match.route, paths[i].get < 0 ? NULL : &routes[paths[i].get]);
        assert_string_equal(https_match_allow(&match), paths[i].allow);
    }
}

static void test_fields(void **state)
{
    static const char head[] = "GET /x:y HTTP/1.1\r\nHost: a\r\nX-One:\t one \r\nX-Two: 1\r\n"
                               "x-tWO: 2\r\nEmpty:\r\n\r\n";
    struct span value;
    bool repeated;
    (void)state;
    assert_true(https_field(span_text(head), "x-one", &value, &repeated));
    assert_text(value, "one");
    assert_false(repeated);
    assert_true(https_field(span_text(head), "X-Two", &value, &repeated));
    assert_text(value, "1");
    assert_true(repeated);
    assert_true(https_field(span_text(head), "empty", &value, NULL));
    assert_int_equal(value.size, 0);
    assert_false(https_field(span_text(head), "X-On", &value, NULL));
    assert_false(https_field(span_text(head), "X-Ones", &value, NULL));
    assert_false(https_field(span_text(head), "GET /x", &value, NULL));
    assert_false(https_field(SPAN_EMPTY, "X-One", &value, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_the_same_however_it_arrives),
        cmocka_unit_test(test_continue_is_said_once_and_only_when_it_helps),
        cmocka_unit_test(test_what_a_request_tells),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
