/* SPDX-License-Identifier: Apache-2.0 */
/* A worker with real sockets: requests as clients send them, and what they get. */
#include "tests/unit/worker_world.h"

static void not_ready(void **state)
{
    (void)state;
    t.exchange.current = NULL;
    start_worker();
    int fd = client();
    for (unsigned i = 0; i < 3; i++) {
        ask(fd, i);
        const struct response *r = hear(fd);
        assert_int_equal(r->status, 200);
        assert_int_equal(content_length(r->octets), sizeof TRY_LATER_OCTETS - 1);
        assert_memory_equal(r->body, TRY_LATER_OCTETS, sizeof TRY_LATER_OCTETS - 1);
    }
    assert_int_equal(counter(serve_counter_outcome(OUTCOME_NOT_READY)), 3);
    close(fd);
    wait_counter(serve_counter_end(CONN_END_CLIENT), 1);
}

static void keep_alive(void **state)
{
    (void)state;
    start_worker();
    int fd = client();
    for (unsigned i = 0; i < 10 * STATEMENTS; i++) {
        ask(fd, i % STATEMENTS);
        hear_statement(fd, i % STATEMENTS);
    }
    close(fd);
    assert_int_equal(counter(serve_counter_outcome(OUTCOME_GOOD)), 5 * STATEMENTS);
    assert_int_equal(counter(serve_counter_outcome(OUTCOME_REVOKED)), 5 * STATEMENTS);
    assert_int_equal(counter(SERVE_ACCEPTED), 1);
}

static void pipelined(void **state)
{
    (void)state;
    static char text[STATEMENTS * REQUEST_MAX];
    size_t size = 0;
    start_worker();
    int fd = client();
    for (unsigned i = 0; i < STATEMENTS; i++)
        size += get_text(i, text + size);
    assert_true(size <= CONN_INPUT_BYTES); /* as much as is kept in the worst case */
    for (unsigned round = 0; round < 20; round++) {
        put(fd, text, size);
        for (unsigned i = 0; i < STATEMENTS; i++)
            hear_statement(fd, i);
    }
    close(fd);
}

/* As many as the client's kernel takes, all here before the worker looks, and the end behind them:
 * the receive brings more at once than a connection keeps. */
static void pipelined_in_one_go(void **state)
{
    (void)state;
    char text[REQUEST_MAX];
    make_worker(WITHOUT_LIMIT);
    int fd = client();
    size_t size = get_text(4, text);
    unsigned sent = 0;
    while (sent < 300 && send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size)
        sent++;
    assert_int_equal(sent, 300);
    assert_true(sent * size > 2 * CONN_INPUT_BYTES);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    run_worker();
    for (unsigned i = 0; i < sent; i++)
        hear_statement(fd, 4);
    hear_end(fd);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_CLIENT), 1);
}

/* More in a row than is kept: answered or ended, never half an answer. */
static void pipelined_without_end(void **state)
{
    (void)state;
    enum { TIMES = 2000 };
    char text[REQUEST_MAX];
    start_worker();
    int fd = client();
    size_t size = get_text(4, text);
    unsigned sent = 0;
    while (sent < TIMES && give(fd, text, size) == (ssize_t)size)
        sent++;
    char octet = 0;
    unsigned heard = 0;
    while (heard < sent && take(fd, &octet, 1, MSG_PEEK) == 1) {
        hear_statement(fd, 4);
        heard++;
    }
    close(fd);
    wait_counter(SERVE_OPEN, 0);
    assert_true(heard == TIMES || ends(CONN_END_OVERRUN) == 1);
}

static void split_anywhere(void **state)
{
    (void)state;
    char text[REQUEST_MAX];
    start_worker();
    int fd = client();
    size_t size = get_text(5, text);
    for (size_t i = 1; i < size; i += 7) {
        put(fd, text, i);
        put(fd, text + i, size - i);
        hear_statement(fd, 5);
    }
    for (size_t i = 0; i < size; i++)
        put(fd, text + i, 1);
    hear_statement(fd, 5);
    close(fd);
}

static void posted(void **state)
{
    (void)state;
    uint8_t der[256];
    char head[256];
    size_t der_size = request_der(8, der, sizeof der);
    start_worker();
    int fd = client();
    snprintf(head, sizeof head,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
             "Content-Length: %zu\r\n\r\n",
             der_size);
    for (size_t i = 0; i <= der_size; i += 11) {
        say(fd, head);
        put(fd, der, i);
        put(fd, der + i, der_size - i);
        hear_statement(fd, 8);
    }
    close(fd);
}

static void asked_to_close(void **state)
{
    (void)state;
    start_worker();
    int fd = client();
    say(fd, "GET / HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(hear(fd)->octets, "\r\nConnection: close\r\n"));
    hear_end(fd);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 1);
}

static size_t get_text_last(unsigned which, char out[static REQUEST_MAX])
{
    static const char end[] = "Connection: close\r\n\r\n";
    size_t size = get_text(which, out) - strlen("\r\n");
    memcpy(out + size, end, sizeof end - 1);
    return size + sizeof end - 1;
}

static unsigned unlinked_count(void)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < t.config.connections_max; i++)
        count += t.worker->slots[i].unlinked;
    return count;
}

/* Each connection is closed behind its only answer, and the next one may get its number. */
static void one_request_each(void **state)
{
    (void)state;
    char text[REQUEST_MAX];
    int fds[40];
    start_worker();
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 40; i++)
            fds[i] = client();
        for (unsigned i = 0; i < 40; i++)
            put(fds[i], text, get_text_last(i, text));
        for (unsigned i = 0; i < 40; i++) {
            hear_statement(fds[i], i);
            hear_end(fds[i]);
        }
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 400);
    assert_int_equal(unlinked_count(), 0);
}

/* Several requests before the worker runs, the last of which asks for the end; what is accepted has
 * the smallest of send buffers, so that its answers do not fit. */
enum { CROWDED = 8 };
static int crowd_the_last(void)
{
    static char text[CROWDED * REQUEST_MAX];
    const int smallest = 1;
    size_t size = 0;
    make_worker(WITHOUT_LIMIT);
    assert_int_equal(setsockopt(t.worker->listeners[0].socket.fd, SOL_SOCKET, SO_SNDBUF, &smallest,
                                sizeof smallest),
                     0);
    int fd = client_with(1);
    for (unsigned i = 0; i + 1 < CROWDED; i++)
        size += get_text(i, text + size);
    size += get_text_last(CROWDED - 1, text + size);
    put(fd, text, size);
    run_worker();
    return fd;
}

/* Nothing is lost, and the end comes behind them. */
static void last_ones_in_parts(void **state)
{
    (void)state;
    int fd = crowd_the_last();
    wait_counter(SERVE_REQUESTS, CROWDED);
    for (unsigned i = 0; i < CROWDED; i++)
        hear_statement(fd, i);
    hear_end(fd);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 1);
    assert_int_equal(unlinked_count(), 1);
}

/* The client takes nothing: its time passes. */
static void last_ones_not_taken(void **state)
{
    (void)state;
    t.config.conn.send_timeout_ns = 300 * MS;
    int fd = crowd_the_last();
    wait_counter(serve_counter_end(CONN_END_SEND_TIMEOUT), 1);
    wait_counter(SERVE_OPEN, 0);
    close(fd);
}

/* Octets and an end right behind them: once the end was not seen and the connection lasted until
 * its timeout; whether the kernel's multishot receive or the worker lost it is not known. */
static void short_timeouts(void)
{
    t.config.conn.idle_timeout_ns = 3000 * MS;
    t.config.conn.header_timeout_ns = 3000 * MS;
}

/* The client has shut down its side behind the request: it is answered all the same. */
static void half_closed(void **state)
{
    (void)state;
    short_timeouts();
    start_worker();
    int fd = client();
    ask(fd, 2);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    hear_statement(fd, 2);
    hear_end(fd);
}

/* The answer arrives although the client goes on sending, and what it sent was never asked for. */
static void too_large_lingers(void **state)
{
    (void)state;
    static const char body[64 << 10] = {0};
    start_worker();
    for (unsigned i = 0; i < 20; i++) {
        int fd = client();
        say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        put(fd, body, sizeof body);
        put(fd, body, sizeof body);
        assert_int_equal(hear(fd)->status, 413);
        hear_end(fd);
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_HTTP_ERROR), 20);
}

/* The last answer arrives although the client has sent more behind its request. */
static void pipelined_behind_the_last(void **state)
{
    (void)state;
    static char octets[WORKER_LINGER_BYTES] =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    start_worker();
    for (unsigned i = 0; i < 20; i++) {
        int fd = client();
        put(fd, octets, sizeof octets);
        assert_int_equal(hear(fd)->status, 404);
        hear_end(fd);
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 20);
}

/* And when the last request fills the first receive, so that it does not show that there is more.
 */
static void pipelined_behind_a_full_receive(void **state)
{
    (void)state;
    static const char end[] = "\r\nConnection: close\r\n\r\n";
    static char octets[16 * RING_RECEIVE_BYTES];
    int head = snprintf(octets, sizeof octets, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(octets + head, 'x', sizeof octets - (size_t)head);
    memcpy(octets + RING_RECEIVE_BYTES - strlen(end), end, strlen(end));
    start_worker();
    for (unsigned i = 0; i < 20; i++) {
        int fd = client();
        put(fd, octets, sizeof octets);
        assert_int_equal(hear(fd)->status, 404);
        hear_end(fd);
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), 20);
}

/* One that never stops sending is cut off. */
static void lingering_is_bounded(void **state)
{
    (void)state;
    static const char body[16 << 10] = {0};
    start_worker();
    int fd = client();
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    uint64_t sent = 0;
    ssize_t n = 0;
    while ((n = give(fd, body, sizeof body)) > 0)
        sent += (uint64_t)n;
    assert_true(errno == EPIPE || errno == ECONNRESET);
    assert_true(sent > WORKER_LINGER_BYTES / 2);
    close(fd);
    wait_counter(SERVE_OPEN, 0);
}

/* Descriptors of those who lingered are given to others at once. Whose sending is shut down then is
 * seen by who has the number. */
static void lingering_ends_nobody_else(void **state)
{
    (void)state;
    enum { BURST = 100, ROUNDS = 40 };
    static const char last[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP";
    int fds[BURST];
    start_worker();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BURST; i++) {
            fds[i] = client();
            say(fds[i], last);
        }
        for (unsigned i = 0; i < BURST; i++) {
            assert_int_equal(hear(fds[i])->status, 404);
            close(fds[i]);
            fds[i] = client();
            say(fds[i], HALF_A_REQUEST);
        }
        for (unsigned i = 0; i < BURST; i++) {
            say(fds[i], OTHER_HALF);
            assert_int_equal(hear(fds[i])->status, 404);
            close(fds[i]);
        }
    }
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_ASKED), ROUNDS * BURST);
    assert_int_equal(ends(CONN_END_CLIENT), ROUNDS * BURST);
}

static void resets(void **state)
{
    (void)state;
    const struct linger hard = {.l_onoff = 1};
    short_timeouts();
    start_worker();
    for (unsigned i = 0; i < 300; i++) {
        int fd = client();
        if (i % 3 == 0)
            ask(fd, 1);
        if (i % 3 == 1)
            say(fd, HALF_A_REQUEST);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
        close(fd);
    }
    wait_counter(SERVE_ACCEPTED, 300);
    wait_counter(SERVE_OPEN, 0);
    int fd = client();
    ask(fd, 3);
    hear_statement(fd, 3);
    close(fd);
}

static void requests_max(void **state)
{
    (void)state;
    t.config.conn.requests_max = 2;
    start_worker();
    int fd = client();
    ask(fd, 1);
    hear_statement(fd, 1);
    ask(fd, 2);
    hear_statement(fd, 2);
    hear_end(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(not_ready),
        TEST(keep_alive),
        TEST(pipelined),
        TEST(pipelined_in_one_go),
        TEST(pipelined_without_end),
        TEST(split_anywhere),
        TEST(posted),
        TEST(asked_to_close),
        TEST(one_request_each),
        TEST(last_ones_in_parts),
        TEST(last_ones_not_taken),
        TEST(half_closed),
        TEST(too_large_lingers),
        TEST(pipelined_behind_the_last),
        TEST(pipelined_behind_a_full_receive),
        TEST(lingering_is_bounded),
        TEST(lingering_ends_nobody_else),
        TEST(resets),
        TEST(requests_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
