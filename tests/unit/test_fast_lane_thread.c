/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's thread, with a Redis that the test plays on its own thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "presigner/fast_lane.h"
#include "presigner/lane_report.h"
#include "tests/unit/redis_double.h"
#include "tests/unit/scratch.h"

#define LARGE_BYTES (FAST_LANE_ENTRY_BYTES_MAX + 500000)
#define ENTRIES_MAX 64
#define DEADLINE_NS (UINT64_C(20) * 1000000000)
#define LOG_KEY     "statim:{example}:log"
#define EDGES_KEY   "statim:{example}:edges"

static char dir[SCRATCH_BYTES];
static struct redis_double server;
static char *addresses[] = {server.path};
static struct presigner_config config;
static uint64_t counters[COUNT_COUNT];
static struct lane_latencies latencies;
static struct fast_lane *lane;
static uint8_t large[LARGE_BYTES];

/* What the server has. */
static uint64_t added[ENTRIES_MAX];
static size_t added_count;
static char edge_value[128]; /* of the edge "e"; "": none */

static void entry_write(uint64_t number, struct span octets)
{
    char path[SCRATCH_BYTES + 32];
    snprintf(path, sizeof path, "%s/log/%llu", dir, (unsigned long long)number);
    assert_int_equal(file_publish_lazy(path, octets, 0600), ERR_OK);
}

/* Entry n is n octets of n, but the second is large. */
static struct span entry_of(uint64_t number)
{
    memset(large, (int)number, sizeof large);
    return span_of(large, number == 2 ? sizeof large : (size_t)number);
}

static int setup(void **state)
{
    (void)state;
    char path[SCRATCH_BYTES + 8];
    scratch_make(dir);
    snprintf(path, sizeof path, "%s/log", dir);
    assert_int_equal(directory_make(path, 0700), ERR_OK);
    redis_double_start(&server, dir, "s");
    config = (struct presigner_config){
        .network = "example",
        .state_dir = dir,
        .publish_dir = dir,
        .redis = {.addresses = addresses,
                  .address_count = 1,
                  .stream_length = 1000,
                  .edge_forget_s = 86400},
    };
    memset(counters, 0, sizeof counters);
    latencies = (struct lane_latencies){0};
    added_count = 0;
    edge_value[0] = '\0';
    assert_int_equal(fast_lane_start(&config, counters, &latencies, &lane), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lane = fast_lane_stop(lane);
    redis_double_stop(&server);
    scratch_remove(dir);
    return 0;
}

static void publish(uint64_t first, uint64_t last, uint64_t revoked_number)
{
    for (uint64_t i = first; i <= last; i++)
        entry_write(i, entry_of(i));
    struct publish_news news = {.log_first = 1, .log_last = last};
    if (revoked_number != 0) {
        news.revoked_number = revoked_number;
        news.revoked_commit_ms = clock_wall_ms();
    }
    fast_lane_published(lane, &news);
}

static void say_string(const void *data, size_t size)
{
    char header[32];
    snprintf(header, sizeof header, "$%zu\r\n", size);
    redis_double_say(&server, header);
    redis_double_say_octets(&server, data, size);
    redis_double_say(&server, "\r\n");
}

static void say_last(void)
{
    char id[FAST_LANE_ID_BYTES];
    if (added_count == 0) {
        redis_double_say(&server, "*0\r\n");
        return;
    }
    struct span entry = entry_of(added[added_count - 1]);
    fast_lane_id_write(added[added_count - 1], id);
    redis_double_say(&server, "*1\r\n*2\r\n");
    say_string(id, strlen(id));
    redis_double_say(&server, "*2\r\n");
    say_string("entry", 5);
    say_string(entry.data, entry.size);
}

static void take_added(const struct redis_double_command *c)
{
    uint64_t number = 0;
    assert_int_equal(c->count, 8);
    assert_true(redis_double_is(c, 1, LOG_KEY) && redis_double_is(c, 2, "MAXLEN"));
    assert_true(redis_double_is(c, 3, "~") && redis_double_is(c, 4, "1000"));
    assert_int_equal(fast_lane_id_read(span_of(c->words[5], c->sizes[5]), &number), ERR_OK);
    struct span entry = entry_of(number), value = span_of(c->words[7], c->sizes[7]);
    if (entry.size > FAST_LANE_ENTRY_BYTES_MAX) {
        assert_true(redis_double_is(c, 6, "size") && redis_double_is(c, 7, "1548576"));
    } else {
        assert_true(redis_double_is(c, 6, "entry"));
        assert_true(span_equal(value, entry));
    }
    assert_true(added_count < ENTRIES_MAX);
    added[added_count++] = number;
    say_string(c->words[5], c->sizes[5]);
}

/* Answers one command, if there is one. The lane gives a connection up whose answers it has waited
 * for too long, as it may on a busy machine, and makes another. */
static void serve(void)
{
    struct redis_double_command c;
    struct pollfd another = {.fd = server.listener, .events = POLLIN};
    if (poll(&another, 1, 0) == 1)
        redis_double_accept(&server);
    if (!redis_double_hear(&server, 20, &c))
        return;
    if (redis_double_is(&c, 0, "PING")) {
        redis_double_say(&server, "+PONG\r\n");
    } else if (redis_double_is(&c, 0, "XREVRANGE")) {
        say_last();
    } else if (redis_double_is(&c, 0, "XADD")) {
        take_added(&c);
    } else {
        assert_true(redis_double_is(&c, 0, "HGETALL") && redis_double_is(&c, 1, EDGES_KEY));
        if (edge_value[0] == '\0') {
            redis_double_say(&server, "*0\r\n");
        } else {
            redis_double_say(&server, "*2\r\n");
            say_string("e", 1);
            say_string(edge_value, strlen(edge_value));
        }
    }
    redis_double_heard(&server, &c);
}

#define SERVE_UNTIL(condition)                                 \
    do {                                                       \
        uint64_t end_ns_ = clock_monotonic_ns() + DEADLINE_NS; \
        while (!(condition) && clock_monotonic_ns() < end_ns_) \
            serve();                                           \
        assert_true(condition);                                \
    } while (0)

static uint64_t counter(enum presigner_counter which)
{
    return counter_get(&counters[which]);
}

static void edge_says(uint64_t number, uint64_t beat)
{
    struct fast_lane_ack ack = {number, 1, beat};
    fast_lane_ack_write(&ack, edge_value);
}

static void test_entries_and_edges(void **state)
{
    (void)state;
    redis_double_accept(&server);
    publish(1, 3, 0);
    SERVE_UNTIL(added_count == 3 && counter(COUNT_fast_lane_entries_added) == 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(added[i], i + 1);
    edge_says(3, 1);
    SERVE_UNTIL(counter(COUNT_fast_lane_edges_live) == 1 &&
                counter(COUNT_fast_lane_low_water) == 3);
    for (uint64_t i = 4; i <= 40; i++)
        publish(i, i, i == 20 ? 20 : 0);
    SERVE_UNTIL(added_count == 40);
    edge_says(40, 2);
    SERVE_UNTIL(counter(COUNT_fast_lane_edges_current) == 1);
    uint64_t samples = 0;
    for (size_t i = 0; i <= LANE_LATENCY_BOUND_COUNT; i++)
        samples += counter_get(&latencies.all.counts[i]) + counter_get(&latencies.each.counts[i]);
    assert_int_equal(samples, 2);
}

static void test_a_connection_that_breaks(void **state)
{
    (void)state;
    redis_double_accept(&server);
    publish(1, 5, 0);
    SERVE_UNTIL(added_count == 5);
    redis_double_hang_up(&server);
    publish(6, 8, 0);
    redis_double_accept(&server);
    SERVE_UNTIL(added_count == 8);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(added[i], i + 1);
}

static void test_the_report(void **state)
{
    (void)state;
    char path[SCRATCH_BYTES + 16];
    struct buffer text = {0};
    struct lane_report report = {0};
    snprintf(path, sizeof path, "%s/%s", dir, LANE_REPORT_NAME);
    redis_double_accept(&server);
    publish(1, 3, 0);
    edge_says(2, 1);
    uint64_t end_ns = clock_monotonic_ns() + DEADLINE_NS;
    while ((report.edge_count == 0 || report.log_last != 3 || !report.redis_up) &&
           clock_monotonic_ns() < end_ns) {
        serve();
        enum err err = file_read(path, LANE_REPORT_MAX, &text);
        /* It is there whole, or not at all. */
        if (err == ERR_OK)
            assert_int_equal(lane_report_read(span_of(text.data, text.size), &report), ERR_OK);
    }
    assert_int_equal(report.edge_count, 1);
    assert_true(report.redis_up);
    buffer_done(&text);
}

static void test_a_stop_adds_what_is_left(void **state)
{
    (void)state;
    redis_double_accept(&server);
    SERVE_UNTIL(counter(COUNT_fast_lane_connected) == 1);
    publish(1, 3, 0);
    /* The answers are there before the stop: nobody plays the server while it waits. */
    SERVE_UNTIL(added_count == 3);
    uint64_t from_ns = clock_monotonic_ns();
    lane = fast_lane_stop(lane);
    assert_true(clock_monotonic_ns() - from_ns < DEADLINE_NS / 2);
    assert_int_equal(counter(COUNT_fast_lane_log_number), 3);
}

static void test_a_stop_without_a_server(void **state)
{
    (void)state;
    publish(1, 3, 0);
    redis_double_stop(&server);
    uint64_t from_ns = clock_monotonic_ns();
    lane = fast_lane_stop(lane);
    assert_true(clock_monotonic_ns() - from_ns < DEADLINE_NS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_entries_and_edges),        T(test_a_connection_that_breaks), T(test_the_report),
        T(test_a_stop_adds_what_is_left), T(test_a_stop_without_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
