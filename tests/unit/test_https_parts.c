/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts of the HTTPS server: queries, sources, answers, problem documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "issuer/https_answer.h"
#include "issuer/https_query.h"
#include "issuer/https_source.h"
#include "issuer/problem_json.h"
#include "lib/http_response.h"

static void assert_text(struct span span, const char *text)
{
    assert_non_null(span.data);
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

/* --- Queries --- */

static const char *const names[] = {"san", "limit", "cursor", NULL};

static enum err read_query(const char *text, struct https_query *query)
{
    struct problem why = {0};
    enum err err = https_query_read(span_text(text), names, query, &why);
    assert_true(err == ERR_OK || (why.type == PROBLEM_FIELD && why.detail[0] != '\0'));
    return err;
}

static void test_queries(void **state)
{
    struct https_query query;
    (void)state;
    assert_int_equal(read_query("", &query), ERR_OK);
    assert_null(query.values[0].data);
    assert_int_equal(read_query("limit=10&san=*.a%2Db+c%2b", &query), ERR_OK);
    assert_text(query.values[0], "*.a-b c+");
    assert_text(query.values[1], "10");
    assert_null(query.values[2].data);
    assert_int_equal(read_query("san=&limit", &query), ERR_OK);
    assert_text(query.values[0], "");
    assert_text(query.values[1], "");
    assert_int_equal(read_query("s%61n=a=b'--%22;", &query), ERR_OK);
    assert_text(query.values[0], "a=b'--\";");
}

static void test_queries_that_are_refused(void **state)
{
    static const char *const wrong[] = {"x=1",        "san=1&san=1", "san=%",   "san=%4",
                                        "san=%4g",    "san=%00",     "san=%0a", "san=%7f",
                                        "san=%c3%a9", "=1",          "SAN=1",   "san=1&&limit=1",
                                        "san =1",     "&",           "sanx=1",  "san=a\tb"};
    struct https_query query;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        print_message("%s\n", wrong[i]);
        assert_int_equal(read_query(wrong[i], &query), ERR_MALFORMED);
    }
    char *longest = malloc(HTTP_TARGET_BYTES_MAX + 2);
    memset(longest, 'a', HTTP_TARGET_BYTES_MAX + 1);
    longest[HTTP_TARGET_BYTES_MAX + 1] = '\0';
    memcpy(longest, "san=", 4);
    assert_int_equal(read_query(longest, &query), ERR_MALFORMED);
    longest[HTTP_TARGET_BYTES_MAX] = '\0';
    assert_int_equal(read_query(longest, &query), ERR_OK);
    assert_int_equal(query.values[0].size, HTTP_TARGET_BYTES_MAX - 4);
    free(longest);
}

static void test_numbers(void **state)
{
    static const char *const wrong[] = {"",   "0",  "101", "-1",  "+1",
                                        "01", "1 ", "1e1", "0x1", "18446744073709551617"};
    struct problem why = {0};
    uint64_t number = 7;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(https_query_number(span_text(wrong[i]), "n", 1, 100, 5, &number, &why),
                         ERR_MALFORMED);
    assert_int_equal(number, 7);
    assert_int_equal(https_query_number(SPAN_EMPTY, "n", 1, 100, 5, &number, &why), ERR_OK);
    assert_int_equal(number, 5);
    assert_int_equal(https_query_number(span_text("100"), "n", 1, 100, 5, &number, &why), ERR_OK);
    assert_int_equal(number, 100);
}

/* --- Sources --- */

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_from_text(span_text(text), &address), ERR_OK);
    return address;
}

static void test_sources(void **state)
{
    struct https_sources *sources;
    struct https_source members[6] = {0};
    struct address a = address_of("192.0.2.1:1"), b = address_of("192.0.2.2:1"),
                   mapped = address_of("[::ffff:192.0.2.1]:9"), v6 = address_of("[2001:db8::1]:1"),
                   same_64 = address_of("[2001:db8::2:2]:2"),
                   other_64 = address_of("[2001:db8:0:1::1]:1");
    (void)state;
    assert_int_equal(https_sources_make(4, &sources), ERR_OK);
    assert_true(https_source_join(sources, &a, 2, &members[0]));
    assert_true(https_source_join(sources, &a, 2, &members[1]));
    assert_false(https_source_join(sources, &a, 2, &members[2]));
    assert_false(https_source_join(sources, &mapped, 2, &members[2]));
    assert_true(https_source_join(sources, &b, 2, &members[2]));
    https_source_leave(&members[0]);
    assert_true(https_source_join(sources, &mapped, 2, &members[0]));
    assert_true(https_source_join(sources, &v6, 1, &members[3]));
    assert_false(https_source_join(sources, &same_64, 1, &members[4]));
    assert_true(https_source_join(sources, &other_64, 1, &members[4]));
    assert_true(https_source_join(sources, &v6, 0, &members[5]));
    for (size_t i = 0; i < 6; i++)
        https_source_leave(&members[i]);
    https_source_leave(&members[0]); /* one that is no member */
    assert_true(https_source_join(sources, &a, 1, &members[0]));
    https_sources_free(sources);
}

/* --- Answers --- */

static const struct https_answer_traits traits = {
    .request_id = "0123", .keep_alive = true, .time_s = 0};

static char *write_answer(const struct https_response *response,
                          const struct https_answer_traits *how)
{
    struct buffer out = {0};
    assert_int_equal(https_answer_write(response, how, &out), ERR_OK);
    char *text = strndup((const char *)out.data, out.size);
    buffer_done(&out);
    return text;
}

#define USUAL "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nRequest-Id: 0123\r\n"
#define DATE  "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

static void test_answers(void **state)
{
    struct https_response response = {.status = 201, .location = "/v1/x"};
    struct https_answer_traits how = traits;
    (void)state;
    assert_true(https_answer_body(&response, "text/plain", span_text("ab")));
    assert_true(https_answer_body(&response, "text/plain", span_text("c")));
    char *text = write_answer(&response, &how);
    assert_string_equal(text, "HTTP/1.1 201 Created\r\n" DATE "Content-Type: text/plain\r\n"
                              "Content-Length: 3\r\n" USUAL "Location: /v1/x\r\n\r\nabc");
    free(text);
    how.is_head = true;
    how.keep_alive = false;
    text = write_answer(&response, &how);
    assert_non_null(strstr(text, "Content-Length: 3\r\n"));
    assert_non_null(strstr(text, "Connection: close\r\n\r\n"));
    assert_null(strstr(text, "abc"));
    free(text);
    response.status = 204;
    text = write_answer(&response, &traits);
    assert_null(strstr(text, "Content-Length"));
    assert_null(strstr(text, "abc"));
    free(text);
    /* A field that would be two. */
    response.status = 200;
    snprintf(response.location, sizeof response.location, "/a\r\nX: y");
    text = write_answer(&response, &traits);
    assert_memory_equal(text, "HTTP/1.1 500 ", 13);
    assert_null(strstr(text, "X: y"));
    assert_null(strstr(text, "abc"));
    free(text);
    buffer_done(&response.body);
}

static void test_answers_to_refusals(void **state)
{
    struct https_request request = {.request_id = "0123"};
    struct https_response response = {.status = 200};
    struct https_answer_traits how = traits;
    struct problem why = {0};
    (void)state;
    problem_set(&why, PROBLEM_UNAUTHORIZED, "no");
    https_answer_problem(&request, &why, &response);
    how.allow = "GET, HEAD";
    char *text = write_answer(&response, &how);
    assert_memory_equal(text, "HTTP/1.1 401 Unauthorized\r\n", 27);
    assert_non_null(strstr(text, "WWW-Authenticate: Bearer\r\n"));
    assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
    assert_non_null(strstr(text, "Content-Type: application/problem+json\r\n"));
    free(text);
    problem_set(&why, PROBLEM_REGISTRY, "no");
    https_answer_problem(&request, &why, &response);
    assert_int_equal(response.status, 503);
    assert_int_not_equal(response.retry_after_s, 0);
    buffer_done(&response.body);
}

/* --- Problems --- */

static json_t *document_of(const struct problem *problem)
{
    struct buffer out = {0};
    assert_int_equal(problem_to_json(problem, "id", &out), ERR_OK);
    json_t *document = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    buffer_done(&out);
    return document;
}

static void test_problems(void **state)
{
    struct problem problem = {0};
    (void)state;
    assert_int_equal(problem_set_rule(&problem, PROBLEM_NAME, "e_x", "a \"b\" \x01\xff\n%d", 7),
                     ERR_MALFORMED);
    problem_add(&problem, "f\xff\x01", "%s", "d\xc3");
    json_t *document = document_of(&problem);
    const char *type, *title, *detail, *rule, *id, *field, *what;
    int status;
    assert_int_equal(json_unpack_ex(document, NULL, JSON_STRICT, "{ss,ss,si,ss,ss,ss,s[{ss,ss!}!]}",
                                    "type", &type, "title", &title, "status", &status, "detail",
                                    &detail, "rule", &rule, "request_id", &id, "errors", "field",
                                    &field, "detail", &what),
                     0);
    assert_string_equal(type, "urn:statim:problem:bad-name");
    assert_int_equal(status, 422);
    assert_string_equal(detail, "a \"b\" ???7");
    assert_string_equal(rule, "e_x");
    assert_string_equal(field, "f??");
    assert_string_equal(what, "d?");
    json_decref(document);
    /* Set again, it has neither rule nor errors. */
    assert_int_equal(problem_set(&problem, PROBLEM_INTERNAL, "x"), ERR_IO);
    document = document_of(&problem);
    assert_null(json_object_get(document, "rule"));
    assert_null(json_object_get(document, "errors"));
    json_decref(document);
}

/* Every word once, every status one that we can say, no problem that would be a success. */
static void test_the_table_of_problems(void **state)
{
    (void)state;
    for (enum problem_type i = 0; i < PROBLEM_COUNT; i++) {
        struct problem problem = {.type = i};
        assert_true(problem_status(i) >= 400);
        assert_string_not_equal(http_status_reason(problem_status(i)), "Unknown");
        assert_int_not_equal(problem_err(i), ERR_OK);
        for (enum problem_type j = 0; j < i; j++)
            assert_string_not_equal(problem_word(i), problem_word(j));
        json_decref(document_of(&problem));
    }
}

static void test_long_problems_are_cut(void **state)
{
    struct problem problem = {0};
    char text[1000];
    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    problem_set_rule(&problem, PROBLEM_LINT, text, "%s", text);
    for (size_t i = 0; i < PROBLEM_ERRORS_MAX + 3; i++)
        problem_add(&problem, text, "%s", text);
    assert_int_equal(problem.error_count, PROBLEM_ERRORS_MAX);
    json_decref(document_of(&problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_queries_that_are_refused),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_to_refusals),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_the_table_of_problems),
        cmocka_unit_test(test_long_problems_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
