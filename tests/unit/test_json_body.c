/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "issuer/json_body.h"

enum { NAME, TEXT, LINES, NUMBER, FLAG, LIST, OBJECT };

static const struct json_field fields[] = {
    [NAME] = {"name", JSON_KIND_TEXT, true, 1, 8},
    [TEXT] = {"text", JSON_KIND_UTF8, false, 0, 8},
    [LINES] = {"lines", JSON_KIND_LINES, false, 0, 20},
    [NUMBER] = {"number", JSON_KIND_NUMBER, false, 2, 1000},
    [FLAG] = {"flag", JSON_KIND_FLAG, false, 0, 0},
    [LIST] = {"list", JSON_KIND_TEXTS, false, 1, 4},
    [OBJECT] = {"object", JSON_KIND_OBJECT, false, 1, 8},
    {0},
};

static enum err read_body(const char *text, struct json_body *body, struct problem *why)
{
    *why = (struct problem){0};
    enum err err = json_body_read(span_text(text), fields, body, why);
    assert_true(err == ERR_OK || why->detail[0] != '\0');
    return err;
}

static void assert_text(struct span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

static void test_what_is_given(void **state)
{
    struct json_body body;
    struct problem why;
    (void)state;
    assert_int_equal(read_body("{\"name\":\"a'b\",\"text\":\"\\u00e9\",\"lines\":\"a\\r\\nb\\n\","
                               "\"number\":7,\"flag\":true,\"list\":[\"x\",\"yy\"],"
                               "\"object\":{\"k\":\"v\"}}",
                               &body, &why),
                     ERR_OK);
    assert_text(json_body_text(&body, NAME), "a'b");
    assert_string_equal(json_body_string(&body, NAME), "a'b");
    assert_text(json_body_text(&body, TEXT), "\xc3\xa9");
    assert_text(json_body_text(&body, LINES), "a\r\nb\n");
    assert_int_equal(json_body_number(&body, NUMBER, 1), 7);
    assert_true(json_body_flag(&body, FLAG, false));
    assert_int_equal(json_body_count(&body, LIST), 2);
    assert_text(json_body_item(&body, LIST, 1), "yy");
    assert_text(json_body_member(&body, OBJECT, "k"), "v");
    assert_null(json_body_member(&body, OBJECT, "l").data);
    json_body_done(&body);
}

static void test_what_is_absent(void **state)
{
    struct json_body body;
    struct problem why;
    (void)state;
    assert_int_equal(read_body(" {\"name\":\"a\",\"number\":null} \n", &body, &why), ERR_OK);
    assert_null(json_body_text(&body, TEXT).data);
    assert_null(json_body_string(&body, TEXT));
    assert_int_equal(json_body_number(&body, NUMBER, 55), 55);
    assert_true(json_body_flag(&body, FLAG, true));
    assert_int_equal(json_body_count(&body, LIST), 0);
    assert_null(json_body_item(&body, LIST, 0).data);
    assert_null(json_body_member(&body, OBJECT, "k").data);
    json_body_done(&body);
}

/* Not JSON, or not in the form in which everybody reads the same. */
static const char *const not_json[] = {
    "",
    " ",
    "{",
    "[]",
    "1",
    "null",
    "\"a\"",
    "{\"name\":\"a\"",
    "{\"name\":\"a\"}x",
    "{\"name\":\"a\"}{\"name\":\"a\"}",
    "{\"name\":\"a\",\"name\":\"b\"}",
    "{'name':'a'}",
    "{\"name\":\"a\",}",
    "{name:\"a\"}",
    "{\"name\":\"\\u0000\"}",
    "{\"na\\u0000me\":\"a\"}",
    "{\"name\":\"\xff\"}",
    "{\"name\":\"\\ud800\"}",
    "{\"name\":\"a\" /* b */}",
    "{\"name\":\"a\",\"number\":99999999999999999999}",
    "{\"name\":\"a\",\"number\":+1}",
    "{\"name\":\"a\",\"number\":01}",
    "{\"name\":\"a\",\"number\":NaN}",
    "\xef\xbb\xbf{\"name\":\"a\"}",
    "{\"name\":\"a\",\"x\":[[[[[[[[[1]]]]]]]]]}",
};

static void test_what_is_not_json(void **state)
{
    struct json_body body;
    struct problem why;
    (void)state;
    for (size_t i = 0; i < sizeof not_json / sizeof not_json[0]; i++) {
        print_message("%s\n", not_json[i]);
        assert_int_equal(read_body(not_json[i], &body, &why), ERR_MALFORMED);
        assert_int_equal(why.type, PROBLEM_JSON);
    }
}

/* One wrong member each, by its name. */
static const struct {
    const char *field, *text;
} wrong[] = {
    {"name", "{}"},
    {"name", "{\"name\":null}"},
    {"name", "{\"name\":\"\"}"},
    {"name", "{\"name\":\"123456789\"}"},
    {"name", "{\"name\":1}"},
    {"name", "{\"name\":[\"a\"]}"},
    {"name", "{\"name\":\"a\\nb\"}"},
    {"name", "{\"name\":\"\\u00e9\"}"},
    {"name", "{\"name\":\"\\u007f\"}"},
    {"text", "{\"name\":\"a\",\"text\":\"a\\tb\"}"},
    {"lines", "{\"name\":\"a\",\"lines\":\"a\\tb\"}"},
    {"lines", "{\"name\":\"a\",\"lines\":\"\\u00e9\"}"},
    {"number", "{\"name\":\"a\",\"number\":1}"},
    {"number", "{\"name\":\"a\",\"number\":1001}"},
    {"number", "{\"name\":\"a\",\"number\":-5}"},
    {"number", "{\"name\":\"a\",\"number\":5.0}"},
    {"number", "{\"name\":\"a\",\"number\":\"5\"}"},
    {"flag", "{\"name\":\"a\",\"flag\":1}"},
    {"list", "{\"name\":\"a\",\"list\":\"x\"}"},
    {"list", "{\"name\":\"a\",\"list\":[\"\"]}"},
    {"list", "{\"name\":\"a\",\"list\":[\"12345\"]}"},
    {"list", "{\"name\":\"a\",\"list\":[\"a\",1]}"},
    {"object", "{\"name\":\"a\",\"object\":[]}"},
    {"object", "{\"name\":\"a\",\"object\":{\"a\":1}}"},
    {"object", "{\"name\":\"a\",\"object\":{\"a\":\"\"}}"},
    {"other", "{\"name\":\"a\",\"other\":1}"},
    {"other", "{\"name\":\"a\",\"other\":null}"},
    {"Name", "{\"name\":\"a\",\"Name\":\"a\"}"},
};

static void test_wrong_members(void **state)
{
    struct json_body body;
    struct problem why;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        print_message("%s\n", wrong[i].text);
        assert_int_equal(read_body(wrong[i].text, &body, &why), ERR_MALFORMED);
        assert_int_equal(why.type, PROBLEM_FIELD);
        assert_int_equal(why.error_count, 1);
        assert_string_equal(why.errors[0].field, wrong[i].field);
    }
}

static void test_all_that_is_wrong_is_said_at_once(void **state)
{
    struct json_body body;
    struct problem why;
    (void)state;
    assert_int_equal(read_body("{\"number\":0,\"flag\":0,\"x\":1,\"y\":2}", &body, &why),
                     ERR_MALFORMED);
    assert_int_equal(why.error_count, 5);
    assert_string_equal(why.errors[0].field, "name");
}

static void test_lists_and_depth_have_their_limits(void **state)
{
    char text[2 * 4 * JSON_BODY_LIST_MAX];
    struct json_body body;
    struct problem why;
    (void)state;
    for (int count = JSON_BODY_LIST_MAX; count <= JSON_BODY_LIST_MAX + 1; count++) {
        size_t size = (size_t)snprintf(text, sizeof text, "{\"name\":\"a\",\"list\":[\"b\"");
        for (int i = 1; i < count; i++)
            size += (size_t)snprintf(text + size, sizeof text - size, ",\"b\"");
        snprintf(text + size, sizeof text - size, "]}");
        enum err err = read_body(text, &body, &why);
        assert_int_equal(err, count <= JSON_BODY_LIST_MAX ? ERR_OK : ERR_MALFORMED);
        if (err == ERR_OK)
            json_body_done(&body);
    }
    /* Brackets within a string do not nest. */
    assert_int_equal(read_body("{\"name\":\"[[[[[[[[\"}", &body, &why), ERR_OK);
    json_body_done(&body);
    assert_int_equal(read_body("{\"name\":\"\\\"[[[[[\"}", &body, &why), ERR_OK);
    json_body_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_given),
        cmocka_unit_test(test_what_is_absent),
        cmocka_unit_test(test_what_is_not_json),
        cmocka_unit_test(test_wrong_members),
        cmocka_unit_test(test_all_that_is_wrong_is_said_at_once),
        cmocka_unit_test(test_lists_and_depth_have_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
