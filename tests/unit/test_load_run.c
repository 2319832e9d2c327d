/* SPDX-License-Identifier: Apache-2.0 */
/* Whole stretches of load against a server that behaves in every way a server can. Whatever it
 * does, each request that was due ends exactly once, and the stretch ends in time. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/run.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define CONNECTIONS_MAX 64
#define LATE_NS         300000000u

enum manner {
    ANSWER,
    ANSWER_CLOSE,  /* says "close", and closes */
    ANSWER_SLOWLY, /* octet by octet */
    ANSWER_503,
    ANSWER_WITH_MORE, /* an octet too many */
    ANSWER_GARBAGE,
    BODY_CUT, /* half of the answer, then closes */
    SILENT,
    CLOSE_AT_ONCE,
    AWAY,         /* after a few requests nobody listens any more */
    ANSWER_TWICE, /* the tenth, and once more on connections that have asked nothing */
    ANSWER_LATE,  /* all of them after the stretch */
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
static const char last_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
static const char refusal[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
static const char garbage[] = "220 smtp.example ESMTP\r\n";

static struct server {
    enum manner manner;
    int listener;
    int stop; /* read end: readable when the server shall end */
    struct pollfd polled[2 + CONNECTIONS_MAX];
    size_t count;
    unsigned request_count;
    uint64_t late_ns; /* when ANSWER_LATE answers */
} server;

static void drop(size_t i)
{
    close(server.polled[i].fd);
    server.polled[i] = server.polled[--server.count];
}

static void put(int fd, const char *text, size_t size)
{
    /* The client may have gone: then this fails, and the connection ends soon. */
    (void)!send(fd, text, size, MSG_NOSIGNAL);
}

/* Answers one request; false: the connection is to be closed. */
static bool serve(int fd)
{
    switch (server.manner) {
    case ANSWER:
        put(fd, answer, sizeof answer - 1);
        return true;
    case ANSWER_SLOWLY:
        for (size_t i = 0; i < sizeof answer - 1; i++)
            put(fd, answer + i, 1);
        return true;
    case ANSWER_CLOSE:
        put(fd, last_answer, sizeof last_answer - 1);
        return false;
    case ANSWER_503:
        put(fd, refusal, sizeof refusal - 1);
        return true;
    case ANSWER_WITH_MORE:
        put(fd, answer, sizeof answer);
        return true;
    case ANSWER_GARBAGE:
        put(fd, garbage, sizeof garbage - 1);
        return true;
    case BODY_CUT:
        put(fd, answer, sizeof answer - 3);
        return false;
    case SILENT:
        return true;
    case ANSWER_TWICE:
        put(fd, answer, sizeof answer - 1);
        for (size_t i = 2; server.request_count == 10 && i < server.count; i++)
            put(server.polled[i].fd, answer, sizeof answer - 1);
        return true;
    case ANSWER_LATE:
        if (server.late_ns == 0)
            server.late_ns = clock_monotonic_ns() + LATE_NS;
        while (clock_monotonic_ns() < server.late_ns)
            (void)poll(NULL, 0, 1);
        put(fd, answer, sizeof answer - 1);
        return true;
    case AWAY:
        if (server.request_count > 100 && server.listener >= 0) {
            close(server.listener);
            server.listener = server.polled[1].fd = -1;
        }
        put(fd, last_answer, sizeof last_answer - 1);
        return false;
    case CLOSE_AT_ONCE:
        break;
    }
    return false;
}

static void accept_one(void)
{
    int fd = accept(server.listener, NULL, NULL);
    if (fd < 0)
        return;
    if (server.manner == CLOSE_AT_ONCE || server.count == 2 + CONNECTIONS_MAX)
        close(fd);
    else
        server.polled[server.count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void *server_run(void *unused)
{
    (void)unused;
    for (;;) {
        char request[1024];
        CHECK(poll(server.polled, server.count, -1) >= 0);
        if (server.polled[0].revents != 0)
            break;
        if (server.polled[1].revents != 0)
            accept_one();
        for (size_t i = server.count; i-- > 2;) {
            if (server.polled[i].revents == 0)
                continue;
            ssize_t size = recv(server.polled[i].fd, request, sizeof request, 0);
            server.request_count += size > 0;
            if (size <= 0 || !serve(server.polled[i].fd))
                drop(i);
        }
    }
    while (server.count > 2)
        drop(server.count - 1);
    if (server.listener >= 0)
        close(server.listener);
    return NULL;
}

/* A socket whose port the load goes to. */
static int bind_to_free_port(struct load_options *o)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    memcpy(&o->address, &address, sizeof address);
    o->address_size = size;
    snprintf(o->port, sizeof o->port, "%u", ntohs(address.sin_port));
    return fd;
}

static pthread_t start_server(enum manner manner, int *ret_stop, struct load_options *o)
{
    int pipe_fds[2];
    pthread_t thread;
    server = (struct server){.manner = manner, .count = 2};
    CHECK(pipe(pipe_fds) == 0);
    server.listener = bind_to_free_port(o);
    CHECK(listen(server.listener, 128) == 0);
    server.polled[0] = (struct pollfd){.fd = pipe_fds[0], .events = POLLIN};
    server.polled[1] = (struct pollfd){.fd = server.listener, .events = POLLIN};
    CHECK(pthread_create(&thread, NULL, server_run, NULL) == 0);
    *ret_stop = pipe_fds[1];
    return thread;
}

static void stop_server(pthread_t thread, int stop)
{
    CHECK(write(stop, "x", 1) == 1);
    CHECK(pthread_join(thread, NULL) == 0);
    close(stop);
    close(server.polled[0].fd);
}

/* Where an answer comes it is waited for, however busy the machine is. */
#define PATIENCE_S        20
#define PATIENCE_SILENT_S 0.1

static struct load_options *plain_options(void)
{
    static struct load_options o;
    o = (struct load_options){.host = "127.0.0.1",
                              .prefix = "/",
                              .paths = {"/a", "/b"},
                              .path_count = 2,
                              .seed = 1,
                              .signature_sample = 1,
                              .connections = 7,
                              .threads = 2,
                              .duration_s = 0.2,
                              .timeout_s = PATIENCE_S};
    return &o;
}

static struct load_result *run(const struct load_options *o, double rate_per_s)
{
    static struct load_result result;
    struct load_target *target = NULL;
    uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(load_target_new(o, &target), ERR_OK);
    assert_int_equal(load_run(o, target, rate_per_s, NULL, NULL, &result), ERR_OK);
    load_target_free(target);
    /* Generous: sanitizers are slow. */
    double took_s = (double)(clock_monotonic_ns() - begin_ns) / 1e9;
    assert_true(took_s < o->warmup_s + o->duration_s + o->timeout_s + 20);
    uint64_t sum = 0, in_seconds = 0;
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        sum += result.ends[i];
    for (uint32_t i = 0; i < result.second_count; i++)
        in_seconds += result.seconds[i].answered + result.seconds[i].errors;
    assert_true(sum == result.due && sum == in_seconds && sum > 0);
    return &result;
}

static const struct {
    enum manner manner;
    enum load_end end; /* of all requests */
} manners[] = {
    {ANSWER, LOAD_END_PLAIN},
    {ANSWER_CLOSE, LOAD_END_PLAIN},
    {ANSWER_SLOWLY, LOAD_END_PLAIN},
    {ANSWER_503, LOAD_END_HTTP_STATUS},
    {ANSWER_WITH_MORE, LOAD_END_HTTP_FRAMING},
    {ANSWER_GARBAGE, LOAD_END_HTTP_FRAMING},
    {BODY_CUT, LOAD_END_CLOSED},
    {SILENT, LOAD_END_TIMEOUT},
    {CLOSE_AT_ONCE, LOAD_END_CLOSED},
};

/* An octet too many may come just after the answer was counted; and while connections that came to
 * nothing cool down, requests wait, in the open loop to the end. */
static void check_ends(const struct load_result *result, enum load_end end, bool open_loop)
{
    uint64_t others = end == LOAD_END_HTTP_FRAMING ? result->ends[LOAD_END_PLAIN] : 0;
    if (open_loop)
        others += result->ends[LOAD_END_UNSENT];
    assert_true(result->ends[end] > 0);
    assert_true(result->ends[end] + others == result->due);
}

static void closed_loop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        for (unsigned share = 0; share < 3; share++) {
            int stop = -1;
            struct load_options *o = plain_options();
            o->close_share = share / 2.0;
            if (manners[i].manner == SILENT)
                o->timeout_s = PATIENCE_SILENT_S;
            pthread_t thread = start_server(manners[i].manner, &stop, o);
            struct load_result *result = run(o, 0);
            check_ends(result, manners[i].end, false);
            assert_true(result->latency.count == result->service.count);
            if (manners[i].end == LOAD_END_PLAIN)
                assert_true(result->latency.count == result->due);
            load_result_done(result);
            stop_server(thread, stop);
        }
    }
}

static void open_loop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        int stop = -1;
        struct load_options *o = plain_options();
        o->close_share = 0.5;
        o->poisson = i % 2 == 1;
        if (manners[i].manner == SILENT)
            o->timeout_s = PATIENCE_SILENT_S;
        pthread_t thread = start_server(manners[i].manner, &stop, o);
        struct load_result *result = run(o, 1000);
        check_ends(result, manners[i].end, true);
        if (!o->poisson)
            assert_in_range(result->due, 198, 202);
        assert_true(result->latency.count == result->service.count);
        assert_true(result->lag.count == result->due);
        load_result_done(result);
        stop_server(thread, stop);
    }
}

/* One connection, a server that never answers: what waits behind it is counted, not forgotten. */
static void waiting_counts(void **state)
{
    (void)state;
    int stop = -1;
    struct load_options *o = plain_options();
    o->connections = 1;
    o->duration_s = 0.3;
    o->timeout_s = 0.5;
    pthread_t thread = start_server(SILENT, &stop, o);
    struct load_result *result = run(o, 100);
    assert_in_range(result->due, 29, 31);
    assert_true(result->ends[LOAD_END_UNSENT] == result->due - 1);
    assert_true(result->ends[LOAD_END_TIMEOUT] == 1 && result->connections == 1);
    assert_true(result->connection_waits == result->due - 1);
    load_result_done(result);
    stop_server(thread, stop);
}

/* What is to be seen within a stretch a busy machine may sleep through: then a longer one is tried,
 * up to most of a minute. */
static void seen_within(double duration_s, double rate_per_s,
                        bool (*is_seen)(double duration_s, double rate_per_s))
{
    for (; !is_seen(duration_s, rate_per_s); duration_s *= 4)
        assert_true(duration_s < 15);
}

/* Each waits for the end of one before it: those of the stretch get a connection, too. */
static bool one_of_the_stretch_is_sent(double duration_s, double rate_per_s)
{
    int stop = -1;
    struct load_options *o = plain_options();
    o->connections = 1;
    o->threads = 1;
    o->warmup_s = 0.5;
    o->duration_s = duration_s;
    o->timeout_s = 0.1;
    pthread_t thread = start_server(SILENT, &stop, o);
    struct load_result *result = run(o, rate_per_s);
    assert_in_range(result->due, duration_s * rate_per_s - 1, duration_s * rate_per_s + 1);
    bool is_sent = result->ends[LOAD_END_TIMEOUT] > 0;
    load_result_done(result);
    stop_server(thread, stop);
    return is_sent;
}

/* What the warm-up left waiting does not stand before the requests that count. */
static void warm_up_is_forgotten(void **state)
{
    (void)state;
    seen_within(0.2, 100, one_of_the_stretch_is_sent);
}

static bool goes_away(double duration_s, double rate_per_s)
{
    int stop = -1;
    struct load_options *o = plain_options();
    o->duration_s = duration_s;
    pthread_t thread = start_server(AWAY, &stop, o);
    struct load_result *result = run(o, rate_per_s);
    bool is_seen = result->ends[LOAD_END_PLAIN] > 90 && result->ends[LOAD_END_CONNECT] > 0;
    load_result_done(result);
    stop_server(thread, stop);
    return is_seen;
}

static void server_goes_away(void **state)
{
    (void)state;
    seen_within(0.6, 0, goes_away);
    seen_within(0.6, 2000, goes_away);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct load_options *o = plain_options();
    int fd = bind_to_free_port(o); /* nor does anybody else get that port */
    struct load_result *result = run(o, 0);
    assert_true(result->ends[LOAD_END_CONNECT] == result->due);
    assert_true(result->due < 7 * 10); /* not as fast as it fails */
    load_result_done(result);
    close(fd);
}

/* An answer is an answer whenever it comes, but a rate is made of those within the time. */
static void late_answers_are_no_rate(void **state)
{
    (void)state;
    for (unsigned open = 0; open < 2; open++) {
        int stop = -1;
        struct load_options *o = plain_options();
        o->duration_s = 0.1;
        pthread_t thread = start_server(ANSWER_LATE, &stop, o);
        struct load_result *result = run(o, open ? 50 : 0);
        assert_true(result->ends[LOAD_END_PLAIN] == result->due && result->answers_in_time == 0);
        load_result_done(result);
        stop_server(thread, stop);
    }
}

static bool an_unasked_answer_is_counted(double duration_s, double rate_per_s)
{
    int stop = -1;
    struct load_options *o = plain_options();
    o->threads = 1;
    o->duration_s = duration_s;
    pthread_t thread = start_server(ANSWER_TWICE, &stop, o);
    struct load_result *result = run(o, rate_per_s);
    bool is_counted = result->unasked + result->ends[LOAD_END_HTTP_FRAMING] > 0;
    load_result_done(result);
    stop_server(thread, stop);
    return is_counted;
}

/* Connections take turns, so most have nothing to do when the server answers on them once more. */
static void answers_nobody_asked_for(void **state)
{
    (void)state;
    seen_within(0.2, 100, an_unasked_answer_is_counted);
}

/* Four load threads and the server on one processor. */
static void too_few_processors(void **state)
{
    (void)state;
    int stop = -1;
    cpu_set_t before, one;
    struct load_options *o = plain_options();
    if (access("/proc/thread-self/schedstat", R_OK) != 0)
        skip();
    o->threads = 4;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (unsigned i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    pthread_t thread = start_server(ANSWER, &stop, o);
    struct load_result *result = run(o, 0);
    stop_server(thread, stop);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_true(result->starved_share > 0.05 && result->busy_share < 0.9);
    load_result_done(result);
}

static bool end_after_one(void *context, const struct load_result *so_far)
{
    unsigned *calls = context;
    (*calls)++;
    assert_true(so_far->second_count <= 3);
    return so_far->second_count == 0;
}

static void warm_up_and_early_end(void **state)
{
    (void)state;
    int stop = -1;
    unsigned calls = 0;
    struct load_options *o = plain_options();
    struct load_target *target = NULL;
    struct load_result result;
    o->warmup_s = 0.3;
    o->duration_s = 30;
    pthread_t thread = start_server(ANSWER, &stop, o);
    assert_int_equal(load_target_new(o, &target), ERR_OK);
    assert_int_equal(load_run(o, target, 500, end_after_one, &calls, &result), ERR_OK);
    assert_true(calls >= 2 && result.wall_s > 1 && result.wall_s < 10);
    double counted = (double)result.due / result.wall_s;
    assert_true(counted > 400 && counted < 600);
    /* A machine that slept over the end has some left that wait. */
    assert_true(result.ends[LOAD_END_PLAIN] + result.ends[LOAD_END_UNSENT] == result.due);
    stop_server(thread, stop);
    /* The warm-up's; those that it came too late for were forgotten. */
    assert_true(server.request_count > result.due);
    load_result_done(&result);
    load_target_free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_loop),
        cmocka_unit_test(open_loop),
        cmocka_unit_test(waiting_counts),
        cmocka_unit_test(warm_up_is_forgotten),
        cmocka_unit_test(server_goes_away),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(warm_up_and_early_end),
        cmocka_unit_test(late_answers_are_no_rate),
        cmocka_unit_test(answers_nobody_asked_for),
        cmocka_unit_test(too_few_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
