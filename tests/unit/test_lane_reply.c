/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "edge/lane_reply.h"
#include "lib/fast_lane.h"

#define KEY "statim:{x}:log"

/* An answer as Redis sends it: \n stands for \r\n. */
static redisReply *answer_of(const char *text)
{
    char wire[1024];
    size_t size = 0;
    void *reply = NULL;
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            wire[size++] = '\r';
        wire[size++] = *text;
    }
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, wire, size), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static enum err open_text(const char *text, struct lane_reply *ret)
{
    return lane_reply_open(answer_of(text), span_text(KEY), ret);
}

#define HEAD      "*1\n*2\n$14\n" KEY "\n"
#define ENTRY(id) "*2\n" id "*2\n$5\nentry\n$3\nabc\n"

static void entries_come_one_by_one(void **state)
{
    (void)state;
    struct lane_reply r = {0};
    struct lane_entry e;
    assert_int_equal(open_text(HEAD "*3\n" ENTRY("$4\n11-0\n") "*2\n$4\n12-0\n*2\n$4\nsize\n"
                                                               "$7\n1048577\n" ENTRY(
                                                                   "$22\n18446744073709551614-0\n"),
                               &r),
                     ERR_OK);
    assert_int_equal(lane_reply_next(&r, &e), ERR_OK);
    assert_int_equal(e.number, 11);
    assert_true(span_equal(e.octets, span_text("abc")));
    assert_int_equal(lane_reply_next(&r, &e), ERR_OK);
    assert_int_equal(e.number, 12);
    assert_int_equal(e.octets.size, 0);
    assert_int_equal(lane_reply_next(&r, &e), ERR_OK);
    assert_true(e.number == UINT64_MAX - 1);
    assert_int_equal(lane_reply_next(&r, &e), ERR_NOT_FOUND);
    lane_reply_done(&r);
    assert_int_equal(lane_reply_next(&r, &e), ERR_NOT_FOUND);
}

static void nothing_came(void **state)
{
    (void)state;
    struct lane_reply r = {0};
    assert_int_equal(open_text("*-1\n", &r), ERR_NOT_FOUND);
    assert_int_equal(open_text("$-1\n", &r), ERR_NOT_FOUND);
    assert_null(r.reply);
}

static void other_answers_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "-WRONGTYPE Operation against a key\n",
        "+OK\n",
        ":1\n",
        "$3\nabc\n",
        "*0\n",
        "*1\n$3\nabc\n",
        "*1\n*1\n$14\n" KEY "\n",
        "*1\n*2\n$14\nstatim:{y}:log\n*0\n",
        "*1\n*2\n:1\n*0\n",
        "*1\n*2\n$14\n" KEY "\n$1\nx\n",
        "*2\n*2\n$14\n" KEY "\n*0\n*2\n$14\n" KEY "\n*0\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lane_reply r = {0};
        if (open_text(rows[i], &r) != ERR_MALFORMED || r.reply != NULL)
            fail_msg("%s", rows[i]);
    }
}

static void other_entries_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        ":1\n",
        "$-1\n",
        "*0\n",
        "*1\n$4\n11-0\n",
        "*2\n$4\n11-0\n$-1\n",
        "*2\n$4\n11-0\n*0\n",
        "*2\n$4\n11-0\n*1\n$5\nentry\n",
        "*2\n$4\n11-0\n*4\n$5\nentry\n$3\nabc\n$5\nentry\n$3\nabc\n",
        "*2\n$4\n11-0\n*2\n$5\nentry\n$0\n\n",
        "*2\n$4\n11-0\n*2\n$5\nentry\n:7\n",
        "*2\n$4\n11-0\n*2\n$5\nother\n$3\nabc\n",
        "*2\n$4\n11-0\n*2\n$4\nsize\n$3\n100\n",
        "*2\n$4\n11-0\n*2\n$4\nsize\n$8\n99999999\n",
        ENTRY("$4\n11-1\n"),
        ENTRY("$3\n0-0\n"),
        ENTRY("$4\n1x-0\n"),
        ENTRY("$2\n11\n"),
        ENTRY(":11\n"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        struct lane_reply r = {0};
        struct lane_entry e;
        snprintf(text, sizeof text, HEAD "*1\n%s", rows[i]);
        assert_int_equal(open_text(text, &r), ERR_OK);
        if (lane_reply_next(&r, &e) != ERR_MALFORMED)
            fail_msg("%s", rows[i]);
        lane_reply_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_one_by_one),
        cmocka_unit_test(nothing_came),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(other_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
