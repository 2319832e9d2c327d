/* SPDX-License-Identifier: Apache-2.0 */
/* For test_worker*.c: a worker on a thread of its own, a small data set, and clients. */
#pragma once

#include "edge/worker_internal.h"
#include "lib/base64.h"
#include "lib/os/clock.h"
#include "tests/fixture/edge_fixture.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MS               UINT64_C(1000000)
#define PATIENCE_MS      30000
#define STATEMENTS       100
#define RESPONSE_MAX     8192
#define REQUEST_MAX      1024
#define WITHOUT_LIMIT    0
#define HALF_A_REQUEST   "GET /xyz HTTP/1.1\r\nHos"
#define OTHER_HALF       "t: a\r\n\r\n"
#define TRY_LATER_OCTETS "\x30\x03\x0a\x01\x03"

static struct {
    struct edge_fixture fixture;
    struct ocsp_template template_;
    struct fixture_statement statements[STATEMENTS]; /* odd ones are revoked */
    struct worker_config config;
    struct snapshot_exchange exchange;
    struct source_limit limit;
    uint64_t counters[SERVE_COUNTER_COUNT];
    struct worker *worker;
    pthread_t thread;
    struct sockaddr_in address;
    bool running;
} t;

static void make_data(void)
{
    struct fixture_random r = fixture_random_of(7);
    uint32_t now_s = (uint32_t)clock_wall_s();
    t.template_ = fixture_template(0, 1, CERTID_BOTH, 302400);
    for (unsigned i = 0; i < STATEMENTS; i++) {
        bool revoked = i % 2 == 1;
        struct facts facts = {.template_no = 1,
                              .status = revoked ? CERT_REVOKED : CERT_GOOD,
                              .reason = revoked ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                              .revoked_at_s = revoked ? now_s - 77 : 0,
                              .this_update_s = now_s - 1000,
                              .next_update_s = now_s + 604800};
        t.statements[i] = fixture_statement(&r, t.template_.issuer_id, 16, facts);
    }
    struct fixture_statement sorted[STATEMENTS];
    memcpy(sorted, t.statements, sizeof sorted);
    fixture_statements_sort(sorted, STATEMENTS);
    edge_fixture_start(&t.fixture, &t.template_, 1, sorted, STATEMENTS);
}

/* Patient and roomy; tests tighten what they are about. */
static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    make_data();
    t.config = (struct worker_config){
        .conn = {.idle_timeout_ns = 60000 * MS,
                 .header_timeout_ns = 60000 * MS,
                 .body_timeout_ns = 60000 * MS,
                 .send_timeout_ns = 60000 * MS},
        .connections_max = 10000,
        .receive_buffers = 256,
        .input_buffers = 256,
        .output_buffers = 1024,
        .drain_timeout_ns = 20000 * MS,
    };
    assert_int_equal(answer_config_set(&t.config.answer, "/"), ERR_OK);
    snapshot_exchange_start(&t.exchange, 1);
    t.exchange.current = t.fixture.snapshot;
    return 0;
}

static int listener(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    t.address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof t.address;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&t.address, size), 0);
    assert_int_equal(listen(fd, 4096), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&t.address, &size), 0);
    return fd;
}

static void *run(void *worker)
{
    worker_run(worker);
    return NULL;
}

struct making {
    struct listener_socket listener;
    enum err err;
    int error; /* errno */
    const char *what;
};

static void *make(void *argument)
{
    struct making *m = argument;
    m->err = worker_start(&t.config, 0, &m->listener, 1, &t.exchange, &t.limit, t.counters,
                          &t.worker, &m->what);
    m->error = errno;
    return NULL;
}

/* Everything but the thread: clients may connect and send, nobody takes it yet. Made on a thread
 * that ends, because the kernel interrupts who made a ring once when it takes the ring down, and
 * that would be a client of the next test. */
static void make_worker(uint32_t per_source_max)
{
    static const uint8_t key[SOURCE_LIMIT_KEY_BYTES] = {1, 2, 3};
    pthread_t maker;
    struct making m = {.listener = {.fd = listener()}, .what = ""};
    assert_int_equal(source_limit_start(&t.limit, 1024, per_source_max, 32, 56, key), ERR_OK);
    assert_int_equal(pthread_create(&maker, NULL, make, &m), 0);
    assert_int_equal(pthread_join(maker, NULL), 0);
    if (m.err != ERR_OK)
        fail_msg("%s: %s", m.what, strerror(m.error));
}

static void run_worker(void)
{
    assert_int_equal(pthread_create(&t.thread, NULL, run, t.worker), 0);
    t.running = true;
}

static void start_worker(void)
{
    make_worker(WITHOUT_LIMIT);
    run_worker();
}

static uint64_t counter(unsigned which)
{
    return counter_get(&t.counters[which]);
}

static uint64_t ends(enum conn_end end)
{
    return counter(serve_counter_end(end));
}

static void wait_counter(unsigned which, uint64_t value)
{
    uint64_t end_ns = clock_monotonic_ns() + PATIENCE_MS * MS;
    while (counter(which) != value) {
        if (clock_monotonic_ns() > end_ns)
            fail_msg("counter %u is %llu, not %llu", which, (unsigned long long)counter(which),
                     (unsigned long long)value);
        (void)poll(NULL, 0, 1);
    }
}

/* Nothing is lost: every request has an outcome, every connection an end, every buffer is back. */
static void check_books(void)
{
    uint64_t outcomes = 0;
    uint64_t all_ends = 0;
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        outcomes += counter(serve_counter_outcome((enum outcome)i));
    for (unsigned i = 0; i < CONN_END_COUNT; i++)
        all_ends += ends((enum conn_end)i);
    assert_int_equal(outcomes, counter(SERVE_REQUESTS));
    assert_int_equal(all_ends, counter(SERVE_OPENED));
    assert_int_equal(counter(SERVE_OPENED), counter(SERVE_ACCEPTED) - counter(SERVE_REFUSED_FULL) -
                                                counter(SERVE_REFUSED_SOURCE));
    assert_int_equal(counter(SERVE_OPEN), 0);
    assert_int_equal(t.worker->held.held_count, 0);
    assert_int_equal(t.worker->free_count, t.config.connections_max);
    assert_int_equal(t.worker->inputs.free_count, t.config.input_buffers);
    assert_int_equal(t.worker->outputs.free_count, t.config.output_buffers);
    for (uint32_t i = 0; i <= t.limit.bucket_mask; i++)
        assert_int_equal(t.limit.counts[i], 0);
}

static void join_worker(void)
{
    worker_ask_stop(t.worker);
    assert_int_equal(pthread_join(t.thread, NULL), 0);
    t.running = false;
    check_books();
}

static int teardown(void **state)
{
    (void)state;
    if (t.running)
        join_worker();
    t.worker = worker_free(t.worker);
    source_limit_stop(&t.limit);
    t.exchange.current = NULL; /* the fixture's */
    edge_fixture_stop(&t.fixture);
    return 0;
}

/* `window` octets of answers are taken by its kernel before it reads; 0: as many as usual. */
static int client_with(int window)
{
    const int on = 1;
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    if (window > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window), 0);
    if (connect(fd, (struct sockaddr *)&t.address, sizeof t.address) != 0)
        fail_msg("connect: %s", strerror(errno));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static int client(void)
{
    return client_with(0);
}

/* Where a time is set, a process that was stopped and goes on is told EINTR. */
static ssize_t take(int fd, void *out, size_t size, int flags)
{
    ssize_t n;
    do
        n = recv(fd, out, size, flags);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t give(int fd, const void *data, size_t size)
{
    ssize_t n;
    do
        n = send(fd, data, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static void put(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = give(fd, at, size);
        if (n <= 0)
            fail_msg("send: %s", strerror(errno));
        at += n;
        size -= (size_t)n;
    }
}

static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

struct response {
    char octets[RESPONSE_MAX + 1];
    size_t size;
    char *body;
    unsigned status;
};

static size_t content_length(const char *head)
{
    const char *field = strcasestr(head, "\r\nContent-Length: ");
    return field == NULL ? 0 : strtoul(field + 18, NULL, 10);
}

/* Reads exactly one response, octet by octet up to the end of its head. */
static const struct response *hear(int fd)
{
    static struct response r;
    r = (struct response){0};
    while (r.size < 4 || memcmp(r.octets + r.size - 4, "\r\n\r\n", 4) != 0) {
        assert_true(r.size < RESPONSE_MAX);
        ssize_t n = take(fd, r.octets + r.size, 1, 0);
        if (n != 1)
            fail_msg("receive: %s behind \"%s\"", n == 0 ? "end" : strerror(errno), r.octets);
        r.size++;
    }
    r.body = r.octets + r.size;
    size_t body_size = content_length(r.octets);
    assert_true(body_size <= RESPONSE_MAX - r.size);
    for (size_t end = r.size + body_size; r.size < end;) {
        ssize_t n = take(fd, r.octets + r.size, end - r.size, 0);
        assert_true(n > 0);
        r.size += (size_t)n;
    }
    assert_int_equal(sscanf(r.octets, "HTTP/1.1 %u ", &r.status), 1);
    return &r;
}

/* The end, properly: not a reset. */
static void hear_end(int fd)
{
    char octet = 0;
    ssize_t n = take(fd, &octet, 1, 0);
    if (n != 0)
        fail_msg("not the end: %s", n > 0 ? "an octet" : strerror(errno));
    close(fd);
}

static size_t request_der(unsigned which, uint8_t *out, size_t out_size)
{
    return fixture_request(&t.template_, CERTID_HASH_SHA1, &t.statements[which].serial, out,
                           out_size);
}

static size_t get_text(unsigned which, char out[static REQUEST_MAX])
{
    uint8_t der[256];
    char path[REQUEST_MAX / 2];
    size_t path_size = 0;
    size_t size = request_der(which, der, sizeof der);
    assert_int_equal(ocsp_path_encode(span_of(der, size), path, sizeof path, &path_size), ERR_OK);
    return (size_t)snprintf(out, REQUEST_MAX, "GET /%.*s HTTP/1.1\r\nHost: a\r\n\r\n",
                            (int)path_size, path);
}

static void ask(int fd, unsigned which)
{
    char text[REQUEST_MAX];
    put(fd, text, get_text(which, text));
}

/* A statement of that certificate. */
static void hear_statement(int fd, unsigned which)
{
    const struct response *r = hear(fd);
    const struct serial *serial = &t.statements[which].serial;
    size_t body_size = r->size - (size_t)(r->body - r->octets);
    assert_int_equal(r->status, 200);
    assert_true(body_size > 200);
    assert_non_null(memmem(r->body, body_size, serial->octets, serial->size));
}
