/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' requests: all that are understood, and what is refused. */
#include "bpf/shed_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum err read_text(const char *text, struct shed_word *ret, const char **ret_why)
{
    json_error_t error;
    json_t *request = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(request))
        fail_msg("%s: %s", text, error.text);
    enum err err = shed_word_read(request, ret, ret_why);
    json_decref(request);
    return err;
}

static struct shed_word good(const char *text)
{
    struct shed_word word;
    const char *why = NULL;
    memset(&word, 0xEE, sizeof word);
    if (read_text(text, &word, &why) != ERR_OK)
        fail_msg("%s: %s", text, why);
    return word;
}

static void questions(void **state)
{
    (void)state;
    static const char *const names[SHED_WORD_COUNT] = {
#define X(name, text) [SHED_WORD_##name] = text,
        SHED_WORD_TABLE(X)
#undef X
    };
    for (unsigned i = 0; i < SHED_WORD_COUNT; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"do\":\"%s\"}", names[i]);
        struct shed_word word = good(text);
        assert_int_equal(word.kind, i);
        assert_false(word.given);
        assert_false(word.takes_back);
    }
}

static void words(void **state)
{
    (void)state;
    struct shed_word w = good("{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"for_s\":60}");
    assert_true(w.kind == SHED_WORD_DENY && w.given && !w.takes_back);
    assert_int_equal(w.prefix.version, 4);
    assert_int_equal(w.prefix.bits, 24);
    assert_int_equal(w.for_s, 60);
    w = good("{\"do\":\"allow\",\"prefix\":\"2001:db8::\",\"remove\":true}");
    assert_true(w.kind == SHED_WORD_ALLOW && w.given && w.takes_back);
    assert_int_equal(w.prefix.version, 6);
    assert_int_equal(w.prefix.bits, 128);
    w = good("{\"do\":\"level\",\"shed_permille\":1000,\"for_s\":2592000}");
    assert_true(w.kind == SHED_WORD_LEVEL && w.given && !w.takes_back);
    assert_int_equal(w.shed_permille, 1000);
    assert_int_equal(w.for_s, CONTROL_WORD_MAX_S);
    w = good("{\"do\":\"level\",\"auto\":true}");
    assert_true(w.given && w.takes_back);
    w = good("{\"do\":\"route\",\"route\":\"withdraw\",\"for_s\":1}");
    assert_true(w.kind == SHED_WORD_ROUTE && w.given && w.route == ROUTE_WITHDRAW);
    w = good("{\"do\":\"route\",\"route\":\"announce\",\"for_s\":1}");
    assert_int_equal(w.route, ROUTE_ANNOUNCE);
    w = good("{\"do\":\"route\",\"route\":\"deprefer\",\"for_s\":1}");
    assert_int_equal(w.route, ROUTE_DEPREFER);
    w = good("{\"do\":\"route\",\"auto\":true}");
    assert_true(w.given && w.takes_back);
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"{}", "do is none of"},
    {"{\"do\":1}", "do is none of"},
    {"{\"do\":\"dance\"}", "do is none of"},
    {"{\"do\":\"top\",\"for_s\":1}", "a key that"},
    {"{\"do\":\"stats\",\"prefix\":\"192.0.2.0/24\"}", "a key that"},
    {"{\"do\":\"deny\",\"for_s\":1}", "a key that"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\"}", "for_s is"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"for_s\":0}", "for_s is"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"for_s\":-1}", "for_s is"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"for_s\":1.5}", "for_s is"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"for_s\":2592001}", "for_s is"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.1/24\",\"for_s\":1}", "bits are set"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2\",\"for_s\":1}", "not a prefix"},
    {"{\"do\":\"deny\",\"prefix\":7,\"for_s\":1}", "a prefix is a text"},
    {"{\"do\":\"deny\",\"remove\":true}", "remove which prefix"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"remove\":false}", "remove and auto"},
    {"{\"do\":\"deny\",\"prefix\":\"192.0.2.0/24\",\"remove\":true,\"for_s\":1}", "a key that"},
    {"{\"do\":\"level\",\"shed_permille\":1001,\"for_s\":1}", "shed_permille is"},
    {"{\"do\":\"level\",\"shed_permille\":-1,\"for_s\":1}", "shed_permille is"},
    {"{\"do\":\"level\",\"shed_permille\":\"1\",\"for_s\":1}", "shed_permille is"},
    {"{\"do\":\"level\",\"shed_permille\":1}", "for_s is"},
    {"{\"do\":\"level\",\"shed_permille\":1,\"auto\":true}", "shed_permille is"},
    {"{\"do\":\"level\",\"auto\":1}", "remove and auto"},
    {"{\"do\":\"route\",\"route\":\"away\",\"for_s\":1}", "a route is"},
    {"{\"do\":\"route\",\"route\":1,\"for_s\":1}", "a route is"},
    {"{\"do\":\"route\",\"route\":\"announce\",\"auto\":true}", "a route is"},
    {"{\"do\":\"route\",\"route\":\"announce\"}", "for_s is"},
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shed_word word = {.for_s = 77};
        const char *why = "nothing";
        enum err err = read_text(bad[i].text, &word, &why);
        if (err != ERR_MALFORMED || strstr(why, bad[i].says) == NULL || word.for_s != 77)
            fail_msg("%s: %s: %s", bad[i].text, err_name(err), why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(questions), cmocka_unit_test(words),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
