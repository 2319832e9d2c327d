/* SPDX-License-Identifier: Apache-2.0 */
/* Files on a connection: pieces from outside the buffer, what waits behind them, swaps, time. */
#include "edge/conn_file.h"
#include "tests/unit/conn_world.h"
#include "tests/unit/file_fixture.h"

#define GET_FILE "GET /f HTTP/1.1\r\nHost: a\r\n\r\n"
#define LARGE    (2 * CONN_PIECE_BYTES + 1000)

static uint8_t octets[LARGE];
static uint8_t other[LARGE];
static uint8_t got[2 * LARGE + 65536];
static size_t got_size;

/* "/f" is the large file or the other one; the large one's blob is there or not. */
static struct path_table *table_of(bool serves, bool keeps)
{
    struct span blob = span_of(octets, sizeof octets);
    struct file_fixture rows[] = {
        {"/f", serves ? blob : span_of(other, sizeof other), NULL, NOW_S - 5, NOW_S + 5, 0},
        {NULL, keeps ? blob : span_of(other, 100), NULL, 0, 0, 0},
    };
    return file_fixture_table(rows, 2);
}

static int file_setup(void **state)
{
    int result = setup(state);
    struct fixture_random r = fixture_random_of(3);
    fixture_random_fill(&r, octets, sizeof octets);
    t.fixture.snapshot->paths = table_of(true, true);
    got_size = 0;
    return result;
}

/* The client takes `size` octets of what is in flight. */
static void take_file(size_t size)
{
    assert_true(size <= t.flight.size);
    memcpy(got + got_size, t.flight.data, size);
    got_size += size;
    t.flight = SPAN_EMPTY;
    apply(conn_sent(&t.conn, &t.env, size));
}

static void take_rest(size_t step)
{
    while (!t.closed && t.flight.size > 0)
        take_file(t.flight.size < step ? t.flight.size : step);
}

/* The head, then exactly the octets, at `at` of what the client has. Returns where they end. */
static size_t expect_file(size_t at, size_t first, size_t count)
{
    uint8_t *end = memmem(got + at, got_size - at, "\r\n\r\n", 4);
    assert_non_null(end);
    size_t body = (size_t)(end + 4 - got);
    assert_true(got_size - body >= count);
    assert_memory_equal(got + body, octets + first, count);
    return body + count;
}

static void test_every_step(void **state)
{
    static const size_t steps[] = {
        1, 7, 1000, 4095, 65536, 99999, CONN_PIECE_BYTES - 1, CONN_PIECE_BYTES};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        got_size = 0;
        receive(GET_FILE);
        take_rest(steps[i]);
        assert_int_equal(expect_file(0, 0, LARGE), got_size);
        assert_int_equal(t.conn.state, CONN_IDLE);
        assert_null(t.conn.output);
        assert_false(conn_has_file(&t.conn));
    }
    (void)state;
}

/* Every size of range around the places where the way of sending changes. */
static void test_ranges(void **state)
{
    static const size_t sizes[] = {1,
                                   ANSWER_BYTES_MAX - 2048,
                                   OCSP_RESPONSE_BYTES_MAX,
                                   OCSP_RESPONSE_BYTES_MAX + 1,
                                   CONN_PIECE_BYTES,
                                   CONN_PIECE_BYTES + 1,
                                   LARGE - 17};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET /f HTTP/1.1\r\nHost: a\r\nRange: bytes=17-%zu\r\n\r\n",
                 16 + sizes[i]);
        got_size = 0;
        receive(text);
        take_rest(CONN_PIECE_BYTES);
        assert_int_equal(expect_file(0, 17, sizes[i]), got_size);
    }
    assert_int_equal(outcomes(OUTCOME_FILE_PART), sizeof sizes / sizeof sizes[0]);
    (void)state;
}

/* The head may wait for the octets behind it; the buffer is free while they go. */
static void test_pieces(void **state)
{
    (void)state;
    struct conn_actions actions = conn_received(&t.conn, &t.env, span_text(GET_404 GET_FILE));
    assert_true(actions.send_more && !actions.send_file);
    size_t head = actions.send.size;
    actions = conn_sent(&t.conn, &t.env, head - 1);
    assert_true(actions.send_more && actions.send.size == 1);
    actions = conn_sent(&t.conn, &t.env, 1);
    assert_true(actions.send_file && !actions.send_more);
    assert_ptr_equal(actions.send.data, octets);
    assert_int_equal(actions.send.size, CONN_PIECE_BYTES);
    assert_null(t.conn.output);
    actions = conn_sent(&t.conn, &t.env, 10);
    assert_ptr_equal(actions.send.data, octets + 10);
    assert_int_equal(t.conn.state, CONN_PARKED);
}

static void test_pipelined_behind(void **state)
{
    (void)state;
    receive(GET_FILE GET_404 GET_FILE "GET / HT");
    take_rest(100000);
    receive("TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(outcomes(OUTCOME_NOT_FOUND), 2);
    assert_int_equal(outcomes(OUTCOME_FILE), 2);
    size_t at = expect_file(0, 0, LARGE);
    assert_memory_equal(got + at, "HTTP/1.1 404 ", 13);
    uint8_t *second = memmem(got + at, got_size - at, "HTTP/1.1 200 ", 13);
    assert_non_null(second);
    assert_int_equal(expect_file((size_t)(second - got), 0, LARGE), got_size);
    take_all();
    expect_end(CONN_END_ASKED);
}

static void test_pause_behind(void **state)
{
    (void)state;
    receive(GET_FILE);
    unsigned asked = 0;
    while (!t.pause_seen && asked < 400) {
        receive(GET_404);
        asked++;
    }
    assert_true(t.pause_seen);
    assert_int_equal(outcomes(OUTCOME_NOT_FOUND), 0);
    while (conn_has_file(&t.conn))
        take_file(t.flight.size);
    take_rest(CONN_PIECE_BYTES);
    assert_true(t.resume_seen);
    assert_int_equal(outcomes(OUTCOME_NOT_FOUND), asked);
}

static void test_ends(void **state)
{
    (void)state;
    receive("GET /f HTTP/1.0\r\n\r\n");
    apply(conn_eof(&t.conn, &t.env)); /* of the client's side only */
    take_rest(50000);
    assert_int_equal(expect_file(0, 0, LARGE), got_size);
    expect_end(CONN_END_ASKED);
}

static void test_head(void **state)
{
    (void)state;
    receive("HEAD /f HTTP/1.1\r\nHost: a\r\n\r\n");
    take_all();
    assert_false(conn_has_file(&t.conn));
    assert_non_null(memmem(t.sent, t.sent_size, "Content-Length: 525288\r\n", 24));
    assert_memory_equal(t.sent + t.sent_size - 4, "\r\n\r\n", 4);
}

/* The path names another file, the old one is finished; then the store drops it. */
static void test_swap(void **state)
{
    (void)state;
    struct snapshot next = *t.fixture.snapshot;
    receive(GET_FILE);
    take_file(t.flight.size);
    take_file(1000);
    next.paths = table_of(false, true);
    apply(conn_renew(&t.conn, &t.env, &next));
    assert_false(t.closed);
    t.env.snapshot = &next;
    take_rest(100000);
    assert_int_equal(expect_file(0, 0, LARGE), got_size);
    size_t before = got_size;
    receive("GET /f HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n");
    take_rest(100000);
    assert_int_equal(got[got_size - 1], other[0]);
    assert_true(got_size > before);
    path_table_free(next.paths);
    t.env.snapshot = t.fixture.snapshot;
}

static void test_gone(void **state)
{
    static const char *const cases[] = {"gone", "no table", "no snapshot", "moved"};
    teardown(state);
    for (size_t i = 0; i < 4; i++) {
        file_setup(state);
        struct snapshot next = *t.fixture.snapshot;
        struct file_fixture moved = {"/f", span_of(got, sizeof octets), NULL, 0, 0, 0};
        receive(GET_FILE);
        take_file(t.flight.size);
        memcpy(got, octets, sizeof octets);
        next.paths = i == 0   ? table_of(false, false)
                     : i == 3 ? file_fixture_table(&moved, 1)
                              : NULL;
        apply(conn_renew(&t.conn, &t.env, i == 2 ? NULL : &next));
        if (!t.closed)
            fail_msg("%s", cases[i]);
        path_table_free(next.paths);
        t.flight = SPAN_EMPTY;
        expect_end(CONN_END_FILE_GONE);
        teardown(state);
    }
    file_setup(state);
    /* Who sends no file does not care. */
    assert_false(conn_renew(&t.conn, &t.env, NULL).close);
}

static void test_no_progress(void **state)
{
    (void)state;
    receive(GET_FILE);
    take_file(t.flight.size);
    pass(19);
    take_file(1);
    pass(19);
    assert_false(t.closed);
    pass(1);
    assert_true(t.closed);
    t.flight = SPAN_EMPTY;
    expect_end(CONN_END_SEND_TIMEOUT);
}

static void test_too_slow(void **state)
{
    (void)state;
    receive(GET_FILE);
    take_file(t.flight.size);
    unsigned seconds = 0;
    for (; !t.closed && seconds < 2 * CONN_FILE_MAX_S; seconds += 10) {
        take_file(1);
        pass(10);
    }
    assert_int_equal(seconds, CONN_FILE_MAX_S);
    t.flight = SPAN_EMPTY;
    expect_end(CONN_END_FILE_TIMEOUT);
}

static void test_stop(void **state)
{
    (void)state;
    receive(GET_FILE);
    take_file(t.flight.size);
    apply(conn_stop(&t.conn, &t.env));
    assert_false(t.closed);
    take_rest(100000);
    assert_int_equal(expect_file(0, 0, LARGE), got_size);
    expect_end(CONN_END_STOPPED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, file_setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_step),   T(test_ranges),      T(test_pieces),   T(test_pipelined_behind),
        T(test_pause_behind), T(test_ends),        T(test_head),     T(test_swap),
        T(test_gone),         T(test_no_progress), T(test_too_slow), T(test_stop),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
