/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of BIRD 2.0.12 as they were read from its socket, whole and in pieces, and nonsense. */
#include "bpf/bird_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD "2002-Name       Proto      Table      State  Since         Info\n"
#define END  "0000 \n"

static const struct {
    const char *text;
    unsigned code;
    enum bird_state state;
    enum err result;
} good[] = {
    {"0001 BIRD 2.0.12 ready.\n", 1, BIRD_NOT_TOLD, ERR_OK},
    {HEAD "1002-low        Static     master4    up     05:26:50.638  \n" END, 0, BIRD_UP, ERR_OK},
    {HEAD "1002-low        Static     master4    down   05:26:50.638  \n" END, 0, BIRD_DOWN,
     ERR_OK},
    {HEAD "1002-low        Static     master4    start  05:26:50.638  \n" END, 0, BIRD_CHANGING,
     ERR_OK},
    {HEAD "1002-low        Static\n" END, 0, BIRD_CHANGING, ERR_OK},
    {HEAD "1002-lower      Static     master4    up     05:26:50.638  \n" END, 0, BIRD_NOT_TOLD,
     ERR_OK},
    {HEAD "1002-device1    Device     ---        up     05:26:49.186  \n"
          " low Static     master4    down   05:26:51.039  \n"
          "+another client's echo\n" END,
     0, BIRD_DOWN, ERR_OK},
    {"0011-low: enabled\n" END, 0, BIRD_NOT_TOLD, ERR_OK},
    {"0010-low: already enabled\n" END, 0, BIRD_NOT_TOLD, ERR_OK},
    {"8003 No protocols match\n", 8003, BIRD_NOT_TOLD, ERR_NOT_FOUND},
    {"8007-Access denied\n" END, 8007, BIRD_NOT_TOLD, ERR_CONFLICT},
    {"9001 syntax error, unexpected END\n", 9001, BIRD_NOT_TOLD, ERR_CONFLICT},
};

/* In pieces of `step`. */
static enum err feed(struct bird_reply *r, struct span text, size_t step)
{
    bird_reply_begin(r, "low");
    for (size_t at = 0; at < text.size; at += step) {
        size_t size = text.size - at < step ? text.size - at : step;
        TRY(bird_reply_feed(r, span_of(text.data + at, size)));
    }
    return ERR_OK;
}

static void replies(void **state)
{
    (void)state;
    static struct bird_reply r;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t step = 1; step < 200; step++) {
            struct span text = span_text(good[i].text);
            assert_int_equal(feed(&r, text, step), ERR_OK);
            assert_true(r.ended);
            assert_int_equal(r.code, good[i].code);
            assert_int_equal(r.state, good[i].state);
            assert_int_equal(bird_reply_result(&r), good[i].result);
            /* One octet less is not the end, one more is too much. */
            assert_int_equal(feed(&r, span_of(text.data, text.size - 1), step), ERR_OK);
            assert_false(r.ended);
        }
}

static void refusals_say_why(void **state)
{
    (void)state;
    static struct bird_reply r;
    assert_int_equal(feed(&r, span_text("8003 No protocols\tmatch\n"), 3), ERR_OK);
    assert_string_equal(r.text, "No protocols?match");
    /* The first one counts. */
    assert_int_equal(feed(&r, span_text("8007-Access denied\n8003 No protocols match\n"), 7),
                     ERR_OK);
    assert_int_equal(r.code, 8007);
    assert_string_equal(r.text, "Access denied");
}

static void nonsense(void **state)
{
    (void)state;
    static struct bird_reply r;
    static const char *const bad[] = {"\n",     "hello\n", " first\n", "000x \n",
                                      "0000\n", "0000*\n", "000 \n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(feed(&r, span_text(bad[i]), 1), ERR_MALFORMED);
    assert_int_equal(feed(&r, span_text(END "x"), 100), ERR_TRAILING);
    assert_int_equal(feed(&r, span_text(END "x"), 1), ERR_TRAILING);
}

static void limits(void **state)
{
    (void)state;
    static struct bird_reply r;
    static char line[BIRD_LINE_BYTES_MAX + 1];
    memset(line, 'x', sizeof line);
    memcpy(line, "0000 ", 5);
    bird_reply_begin(&r, NULL);
    assert_int_equal(bird_reply_feed(&r, span_of(line, BIRD_LINE_BYTES_MAX)), ERR_OK);
    assert_int_equal(bird_reply_feed(&r, span_text("\n")), ERR_OK);
    assert_int_equal(strlen(r.text), BIRD_TEXT_BYTES - 1);
    bird_reply_begin(&r, NULL);
    assert_int_equal(bird_reply_feed(&r, span_of(line, sizeof line)), ERR_LIMIT);
    bird_reply_begin(&r, NULL);
    for (unsigned i = 0; i < BIRD_LINES_MAX; i++)
        assert_int_equal(bird_reply_feed(&r, span_text("0011-low\n")), ERR_OK);
    assert_int_equal(bird_reply_feed(&r, span_text(END)), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
