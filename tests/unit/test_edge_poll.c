/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at edges that answer well, badly, slowly, too much, in part, and not at all. */
#include "bpf/edge_poll.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/admin.h"
#include "lib/os/clock.h"

#define DEADLINE_MS   1500  /* where one is silent */
#define GOOD_MS       20000 /* where none is: on a busy machine */
#define PATIENCE_MS   30000
#define MILLISECOND   UINT64_C(1000000)
#define BODY_TOO_LONG (MEASURE_BODY_BYTES_MAX + 1u)

/* What an edge says; its own lock, since the admin thread reads it. */
struct made_up {
    pthread_mutex_t lock;
    bool healthy;
    bool serving;
    unsigned metrics_status;
    uint64_t process, clock_ns, run_ns, wait_ns, news_age_s;
    struct admin *admin;
    struct address address;
};

static unsigned write_metrics(void *context, struct text_writer *w)
{
    struct made_up *e = context;
    pthread_mutex_lock(&e->lock);
    text_writer_format(w,
                       "statim_edge_serve_ready %d\nstatim_edge_snapshot_complete 1\n"
                       "statim_edge_processes_running{process=\"serve\"} 1\n"
                       "statim_edge_news_age_seconds %llu\nstatim_edge_serve_process_id %llu\n"
                       "statim_edge_worker_clock_nanoseconds %llu\n"
                       "statim_edge_worker_run_nanoseconds_total{worker=\"0\"} %llu\n"
                       "statim_edge_worker_wait_nanoseconds_total{worker=\"0\"} %llu\n",
                       e->serving, (unsigned long long)e->news_age_s,
                       (unsigned long long)e->process, (unsigned long long)e->clock_ns,
                       (unsigned long long)e->run_ns, (unsigned long long)e->wait_ns);
    unsigned status = e->metrics_status;
    pthread_mutex_unlock(&e->lock);
    return status;
}

static unsigned write_health(void *context, struct text_writer *w)
{
    struct made_up *e = context;
    pthread_mutex_lock(&e->lock);
    bool healthy = e->healthy;
    pthread_mutex_unlock(&e->lock);
    text_writer_format(w, "%s\n", healthy ? "ok" : "the newest head is old");
    return healthy ? 200 : 503;
}

static const struct admin_page pages[] = {
    {"/metrics", "text/plain", write_metrics},
    {"/healthz", "text/plain", write_health},
    {NULL, NULL, NULL},
};

static void edge_start(struct made_up *e)
{
    struct address any;
    assert_int_equal(address_from_text(span_text("127.0.0.1:0"), &any), ERR_OK);
    *e = (struct made_up){.lock = PTHREAD_MUTEX_INITIALIZER,
                          .healthy = true,
                          .serving = true,
                          .metrics_status = 200,
                          .process = 1,
                          .clock_ns = 1000,
                          .run_ns = 10,
                          .news_age_s = 7};
    assert_int_equal(admin_start(&any, pages, e, &e->admin), ERR_OK);
    admin_address(e->admin, &e->address);
}

static void edge_stop(struct made_up *e)
{
    e->admin = admin_stop(e->admin);
}

/* A listener that nobody accepts from; its kernel takes the request all the same. */
static int silent_listener(struct address *ret)
{
    struct address address;
    assert_int_equal(address_from_text(span_text("127.0.0.1:0"), &address), ERR_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &address.sa.any, address.size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, &address.sa.any, &address.size), 0);
    *ret = address;
    return fd;
}

/* An address at which nobody listens: its socket is bound, so nobody else gets it. */
static int dead_address(struct address *ret)
{
    assert_int_equal(address_from_text(span_text("127.0.0.1:0"), ret), ERR_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &ret->sa.any, ret->size), 0);
    assert_int_equal(getsockname(fd, &ret->sa.any, &ret->size), 0);
    return fd;
}

static struct edge_poll *poll_new(const struct address *edges, unsigned count,
                                  const struct address *probe, uint32_t deadline_ms)
{
    struct edge_poll *p = NULL;
    const struct edge_poll_config config = {.edges = edges,
                                            .edge_count = count,
                                            .probes = probe,
                                            .probe_count = probe != NULL,
                                            .deadline_ms = deadline_ms};
    assert_int_equal(edge_poll_new(&config, &p), ERR_OK);
    return p;
}

/* One look by the descriptor alone, and no step of it blocks. */
static struct measurement look(struct edge_poll *p)
{
    struct measurement m;
    uint64_t end_ns = clock_monotonic_ns() + PATIENCE_MS * MILLISECOND;
    assert_int_equal(edge_poll_begin(p), ERR_OK);
    for (;;) {
        struct pollfd fd = {.fd = edge_poll_fd(p), .events = POLLIN};
        assert_true(clock_monotonic_ns() < end_ns);
        int ready = poll(&fd, 1, PATIENCE_MS);
        assert_true(ready > 0);
        if (edge_poll_step(p))
            break;
    }
    edge_poll_measurement(p, &m);
    return m;
}

static void a_good_edge(void **state)
{
    (void)state;
    static struct made_up e;
    edge_start(&e);
    struct edge_poll *p = poll_new(&e.address, 1, NULL, GOOD_MS);
    struct measurement m;
    edge_poll_measurement(p, &m);
    assert_false(m.answered); /* before the first look */
    m = look(p);
    assert_true(m.answered && m.ready && m.healthy && !m.gone);
    assert_false(m.load_known || m.latency_known || m.queue_known);
    assert_int_equal(m.news_age_s, 7);
    pthread_mutex_lock(&e.lock);
    e.clock_ns += 1000;
    e.run_ns += 500;
    e.wait_ns += 250;
    pthread_mutex_unlock(&e.lock);
    m = look(p);
    assert_true(m.load_known);
    assert_int_equal(m.load_permille, 750);
    pthread_mutex_lock(&e.lock);
    e.clock_ns += 1000;
    e.process = 2;
    e.healthy = false;
    pthread_mutex_unlock(&e.lock);
    m = look(p);
    assert_true(m.answered && m.ready && !m.healthy && !m.load_known);
    assert_string_equal(edge_poll_look(p, 0)->why, "the newest head is old");
    pthread_mutex_lock(&e.lock);
    e.metrics_status = 503;
    pthread_mutex_unlock(&e.lock);
    m = look(p);
    assert_true(!m.answered && !m.gone);
    edge_stop(&e);
    m = look(p);
    assert_true(!m.answered && m.gone);
    edge_poll_free(p);
}

/* One that listens and never answers is given up in time, and the others do not wait for it. */
static void silent_and_dead(void **state)
{
    (void)state;
    static struct made_up e;
    struct address edges[3];
    edge_start(&e);
    int silent = silent_listener(&edges[0]);
    int dead = dead_address(&edges[1]);
    edges[2] = e.address;
    struct edge_poll *p = poll_new(edges, 2, NULL, DEADLINE_MS);
    uint64_t begin_ns = clock_monotonic_ns();
    struct measurement m = look(p);
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    assert_true(took_ns >= (DEADLINE_MS - 20) * MILLISECOND);
    assert_true(took_ns < 5 * DEADLINE_MS * MILLISECOND);
    assert_false(m.answered || m.gone); /* one of two is there, though it says nothing */
    assert_true(edge_poll_look(p, 1)->gone && !edge_poll_look(p, 0)->gone);
    assert_string_not_equal(edge_poll_look(p, 0)->why, "");
    edge_poll_free(p);
    p = poll_new(edges, 3, NULL, DEADLINE_MS);
    m = look(p);
    assert_true(m.answered && m.ready && m.healthy);
    edge_poll_free(p);
    p = poll_new(&edges[1], 1, NULL, GOOD_MS);
    m = look(p); /* at once, with nothing to wait for */
    assert_true(!m.answered && m.gone);
    edge_poll_free(p);
    /* No way to it is not the same as nobody there: TCP has no broadcast. */
    assert_int_equal(address_from_text(span_text("255.255.255.255:1"), &edges[1]), ERR_OK);
    p = poll_new(&edges[1], 1, NULL, GOOD_MS);
    m = look(p);
    assert_true(!m.answered && !m.gone);
    edge_poll_free(p);
    close(silent);
    close(dead);
    edge_stop(&e);
}

static void probes(void **state)
{
    (void)state;
    static struct made_up e;
    struct address silent_at;
    edge_start(&e);
    int silent = silent_listener(&silent_at);
    struct edge_poll *p = poll_new(&e.address, 1, &e.address, GOOD_MS); /* 404 is an answer */
    struct measurement m = look(p);
    assert_true(m.answered && m.latency_known && !m.latency_late);
    assert_in_range(m.latency_ms, 1, GOOD_MS - 1);
    edge_poll_free(p);
    p = poll_new(&e.address, 1, &silent_at, DEADLINE_MS);
    m = look(p);
    assert_true(m.answered && m.latency_known && m.latency_late);
    assert_int_equal(m.latency_ms, DEADLINE_MS);
    edge_poll_free(p);
    close(silent);
    edge_stop(&e);
}

/* A look that has not ended when the next one begins, and one when all is freed. */
static void given_up(void **state)
{
    (void)state;
    static struct made_up e;
    struct address edges[2];
    edge_start(&e);
    int silent = silent_listener(&edges[0]);
    edges[1] = e.address;
    struct edge_poll *p = poll_new(edges, 2, NULL, DEADLINE_MS);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(edge_poll_begin(p), ERR_OK);
        struct pollfd fd = {.fd = edge_poll_fd(p), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
        assert_false(edge_poll_step(p));
    }
    assert_true(look(p).answered);
    assert_false(edge_poll_step(p)); /* nothing is under way */
    assert_int_equal(edge_poll_begin(p), ERR_OK);
    assert_false(edge_poll_step(p));
    edge_poll_free(p);
    close(silent);
    edge_stop(&e);
}

/* A server that sends `answer`, and then octets up to `filling`, to each who connects. */
struct server {
    int listener;
    const char *answer;
    size_t filling;
    pthread_t thread;
};

static void *serve(void *context)
{
    const struct server *s = context;
    static const char filling[4096] = "x";
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        char request[2048];
        if (recv(fd, request, sizeof request, 0) > 0 &&
            send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL) > 0) {
            for (size_t sent = 0; sent < s->filling;) {
                ssize_t n = send(fd, filling, sizeof filling, MSG_NOSIGNAL);
                if (n < 0)
                    break;
                sent += (size_t)n;
            }
        }
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return NULL;
}

static void expect_refused(const char *answer, size_t filling)
{
    struct address address;
    struct server s = {.listener = silent_listener(&address), .answer = answer, .filling = filling};
    assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
    struct edge_poll *p = poll_new(&address, 1, NULL, GOOD_MS);
    struct measurement m = look(p);
    const char *why = edge_poll_look(p, 0)->why;
    bool given_up = strncmp(why, "its pages", strlen("its pages")) != 0;
    if (m.answered || m.gone || why[0] == '\0' || (filling > 0 && !given_up))
        fail_msg("taken: %.40s: %s", answer, why);
    edge_poll_free(p);
    shutdown(s.listener, SHUT_RDWR);
    pthread_join(s.thread, NULL);
    close(s.listener);
}

static void nonsense(void **state)
{
    (void)state;
    expect_refused("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 0);
    expect_refused("HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n", 0);
    expect_refused("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nok\n", 0);
    expect_refused("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0);
    expect_refused("ok\n", 0);
    expect_refused("HTTP/1.1 200 OK\r\n\r\n", BODY_TOO_LONG);
    expect_refused("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", 3 * BODY_TOO_LONG);
}

static void limits(void **state)
{
    (void)state;
    struct edge_poll *p = NULL;
    struct address address;
    assert_int_equal(address_from_text(span_text("127.0.0.1:1"), &address), ERR_OK);
    struct edge_poll_config config = {.edges = &address, .edge_count = 0, .deadline_ms = 1};
    assert_int_equal(edge_poll_new(&config, &p), ERR_RANGE);
    config.edge_count = EDGE_POLL_EDGES_MAX + 1;
    assert_int_equal(edge_poll_new(&config, &p), ERR_RANGE);
    config.edge_count = 1;
    config.probe_count = EDGE_POLL_PROBES_MAX + 1;
    assert_int_equal(edge_poll_new(&config, &p), ERR_RANGE);
    config.probe_count = 0;
    config.deadline_ms = 0;
    assert_int_equal(edge_poll_new(&config, &p), ERR_RANGE);
    assert_null(p);
    assert_null(edge_poll_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_edge), cmocka_unit_test(silent_and_dead), cmocka_unit_test(probes),
        cmocka_unit_test(given_up),    cmocka_unit_test(nonsense),        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
