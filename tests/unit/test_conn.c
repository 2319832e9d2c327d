/* SPDX-License-Identifier: Apache-2.0 */
/* The connection core, event by event. The long random walks are in tests/sim. */
#include "tests/unit/conn_world.h"

static void test_every_split(void **state)
{
    (void)state;
    static const char two[] = GET_404 POST_HEAD "\r\nhello";
    for (size_t cut = 1; cut < sizeof two - 1; cut++) {
        t.sent_size = 0;
        receive_octets(two, cut);
        take_all();
        receive_octets(two + cut, sizeof two - 1 - cut);
        take_all();
        assert_int_equal(responses("404"), 1);
        assert_int_equal(responses("200"), 1);
        assert_int_equal(t.conn.state, CONN_IDLE);
        assert_null(t.conn.input);
        assert_null(t.conn.output);
    }
}

static void test_octet_by_octet(void **state)
{
    (void)state;
    static const char text[] = POST_HEAD "\r\nhello" GET_404;
    for (size_t i = 0; i < sizeof text - 1; i++)
        receive_octets(text + i, 1);
    take_all();
    assert_int_equal(responses("200"), 1);
    assert_int_equal(responses("404"), 1);
    assert_int_equal(outcomes(OUTCOME_MALFORMED), 1);
}

static void test_pipelined_in_one_send(void **state)
{
    (void)state;
    receive(GET_404 GET_404 GET_404);
    size_t size = t.flight.size;
    take(1); /* short sends */
    assert_int_equal(t.flight.size, size - 1);
    take(7);
    take_all();
    assert_int_equal(responses("404"), 3);
}

/* While one send is in flight the next answers gather behind it and do not move it. */
static void test_answers_behind_a_send(void **state)
{
    (void)state;
    char copy[1024];
    receive(GET_404);
    memcpy(copy, t.flight.data, t.flight.size);
    receive(GET_404);
    receive(GET_404);
    assert_memory_equal(copy, t.flight.data, t.flight.size);
    take_all();
    assert_int_equal(responses("404"), 3);
}

static void test_pause_and_resume(void **state)
{
    (void)state;
    unsigned asked = 0;
    for (; !t.pause_seen && asked < 400; asked++)
        receive(GET_404);
    assert_true(t.pause_seen);
    assert_true(t.conn.input_size >= CONN_PARKED_BYTES);
    assert_false(t.resume_seen);
    take_all();
    assert_true(t.resume_seen);
    assert_int_equal(responses("404"), asked);
    assert_null(t.conn.input);
}

static void test_overrun(void **state)
{
    (void)state;
    unsigned asked = 0;
    while (t.conn.state != CONN_LAST && asked < 2000) {
        receive(GET_404);
        asked++;
    }
    expect_end(CONN_END_OVERRUN);
    assert_true(responses("404") < asked);
}

static void test_framing_errors(void **state)
{
    static const struct {
        const char *text;
        const char *status;
        enum outcome outcome;
    } rows[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", "400", OUTCOME_BAD_HTTP},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", OUTCOME_BAD_HTTP},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400", OUTCOME_BAD_HTTP},
        {"GET / HTTP/1.1\r\n\r\n", "400", OUTCOME_BAD_HTTP},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", OUTCOME_BAD_HTTP},
        {POST_HEAD "Content-Length: 6\r\n\r\nhello", "400", OUTCOME_BAD_HTTP},
        {POST_HEAD "Transfer-Encoding: chunked\r\n\r\nhello", "400", OUTCOME_BAD_HTTP},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "411",
         OUTCOME_LENGTH_REQUIRED},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", "413",
         OUTCOME_BODY_TOO_LARGE},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505", OUTCOME_VERSION},
    };
    teardown(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup(state);
        receive(rows[i].text);
        if (outcomes(rows[i].outcome) != 1)
            fail_msg("row %zu", i);
        /* What follows in doubt is not read. */
        receive(GET_404);
        expect_end(CONN_END_HTTP_ERROR);
        assert_int_equal(responses(rows[i].status), 1);
        assert_int_equal(responses("404"), 0);
        assert_int_equal(t.counters[SERVE_REQUESTS], 1);
        assert_non_null(memmem(t.sent, t.sent_size, "Connection: close\r\n", 19));
        teardown(state);
    }
    setup(state);
}

static void test_keep_alive_rules(void **state)
{
    static const struct {
        const char *text;
        bool closes;
        const char *field; /* or NULL */
    } rows[] = {
        {GET_404, false, NULL},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true, "Connection: close\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", true, "Connection: close\r\n"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "Connection: keep-alive\r\n"},
    };
    teardown(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup(state);
        receive(rows[i].text);
        take_all();
        assert_int_equal(t.closed, rows[i].closes);
        const char *field = rows[i].field == NULL ? "Connection:" : rows[i].field;
        bool found = memmem(t.sent, t.sent_size, field, strlen(field)) != NULL;
        assert_int_equal(found, rows[i].field != NULL);
        teardown(state);
    }
    setup(state);
}

static void test_requests_max(void **state)
{
    (void)state;
    t.config.requests_max = 3;
    receive(GET_404 GET_404 GET_404 GET_404);
    expect_end(CONN_END_REQUESTS_MAX);
    assert_int_equal(responses("404"), 3);
}

/* Whether the client may still be sending when the last answer is sent (RFC 9112 9.6). */
static void test_linger(void **state)
{
#define GET_CLOSE "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    static const struct {
        const char *text;
        const char *later; /* while the answer is being sent */
        bool is_eof;       /* after that */
        bool lingers;
    } rows[] = {
        {GET_CLOSE, NULL, false, false},
        {GET_CLOSE "x", NULL, false, true},
        {GET_CLOSE, "x", false, true},
        {GET_CLOSE GET_404, NULL, false, true},
        {GET_CLOSE GET_404, NULL, true, false},
        {GET_404 GET_CLOSE, NULL, false, false},
        {GET_404 GET_404 GET_404, NULL, false, true},
        {"x\r\n\r\n", NULL, false, true},
        {"x\r\n\r\n", NULL, true, false},
    };
    teardown(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup(state);
        t.config.requests_max = 3;
        receive(rows[i].text);
        if (rows[i].later != NULL)
            receive(rows[i].later);
        if (rows[i].is_eof)
            apply(conn_eof(&t.conn, &t.env));
        take_all();
        assert_true(t.closed);
        assert_int_equal(t.lingers, rows[i].lingers);
        teardown(state);
    }
    setup(state);
}

struct batch_shell {
    struct conn_actions actions[CONN_BATCH_MAX];
    uint32_t count;
};

static void batch_apply(void *shell, uint64_t tag, struct conn_actions actions)
{
    struct batch_shell *s = shell;
    assert_int_equal(tag, s->count);
    s->actions[s->count++] = actions;
}

/* Two connections in one batch: the one ends, the other has a second request behind the first. */
static void test_batch(void **state)
{
    (void)state;
    static struct conn_batch batch;
    struct batch_shell shell = {0};
    struct conn other;
    conn_open(&other, &t.env);
    assert_false(conn_batch_add(&batch, &t.env, &t.conn, span_text("GET / HT"), 0));
    assert_true(conn_batch_add(&batch, &t.env, &t.conn, span_text(GET_404 GET_404), 0));
    assert_true(conn_batch_add(&batch, &t.env, &other, span_text(GET_CLOSE), 1));
    assert_int_equal(t.counters[SERVE_REQUESTS], 0);
    conn_batch_answer(&batch, &t.env, batch_apply, &shell);
    assert_int_equal(t.counters[SERVE_REQUESTS], 3);
    assert_int_equal(shell.count, 2);
    assert_int_equal(batch.count, 0);
    apply(shell.actions[0]);
    take_all();
    assert_int_equal(responses("404"), 2);
    assert_true(conn_sent(&other, &t.env, shell.actions[1].send.size).close);
    conn_release(&other, &t.env);
    t.counters[serve_counter_end(CONN_END_ASKED)] = 0; /* teardown counts one connection */
}

static void test_continue(void **state)
{
    (void)state;
    receive(POST_HEAD "Expect: 100-continue\r\n\r\n");
    take_all();
    assert_int_equal(responses("100"), 1);
    receive("he");
    receive("llo");
    take_all();
    assert_int_equal(responses("100"), 1);
    assert_int_equal(responses("200"), 1);
    /* The body came along: nothing to wait for. */
    receive(POST_HEAD "Expect: 100-continue\r\n\r\nhello");
    take_all();
    assert_int_equal(responses("100"), 1);
    assert_int_equal(responses("200"), 2);
    assert_int_equal(t.counters[SERVE_CONTINUES], 1);
}

static void test_idle_timeout(void **state)
{
    (void)state;
    pass(59);
    assert_false(t.closed);
    receive(GET_404);
    take_all();
    pass(59);
    assert_false(t.closed);
    pass(1);
    expect_end(CONN_END_IDLE);
    assert_int_equal(responses("408"), 0);
}

static void test_header_timeout_from_first_octet(void **state)
{
    (void)state;
    receive("G");
    for (int i = 0; i < 9; i++) {
        pass(1);
        receive("E");
    }
    assert_false(t.closed);
    pass(1);
    expect_end(CONN_END_REQUEST_TIMEOUT);
    assert_int_equal(responses("408"), 1);
    assert_int_equal(outcomes(OUTCOME_TIMEOUT), 1);
}

static void test_body_timeout(void **state)
{
    (void)state;
    receive(POST_HEAD "\r\nh");
    pass(14);
    receive("e");
    assert_int_equal(t.flight.size, 0);
    pass(1);
    expect_end(CONN_END_REQUEST_TIMEOUT);
    assert_int_equal(responses("408"), 1);
}

static void test_send_timeout_without_progress(void **state)
{
    (void)state;
    receive(GET_404);
    pass(19);
    take(1);
    pass(19);
    assert_false(t.closed);
    pass(1);
    expect_end(CONN_END_SEND_TIMEOUT);
}

/* What is left of a timeout of 20 s by how much of a pool of 8 is left. */
static void test_patience_shrinks_with_the_buffers(void **state)
{
    (void)state;
    static const struct {
        unsigned taken;    /* by others */
        uint64_t header_s; /* asked before the connection takes one itself */
        uint64_t send_s;
    } rows[] = {{0, 20, 20}, {3, 20, 20}, {4, 20, 15}, {5, 15, 10}, {6, 10, 5}, {7, 5, 1}};
    struct buffer_pool pools[2];
    uint8_t *taken[8];
    t.config.header_timeout_ns = 20 * SECOND_NS;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conn conn;
        struct conn_env env = t.env;
        for (size_t p = 0; p < 2; p++)
            assert_int_equal(
                buffer_pool_start(&pools[p], 8, p == 0 ? CONN_INPUT_BYTES : CONN_OUTPUT_BYTES),
                ERR_OK);
        env.inputs = &pools[0];
        env.outputs = &pools[1];
        for (unsigned b = 0; b < rows[i].taken; b++)
            taken[b] = buffer_pool_take(&pools[1]);
        conn_open(&conn, &env);
        assert_true(conn_received(&conn, &env, span_text(GET_404)).send.size > 0);
        assert_int_equal(conn.send_deadline_ns, env.now_ns + rows[i].send_s * SECOND_NS);
        for (unsigned b = 0; b < rows[i].taken; b++)
            buffer_pool_give(&pools[1], taken[b]);
        assert_false(conn_sent(&conn, &env, conn.output_flight).close);
        for (unsigned b = 0; b < rows[i].taken; b++)
            taken[b] = buffer_pool_take(&pools[0]);
        (void)conn_received(&conn, &env, span_text("GET"));
        assert_int_equal(conn.read_deadline_ns, env.now_ns + rows[i].header_s * SECOND_NS);
        assert_true(conn_failed(&conn, &env, CONN_END_SHELL).close);
        conn_release(&conn, &env);
        for (size_t p = 0; p < 2; p++)
            buffer_pool_stop(&pools[p]);
    }
    memset(t.counters, 0, sizeof t.counters); /* those of other connections */
}

static void test_empty_line_is_no_request(void **state)
{
    (void)state;
    receive(POST_HEAD "\r\nhello\r\n");
    take_all();
    pass(100);
    expect_end(CONN_END_IDLE);
    assert_int_equal(t.counters[SERVE_REQUESTS], 1);
}

static void test_end_of_file(void **state)
{
    static const struct {
        const char *text;
        unsigned answers;
        enum conn_end end;
    } rows[] = {
        {"", 0, CONN_END_CLIENT},
        {GET_404, 1, CONN_END_CLIENT},
        {GET_404 "GET", 1, CONN_END_CLIENT_EARLY},
        {"GET / HT", 0, CONN_END_CLIENT_EARLY},
        {POST_HEAD "\r\nhel", 0, CONN_END_CLIENT_EARLY},
    };
    teardown(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setup(state);
        if (rows[i].text[0] != 0)
            receive(rows[i].text);
        apply(conn_eof(&t.conn, &t.env));
        expect_end(rows[i].end);
        assert_int_equal(responses("404"), rows[i].answers);
        teardown(state);
    }
    setup(state);
}

static void test_stop(void **state)
{
    apply(conn_stop(&t.conn, &t.env));
    expect_end(CONN_END_STOPPED);
    teardown(state);
    setup(state);
    receive(GET_404 "GET / HTTP/1.1\r\n");
    apply(conn_stop(&t.conn, &t.env));
    take_all();
    assert_false(t.closed);
    receive("Host: a\r\n\r\n");
    expect_end(CONN_END_STOPPED);
    assert_int_equal(responses("404"), 2);
}

static void test_no_buffers(void **state)
{
    uint8_t *held[2];
    for (int i = 0; i < 2; i++)
        held[i] = buffer_pool_take(&t.inputs);
    receive("GET / HT");
    expect_end(CONN_END_NO_INPUT_BUFFER);
    for (int i = 0; i < 2; i++)
        buffer_pool_give(&t.inputs, held[i]);
    teardown(state);
    setup(state);
    for (int i = 0; i < 2; i++)
        held[i] = buffer_pool_take(&t.outputs);
    receive(GET_404);
    expect_end(CONN_END_NO_OUTPUT_BUFFER);
    assert_int_equal(t.counters[SERVE_REQUESTS], 0);
    for (int i = 0; i < 2; i++)
        buffer_pool_give(&t.outputs, held[i]);
}

/* A buffer that the kernel may still read from stays taken until the release. */
static void test_close_keeps_what_is_in_flight(void **state)
{
    (void)state;
    receive(GET_404);
    apply(conn_failed(&t.conn, &t.env, CONN_END_SEND_ERROR));
    assert_true(t.closed);
    assert_int_equal(t.outputs.free_count, 1);
}

static void test_largest_request(void **state)
{
    (void)state;
    static char text[CONN_INPUT_BYTES];
    int head =
        snprintf(text, sizeof text,
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nX: ", OCSP_REQUEST_BYTES_MAX);
    memset(text + head, 'x', (size_t)(HTTP_HEAD_BYTES_MAX - head - 4));
    memcpy(text + HTTP_HEAD_BYTES_MAX - 4, "\r\n\r\n", 4);
    memset(text + HTTP_HEAD_BYTES_MAX, 0, OCSP_REQUEST_BYTES_MAX);
    size_t size = HTTP_HEAD_BYTES_MAX + OCSP_REQUEST_BYTES_MAX;
    for (size_t at = 0; at < size; at += 1000)
        receive_octets(text + at, size - at < 1000 ? size - at : 1000);
    take_all();
    assert_int_equal(outcomes(OUTCOME_MALFORMED), 1);
    assert_int_equal(t.conn.state, CONN_IDLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_split),
        TEST(test_octet_by_octet),
        TEST(test_pipelined_in_one_send),
        TEST(test_answers_behind_a_send),
        TEST(test_pause_and_resume),
        TEST(test_overrun),
        TEST(test_framing_errors),
        TEST(test_keep_alive_rules),
        TEST(test_requests_max),
        TEST(test_linger),
        TEST(test_batch),
        TEST(test_continue),
        TEST(test_idle_timeout),
        TEST(test_header_timeout_from_first_octet),
        TEST(test_body_timeout),
        TEST(test_send_timeout_without_progress),
        TEST(test_patience_shrinks_with_the_buffers),
        TEST(test_empty_line_is_no_request),
        TEST(test_end_of_file),
        TEST(test_stop),
        TEST(test_no_buffers),
        TEST(test_close_keeps_what_is_in_flight),
        TEST(test_largest_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
