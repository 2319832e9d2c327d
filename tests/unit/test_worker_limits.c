/* SPDX-License-Identifier: Apache-2.0 */
/* A worker at its limits: time, places, buffers, and its end. */
#include "tests/unit/worker_world.h"

#define CROWD 5000

/* Both ends of every connection are in this process. */
static void need_descriptors(rlim_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= count)
        return;
    limit.rlim_cur = count;
    if (limit.rlim_max < count)
        limit.rlim_max = count;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        print_message("skipped: RLIMIT_NOFILE cannot be raised\n");
        skip();
    }
}

static void idle_crowd(void **state)
{
    (void)state;
    static int fds[CROWD];
    need_descriptors(2 * CROWD + 100);
    start_worker();
    for (unsigned i = 0; i < CROWD; i++)
        fds[i] = client();
    wait_counter(SERVE_OPEN, CROWD);
    assert_int_equal(t.worker->inputs.free_count, t.config.input_buffers);
    for (unsigned i = 0; i < CROWD; i += 100) {
        ask(fds[i], i % STATEMENTS);
        hear_statement(fds[i], i % STATEMENTS);
    }
    for (unsigned i = 0; i < CROWD; i++)
        close(fds[i]);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_CLIENT), CROWD);
}

/* An octet now and then does not keep a request alive. */
static void slowloris(void **state)
{
    (void)state;
    t.config.conn.header_timeout_ns = 300 * MS;
    start_worker();
    uint64_t begin_ns = clock_monotonic_ns();
    int fd = client();
    say(fd, "GET / HTTP/1.1\r\nX: ");
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, 20) == 0)
        say(fd, "x");
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_int_equal(hear(fd)->status, 408);
    close(fd);
    assert_in_range(took_ns, 250 * MS, 20000 * MS);
    wait_counter(serve_counter_end(CONN_END_REQUEST_TIMEOUT), 1);
}

static void slow_body(void **state)
{
    (void)state;
    t.config.conn.body_timeout_ns = 200 * MS;
    start_worker();
    int fd = client();
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nx");
    assert_int_equal(hear(fd)->status, 408);
    hear_end(fd);
}

static void idle_ends(void **state)
{
    (void)state;
    t.config.conn.idle_timeout_ns = 200 * MS;
    make_worker(WITHOUT_LIMIT);
    int silent = client();
    int asked = client();
    ask(asked, 1); /* before its time begins, however slow we are */
    run_worker();
    hear_statement(asked, 1);
    hear_end(silent);
    hear_end(asked);
    assert_int_equal(ends(CONN_END_IDLE), 2);
}

/* A client that asks, a little at a time, and takes no answer, until the worker has counted that,
 * or has given it up. Returns how often it asked for statement 6. */
static uint64_t ask_until(int fd, unsigned which)
{
    enum { AT_ONCE = 10 };
    char text[AT_ONCE * REQUEST_MAX];
    size_t size = 0;
    uint64_t asked = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        size += get_text(6, text + size);
    while (counter(which) == 0 && ends(CONN_END_SEND_TIMEOUT) == 0) {
        if (give(fd, text, size) != (ssize_t)size)
            break; /* it is closed */
        asked += AT_ONCE;
        uint64_t end_ns = clock_monotonic_ns() + 20 * MS;
        while (counter(SERVE_REQUESTS) < asked && clock_monotonic_ns() < end_ns)
            (void)poll(NULL, 0, 1);
    }
    return asked;
}

static void takes_no_answers(void **state)
{
    (void)state;
    t.config.conn.send_timeout_ns = 1000 * MS;
    start_worker();
    int fd = client_with(4096);
    /* A pause would not do: one that is over when a slow kernel has taken the answers. */
    (void)ask_until(fd, serve_counter_end(CONN_END_SEND_TIMEOUT));
    wait_counter(serve_counter_end(CONN_END_SEND_TIMEOUT), 1);
    wait_counter(SERVE_OPEN, 0);
    close(fd);
}

/* The worker waits, and then reads on. */
static void takes_answers_late(void **state)
{
    (void)state;
    start_worker();
    int fd = client_with(4096);
    uint64_t asked = ask_until(fd, SERVE_PAUSES);
    for (uint64_t i = 0; i < asked; i++)
        hear_statement(fd, 6);
    ask(fd, 7);
    hear_statement(fd, 7);
    close(fd);
    wait_counter(serve_counter_end(CONN_END_CLIENT), 1);
}

/* Whether a connection is served, or closed at once. */
static bool served(int fd)
{
    char text[REQUEST_MAX];
    char octet = 0;
    size_t size = get_text(0, text);
    if (give(fd, text, size) < 0 || take(fd, &octet, 1, MSG_PEEK) <= 0)
        return false;
    hear_statement(fd, 0);
    return true;
}

static void eventually_served(void)
{
    uint64_t end_ns = clock_monotonic_ns() + PATIENCE_MS * MS;
    for (;;) {
        int fd = client();
        bool done = served(fd);
        close(fd);
        if (done)
            return;
        assert_true(clock_monotonic_ns() < end_ns);
    }
}

static void fill(unsigned max, unsigned refused_counter)
{
    int fds[16];
    run_worker();
    for (unsigned i = 0; i < max; i++) {
        fds[i] = client();
        assert_true(served(fds[i]));
    }
    for (unsigned i = 0; i < 5; i++) {
        int fd = client();
        assert_false(served(fd));
        close(fd);
    }
    assert_int_equal(counter(refused_counter), 5);
    assert_true(served(fds[0])); /* the others have lost nothing */
    close(fds[0]);
    eventually_served();
    for (unsigned i = 1; i < max; i++)
        close(fds[i]);
}

static void table_full(void **state)
{
    (void)state;
    t.config.connections_max = 4;
    make_worker(WITHOUT_LIMIT);
    fill(4, SERVE_REFUSED_FULL);
}

static void source_full(void **state)
{
    (void)state;
    make_worker(3);
    fill(3, SERVE_REFUSED_SOURCE);
}

/* Many are accepted in one turn, all with a request that is here already, and few buffers. */
static void too_few_receive_buffers(void **state)
{
    (void)state;
    enum { MANY = 500, ROUNDS = 10 };
    static int fds[MANY];
    need_descriptors(2 * MANY + 100);
    t.config.receive_buffers = 64;
    make_worker(WITHOUT_LIMIT);
    for (unsigned i = 0; i < MANY; i++) {
        fds[i] = client();
        ask(fds[i], i % STATEMENTS);
    }
    run_worker();
    for (unsigned i = 0; i < MANY; i++)
        hear_statement(fds[i], i % STATEMENTS);
    assert_true(counter(SERVE_ENOBUFS) > 0);
    for (unsigned round = 1; round < ROUNDS; round++) {
        for (unsigned i = 0; i < MANY; i++)
            ask(fds[i], (i + round) % STATEMENTS);
        for (unsigned i = 0; i < MANY; i++)
            hear_statement(fds[i], (i + round) % STATEMENTS);
    }
    for (unsigned i = 0; i < MANY; i++)
        close(fds[i]);
    wait_counter(SERVE_OPEN, 0);
    assert_int_equal(ends(CONN_END_CLIENT), MANY);
    assert_int_equal(counter(serve_counter_outcome(OUTCOME_GOOD)) +
                         counter(serve_counter_outcome(OUTCOME_REVOKED)),
                     MANY * ROUNDS);
}

static void too_few_input_buffers(void **state)
{
    (void)state;
    enum { HALVES = 20 };
    int fds[HALVES];
    t.config.input_buffers = 16;
    start_worker();
    for (unsigned i = 0; i < HALVES; i++) {
        fds[i] = client();
        say(fds[i], HALF_A_REQUEST);
    }
    wait_counter(serve_counter_end(CONN_END_NO_INPUT_BUFFER), HALVES - 16);
    for (unsigned i = 0; i < HALVES; i++)
        close(fds[i]);
    wait_counter(SERVE_OPEN, 0);
    eventually_served();
}

/* Idle ones go after a last moment for a request, newcomers are refused, a request that has begun
 * is answered. */
static void graceful_stop(void **state)
{
    (void)state;
    start_worker();
    char text[REQUEST_MAX];
    size_t size = get_text(1, text);
    int idle = client();
    int begun = client();
    put(idle, text, size);
    hear_statement(idle, 1);
    say(begun, HALF_A_REQUEST);
    wait_counter(SERVE_BYTES_IN, size + sizeof HALF_A_REQUEST - 1);
    worker_ask_stop(t.worker);
    hear_end(idle);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&t.address, sizeof t.address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    say(begun, OTHER_HALF);
    const struct response *r = hear(begun);
    assert_int_equal(r->status, 404);
    assert_non_null(strstr(r->octets, "\r\nConnection: close\r\n"));
    hear_end(begun);
    join_worker();
    assert_int_equal(ends(CONN_END_STOPPED), 2);
}

/* A client that never ends its request does not keep the worker. */
static void drain_is_bounded(void **state)
{
    (void)state;
    t.config.drain_timeout_ns = 300 * MS;
    start_worker();
    int fd = client();
    say(fd, HALF_A_REQUEST);
    wait_counter(SERVE_BYTES_IN, sizeof HALF_A_REQUEST - 1);
    uint64_t begin_ns = clock_monotonic_ns();
    join_worker();
    assert_in_range(clock_monotonic_ns() - begin_ns, 250 * MS, 10000 * MS);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(idle_crowd),       TEST(slowloris),
        TEST(slow_body),        TEST(idle_ends),
        TEST(table_full),       TEST(source_full),
        TEST(graceful_stop),    TEST(too_few_receive_buffers),
        TEST(drain_is_bounded), TEST(too_few_input_buffers),
        TEST(takes_no_answers), TEST(takes_answers_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
