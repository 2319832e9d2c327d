/* SPDX-License-Identifier: Apache-2.0 */
/* Which server the link to Redis goes to, and when. */
#include "lib/os/file.h"
#include "tests/unit/redis_link_world.h"

static void test_addresses(void **state)
{
    (void)state;
    char long_path[200];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(redis_link_address_check("127.0.0.1:6379"), ERR_OK);
    assert_int_equal(redis_link_address_check("[::1]:6379"), ERR_OK);
    assert_int_equal(redis_link_address_check("/run/redis/redis.sock"), ERR_OK);
    assert_int_equal(redis_link_address_check("redis.example:6379"), ERR_MALFORMED);
    assert_int_equal(redis_link_address_check("redis.sock"), ERR_MALFORMED);
    assert_int_equal(redis_link_address_check(""), ERR_MALFORMED);
    assert_int_equal(redis_link_address_check(long_path), ERR_MALFORMED);
    struct redis_link_config config = config_of(0);
    assert_int_equal(redis_link_new(&config, &link_), ERR_LIMIT);
    config.address_count = REDIS_LINK_ADDRESSES_MAX + 1;
    assert_int_equal(redis_link_new(&config, &link_), ERR_LIMIT);
    assert_null(link_);
}

static void test_no_answer_in_time(void **state)
{
    (void)state;
    make(1);
    connect_to(&one);
    assert_int_equal(send_word("A"), ERR_OK);
    now_ns += 400 * MS_NS;
    step();
    assert_int_equal(send_word("B"), ERR_OK);
    assert_int_equal(redis_link_wake_ns(link_), now_ns + 100 * MS_NS);
    now_ns += 99 * MS_NS;
    step();
    assert_int_equal(redis_link_pending(link_), 2);
    /* The second has its time from when it is the next. */
    redisReply *reply = NULL;
    redis_double_say(&one, "+OK\r\n");
    await();
    assert_int_equal(redis_link_reply(link_, now_ns, &reply), ERR_OK);
    freeReplyObject(reply);
    now_ns += 499 * MS_NS;
    step();
    assert_int_not_equal(redis_link_session(link_), 0);
    now_ns += 1 * MS_NS;
    step();
    expect_down("no answer in time");
}

static void test_a_server_that_accepts_and_says_nothing(void **state)
{
    (void)state;
    make(2);
    step();
    redis_double_accept(&one);
    now_ns += REDIS_LINK_CONNECT_MS * MS_NS - 1;
    step();
    assert_string_equal(redis_link_address(link_), one.path);
    now_ns += 1;
    step();
    expect_down("no answer in time");
    assert_true(redis_link_wake_ns(link_) <= now_ns);
    connect_to(&two);
}

static void test_the_next_address_and_the_first_again(void **state)
{
    (void)state;
    make(2);
    connect_to(&one);
    exchange(&one);
    now_ns += 2 * S_NS;
    step();
    redis_double_stop(&one);
    await();
    expect_no_reply();
    expect_down("the server hung up");
    /* At once, without a pause. */
    connect_to(&two);
    exchange(&two);
    now_ns += 2 * S_NS;
    step();
    now_ns += (REDIS_LINK_PREFER_S - 3) * S_NS;
    step();
    assert_string_equal(redis_link_address(link_), two.path);
    /* The first is looked at again; it is down; the second goes on. */
    now_ns += 2 * S_NS;
    step();
    assert_int_equal(redis_link_session(link_), 0);
    connect_to(&two);
    exchange(&two);
    redis_double_start(&one, dir, "one");
    now_ns += REDIS_LINK_PREFER_S * S_NS;
    step();
    greet(&one);
    assert_string_equal(redis_link_address(link_), one.path);
}

/* How long the link waits now; the time goes on to then. */
static uint64_t sleep_ms(void)
{
    uint64_t wake_ns = redis_link_wake_ns(link_);
    uint64_t ms = wake_ns > now_ns ? (wake_ns - now_ns) / MS_NS : 0;
    now_ns = wake_ns > now_ns ? wake_ns : now_ns;
    return ms;
}

static void test_pauses_grow_and_end(void **state)
{
    (void)state;
    make(2);
    redis_double_stop(&one);
    redis_double_stop(&two);
    uint64_t expected_ms = REDIS_LINK_PAUSE_FIRST_MS;
    for (int round = 0; round < 12; round++) {
        step();
        assert_int_equal(sleep_ms(), 0); /* the second address at once */
        step();
        uint64_t ms = sleep_ms();
        assert_true(ms >= expected_ms * 3 / 4 && ms <= expected_ms * 5 / 4);
        expected_ms =
            expected_ms * 2 < REDIS_LINK_PAUSE_LAST_MS ? expected_ms * 2 : REDIS_LINK_PAUSE_LAST_MS;
    }
    assert_int_equal(redis_link_counts(link_).failures, 24);
    redis_double_start(&one, dir, "one");
    connect_to(&one);
    exchange(&one);
    /* One that served for a moment only is no reason to try faster. */
    now_ns += REDIS_LINK_SETTLE_MS * MS_NS - 1;
    step();
    redis_double_hang_up(&one);
    await();
    expect_no_reply();
    step();
    step();
    assert_true(sleep_ms() >= REDIS_LINK_PAUSE_LAST_MS * 3 / 4);
    connect_to(&one);
    exchange(&one);
    now_ns += REDIS_LINK_SETTLE_MS * MS_NS;
    step();
    redis_double_hang_up(&one);
    await();
    expect_no_reply();
    step();
    step();
    assert_true(sleep_ms() <= REDIS_LINK_PAUSE_FIRST_MS * 5 / 4);
}

static void test_auth(void **state)
{
    (void)state;
    char path[SCRATCH_BYTES + 16];
    struct redis_link_config config = config_of(1);
    snprintf(path, sizeof path, "%s/password", dir);
    config.password_file = path;
    assert_int_equal(redis_link_new(&config, &link_), ERR_OK);
    step();
    redis_double_accept(&one);
    step();
    expect_down("not found");
    assert_int_equal(file_publish_lazy(path, span_text("open sesame\nmore\n"), 0600), ERR_OK);
    now_ns += S_NS;
    step();
    redis_double_accept(&one);
    step();
    struct redis_double_command c = {0};
    assert_true(redis_double_hear(&one, REDIS_DOUBLE_WAIT_MS, &c));
    assert_true(c.count == 2 && redis_double_is(&c, 0, "AUTH"));
    assert_true(redis_double_is(&c, 1, "open sesame"));
    redis_double_heard(&one, &c);
    redis_double_expect(&one, "PING");
    redis_double_say(&one, "+OK\r\n");
    await();
    step();
    assert_int_equal(redis_link_session(link_), 0);
    redis_double_say(&one, "+PONG\r\n");
    await();
    step();
    assert_int_equal(redis_link_session(link_), 1);
    link_ = redis_link_free(link_);
    config.user = "edge";
    assert_int_equal(redis_link_new(&config, &link_), ERR_OK);
    step();
    redis_double_accept(&one);
    step();
    redis_double_expect(&one, "AUTH edge open sesame");
    redis_double_say(&one, "-WRONGPASS invalid username-password pair\r\n");
    await();
    step();
    expect_down("WRONGPASS");
}

static void test_given_up_by_the_caller(void **state)
{
    (void)state;
    make(1);
    redis_link_fail(link_, now_ns, "nothing to fail");
    assert_string_equal(redis_link_trouble(link_), "");
    connect_to(&one);
    assert_int_equal(send_word("A"), ERR_OK);
    redis_link_fail(link_, now_ns, "no use");
    expect_down("no use");
    assert_int_equal(redis_link_pending(link_), 0);
    assert_int_equal(redis_link_fd(link_), -1);
    expect_no_reply();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_addresses),
        T(test_no_answer_in_time),
        T(test_a_server_that_accepts_and_says_nothing),
        T(test_the_next_address_and_the_first_again),
        T(test_pauses_grow_and_end),
        T(test_auth),
        T(test_given_up_by_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
