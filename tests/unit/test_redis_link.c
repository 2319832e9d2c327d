/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and answers of the link to Redis. */
#include "tests/unit/redis_link_world.h"

static void test_a_command_and_its_answer(void **state)
{
    (void)state;
    make(1);
    assert_int_equal(send_word("EARLY"), ERR_NOT_FOUND);
    assert_int_equal(redis_link_fd(link_), -1);
    connect_to(&one);
    assert_int_equal(redis_link_session(link_), 1);
    assert_int_equal(redis_link_counts(link_).connections, 0);
    exchange(&one);
    assert_int_equal(redis_link_counts(link_).connections, 1);
    assert_int_equal(redis_link_counts(link_).failures, 0);
    /* Octets of any kind. */
    struct span argv[] = {span_text("SET"), span_of("a\0\r\n", 4), SPAN_EMPTY};
    struct redis_double_command c;
    assert_int_equal(redis_link_send(link_, now_ns, 3, argv, 500), ERR_OK);
    assert_true(redis_double_hear(&one, REDIS_DOUBLE_WAIT_MS, &c));
    assert_int_equal(c.count, 3);
    assert_int_equal(c.sizes[1], 4);
    assert_memory_equal(c.words[1], "a\0\r\n", 4);
    assert_int_equal(c.sizes[2], 0);
}

static void test_answers_in_pieces(void **state)
{
    (void)state;
    static const char answer[] = "*2\r\n$3\r\na\r\n\r\n:12\r\n+OK\r\n";
    redisReply *reply = NULL;
    make(1);
    connect_to(&one);
    assert_int_equal(send_word("A"), ERR_OK);
    assert_int_equal(send_word("B"), ERR_OK);
    assert_int_equal(redis_link_pending(link_), 2);
    for (size_t i = 0; i < 18; i++) {
        redis_double_say_octets(&one, answer + i, 1);
        await();
        if (i < 17)
            expect_no_reply();
    }
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    assert_int_equal(reply->elements, 2);
    assert_memory_equal(reply->element[0]->str, "a\r\n", 3);
    freeReplyObject(reply);
    redis_double_say(&one, answer + 18);
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    assert_int_equal(redis_link_pending(link_), 0);
}

static void test_a_large_command_goes_in_pieces(void **state)
{
    (void)state;
    static char octets[3 << 20];
    struct redis_double_command c;
    struct span argv[] = {span_text("SET"), span_of(octets, sizeof octets)};
    make(1);
    connect_to(&one);
    assert_int_equal(redis_link_send(link_, now_ns, 2, argv, 500), ERR_OK);
    assert_int_equal(redis_link_events(link_) & POLLOUT, POLLOUT);
    /* Another would be too much; one too large never goes. */
    assert_int_equal(redis_link_send(link_, now_ns, 2, argv, 500), ERR_BUSY);
    argv[1].size = REDIS_LINK_QUEUE_BYTES_MAX + 1;
    assert_int_equal(redis_link_send(link_, now_ns, 2, argv, 500), ERR_LIMIT);
    while (!redis_double_hear(&one, 0, &c))
        step();
    assert_int_equal(c.sizes[1], sizeof octets);
    assert_int_equal(redis_link_events(link_) & POLLOUT, 0);
}

static void test_so_many_commands(void **state)
{
    (void)state;
    make(1);
    connect_to(&one);
    for (size_t i = 0; i < REDIS_LINK_COMMANDS_MAX; i++)
        assert_int_equal(send_word("A"), ERR_OK);
    assert_int_equal(send_word("A"), ERR_BUSY);
    redisReply *reply = NULL;
    redis_double_say(&one, "+OK\r\n");
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    freeReplyObject(reply);
    assert_int_equal(send_word("A"), ERR_OK);
}

static void test_errors_for_the_caller_and_for_the_link(void **state)
{
    (void)state;
    static const char *const refusals[] = {
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "NOAUTH Authentication required.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "NOPERM this user has no permissions",
        "UNBLOCKED force unblock from blocking operation",
    };
    char text[200];
    redisReply *reply = NULL;
    make(1);
    connect_to(&one);
    assert_int_equal(send_word("A"), ERR_OK);
    redis_double_say(&one, "-ERR READONLY is not the first word\r\n");
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_int_equal(send_word("A"), ERR_OK);
        snprintf(text, sizeof text, "-%s\r\n", refusals[i]);
        redis_double_say(&one, text);
        await();
        expect_no_reply();
        expect_down(refusals[i]);
        now_ns += 20 * S_NS;
        connect_to(&one);
    }
    assert_int_equal(redis_link_session(link_), 1 + sizeof refusals / sizeof refusals[0]);
}

static void test_what_no_redis_says(void **state)
{
    (void)state;
    static const struct {
        const char *says, *why;
    } rows[] = {
        {"HTTP/1.1 400 Bad Request\r\n", "no answer of Redis"},
        {"*3000000\r\n", "too large"},
        {"*2\r\n*150000\r\n:1\r\n", NULL}, /* it may come yet */
        {"*-7\r\n", "no answer of Redis"},
        {"$99999999999999999999\r\n", "no answer of Redis"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "no answer of Redis"},
    };
    make(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        connect_to(&one);
        assert_int_equal(send_word("A"), ERR_OK);
        redis_double_say(&one, rows[i].says);
        await();
        expect_no_reply();
        if (rows[i].why != NULL)
            expect_down(rows[i].why);
        else
            redis_link_fail(link_, now_ns, "the test goes on");
        now_ns += 20 * S_NS;
    }
}

static void test_answers_without_end(void **state)
{
    (void)state;
    static char octets[REDIS_LINK_QUEUE_BYTES_MAX];
    redisReply *reply = NULL;
    make(1);
    memset(octets, 'x', sizeof octets);
    connect_to(&one);
    assert_int_equal(send_word("A"), ERR_OK);
    redis_double_say(&one, "$900000\r\n");
    redis_double_expect(&one, "A");
    size_t sent = 0;
    while (sent < 900000) {
        ssize_t n = send(one.fd, octets + sent, 900000 - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        expect_no_reply();
    }
    redis_double_say(&one, "\r\n");
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    assert_int_equal(reply->len, 900000);
    freeReplyObject(reply);
    assert_int_equal(send_word("A"), ERR_OK);
    redis_double_say(&one, "$3000000\r\n");
    for (sent = 0; sent < 3000000 && redis_link_session(link_) != 0;) {
        ssize_t n = send(one.fd, octets + sent, 3000000 - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        expect_no_reply();
    }
    expect_down("too large");
}

static void test_an_answer_to_nothing(void **state)
{
    (void)state;
    make(1);
    connect_to(&one);
    redis_double_say(&one, "+OK\r\n");
    await();
    expect_no_reply();
    expect_down("no answer of Redis");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_a_command_and_its_answer),
        T(test_answers_in_pieces),
        T(test_a_large_command_goes_in_pieces),
        T(test_so_many_commands),
        T(test_errors_for_the_caller_and_for_the_link),
        T(test_what_no_redis_says),
        T(test_answers_without_end),
        T(test_an_answer_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
