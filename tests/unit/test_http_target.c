/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the request codec that read values: targets, entity-tag lists, verdict texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/http_request.h"
#include "lib/http_target.h"
#include "tests/unit/guard_page.h"

static const struct {
    const char *target, *path;
} targets[] = {
    {"/", "/"},
    {"//a//b?c", "//a//b?c"},
    {"http://h/a?b", "/a?b"},
    {"HTTPS://h:1//a", "//a"},
    {"http://h", "/"},
    {"http://h?q", "?q"},
    {"*", NULL},
    {"", NULL},
    {"http://", NULL},
    {"http:///a", NULL},
    {"ftp://h/a", NULL},
    {"h:80", NULL},
    {"a/b", NULL},
    {"http:/", NULL},
};

static void target_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct span path = SPAN_EMPTY;
        struct span target = guard_copy(targets[i].target, strlen(targets[i].target));
        assert_int_equal(http_target_path(target, &path), targets[i].path != NULL);
        if (targets[i].path != NULL)
            assert_true(span_equal(path, span_text(targets[i].path)));
        else
            assert_null(path.data);
    }
}

static const struct {
    const char *value;
    bool matches; /* "tag" */
} etags[] = {
    {"\"tag\"", true},
    {"W/\"tag\"", true},
    {"*", true},
    {" * ", true},
    {"\"a\", \"tag\"", true},
    {"\"a\",\"tag\",\"b\"", true},
    {",, \"tag\" ,", true},
    {"W/\"a\" ,\tW/\"tag\"", true},
    {"\"a,b\", \"tag\"", true},
    {"", false},
    {",", false},
    {"\"tagg\"", false},
    {"\"TAG\"", false},
    {"tag", false},
    {"\"tag", false},
    {"w/\"tag\"", false},
    {"W/ \"tag\"", false},
    {"W\"tag\"", false},
    {"W/", false},
    {"\"tag\" \"b\"", false},
    {"\"tag\", b", false},
    {"\"tag\", \"b", false},
    {"\"tag\", *", false},
    {"*, \"tag\"", false},
    {"\"a \", \"tag\"", false},
    {"\"\"", false},
};

static void etag_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++)
        if (http_etag_matches(guard_copy(etags[i].value, strlen(etags[i].value)),
                              span_text("\"tag\"")) != etags[i].matches)
            fail_msg("wrong: %s", etags[i].value);
}

/* The strong comparison differs where a tag is weak alone. */
static void strong_etag_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++) {
        const char *value = etags[i].value;
        bool expected = etags[i].matches && strstr(value, "W/\"tag\"") == NULL;
        if (http_etag_is_listed(guard_copy(value, strlen(value)), span_text("\"tag\"")) != expected)
            fail_msg("wrong: %s", value);
    }
    assert_true(http_etag_is_listed(span_text("W/\"tag\", \"tag\""), span_text("\"tag\"")));
}

static void verdict_texts(void **state)
{
    (void)state;
    assert_int_equal(http_verdict_status(HTTP_BAD_REQUEST), 400);
    assert_int_equal(http_verdict_status(HTTP_HEAD_TOO_LARGE), 431);
    assert_string_equal(http_verdict_text(HTTP_LENGTH_REQUIRED), "a body without Content-Length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_paths),
        cmocka_unit_test(etag_lists),
        cmocka_unit_test(strong_etag_lists),
        cmocka_unit_test(verdict_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
