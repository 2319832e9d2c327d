/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/metrics.h"
#include "presigner/lane_answer.h"
#include "presigner/lane_report.h"

#define S_NS    UINT64_C(1000000000)
#define NOW     (UINT64_C(5000) * S_NS)
#define WALL_MS UINT64_C(1764000000000)

static struct lane_edges edges;
static struct lane_latencies latencies;
static char text[LANE_REPORT_MAX];
static const char big[2000000];

static int setup(void **state)
{
    (void)state;
    latencies = (struct lane_latencies){0};
    lane_edges_start(&edges, &latencies);
    return 0;
}

struct said {
    const char *name, *value;
};

/* A reading, `s` seconds after NOW. */
static void read_all(const struct said *said, size_t count, uint64_t s)
{
    lane_edges_begin(&edges);
    for (size_t i = 0; i < count; i++)
        lane_edges_see(&edges, span_text(said[i].name), span_text(said[i].value), NOW + s * S_NS,
                       WALL_MS + s * 1000);
    lane_edges_end(&edges, NOW + s * S_NS, WALL_MS + s * 1000);
}
#define READ(s, ...)                             \
    read_all((const struct said[]){__VA_ARGS__}, \
             sizeof((const struct said[]){__VA_ARGS__}) / sizeof(struct said), (s))

static struct lane_summary sum(uint64_t s)
{
    return lane_edges_sum(&edges, NOW + s * S_NS);
}

static uint64_t samples(const struct time_histogram *l)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= LANE_LATENCY_BOUND_COUNT; i++)
        count += l->counts[i];
    return count;
}

static void test_live_by_a_change(void **state)
{
    (void)state;
    READ(0, {"b", "7 1 1"}, {"a", "9 1 1"});
    assert_int_equal(sum(0).live, 0);
    assert_int_equal(sum(0).silent, 2);
    READ(1, {"b", "7 1 1"}, {"a", "9 1 2"}, {"c", "3 1 1"});
    assert_int_equal(sum(1).live, 2); /* a has beaten, c is new */
    assert_int_equal(sum(1).low_water, 3);
    assert_string_equal(sum(1).slowest->name, "c");
    READ(2, {"b", "8 1 2"}, {"a", "9 1 3"}, {"c", "3 1 1"});
    assert_int_equal(sum(2).live, 3);
    /* c was last heard of at 1. */
    assert_int_equal(sum(1 + LANE_LIVE_S).live, 3);
    assert_int_equal(sum(2 + LANE_LIVE_S).live, 2);
    assert_int_equal(sum(2 + LANE_LIVE_S).low_water, 8);
    READ(3, {"a", "9 1 4"});
    assert_int_equal(sum(3).live + sum(3).silent, 1);
}

static void test_what_is_no_report_is_left_alone(void **state)
{
    (void)state;
    READ(0, {"a", "1 1 1"});
    READ(1, {"a", "1 1 2"}, {"b", "x"}, {"c c", "1 1 1"}, {"", "1 1 1"}, {"d", "1 1"});
    assert_int_equal(edges.ignored, 4);
    assert_int_equal(edges.count, 1);
    /* One that says nonsense is as one that is gone. */
    READ(2, {"a", "nonsense"});
    assert_int_equal(edges.count, 0);
    assert_int_equal(sum(2).low_water, 0);
    assert_null(sum(2).slowest);
}

static void test_one_name_twice(void **state)
{
    (void)state;
    READ(0, {"a", "1 1 1"}, {"a", "2 1 1"}, {"b", "1 1 1"}, {"a", "3 1 1"});
    assert_int_equal(edges.count, 2);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    char name[16];
    for (int round = 0; round < 2; round++) {
        lane_edges_begin(&edges);
        for (unsigned i = 0; i < LANE_EDGES_MAX + 5; i++) {
            snprintf(name, sizeof name, "e%u", i);
            lane_edges_see(&edges, span_text(name), span_text(round == 0 ? "1 1 1" : "1 1 2"), NOW,
                           WALL_MS);
        }
        lane_edges_end(&edges, NOW, WALL_MS);
    }
    assert_int_equal(edges.count, LANE_EDGES_MAX);
    assert_int_equal(edges.ignored, 10);
    assert_int_equal(sum(0).live, LANE_EDGES_MAX);
}

static void test_latency_of_each_and_of_the_last(void **state)
{
    (void)state;
    lane_edges_published(&edges, 10, NOW);
    READ(0, {"a", "10 1 1"}, {"b", "10 1 1"}, {"dead", "4 1 1"});
    READ(1, {"a", "10 1 2"}, {"b", "10 1 2"}, {"dead", "4 1 1"});
    lane_edges_published(&edges, 11, NOW + 2 * S_NS);
    lane_edges_track(&edges, &(struct lane_track){11, WALL_MS + 1930});
    READ(2, {"a", "11 1 3"}, {"b", "10 1 2"}, {"dead", "4 1 1"});
    assert_int_equal(latencies.each.sum_us, 70000);
    assert_int_equal(samples(&latencies.each), 1);
    assert_int_equal(samples(&latencies.all), 0);
    READ(3, {"a", "11 1 3"}, {"b", "12 1 3"}, {"dead", "4 1 1"});
    assert_int_equal(samples(&latencies.each), 2);
    assert_int_equal(samples(&latencies.all), 1);
    assert_int_equal(latencies.all.sum_us, 1070000);
    assert_int_equal(edges.track_count, 0);
    READ(4, {"a", "12 1 4"}, {"b", "12 1 3"}, {"dead", "4 1 1"});
    assert_int_equal(samples(&latencies.each), 2);
}

static void test_who_never_comes_counts_as_such(void **state)
{
    (void)state;
    uint64_t late_s = LANE_TRACK_MS / 1000 + 1;
    READ(0, {"a", "10 1 1"}, {"b", "10 1 1"});
    lane_edges_track(&edges, &(struct lane_track){11, WALL_MS});
    READ(1, {"a", "11 1 2"}, {"b", "10 1 2"});
    READ(late_s, {"a", "11 1 3"}, {"b", "10 1 3"});
    assert_int_equal(samples(&latencies.all), 1);
    assert_int_equal(latencies.all.counts[LANE_LATENCY_BOUND_COUNT], 1);
    assert_int_equal(edges.track_count, 0);
    /* With nobody there it is no sample. */
    lane_edges_track(&edges, &(struct lane_track){12, WALL_MS + late_s * 1000});
    READ(3 * late_s, {"a", "11 1 3"}, {"b", "10 1 3"});
    assert_int_equal(samples(&latencies.all), 1);
    assert_int_equal(edges.track_count, 0);
}

static void test_too_many_to_follow(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= LANE_TRACKS_MAX + 3; i++)
        lane_edges_track(&edges, &(struct lane_track){i, WALL_MS});
    assert_int_equal(edges.track_count, LANE_TRACKS_MAX);
    assert_int_equal(edges.tracks[0].number, 4);
    assert_int_equal(edges.tracks[LANE_TRACKS_MAX - 1].number, LANE_TRACKS_MAX + 3);
}

static void test_a_clock_that_went_back(void **state)
{
    (void)state;
    READ(0, {"a", "10 1 1"});
    lane_edges_track(&edges, &(struct lane_track){11, WALL_MS + 9000});
    READ(1, {"a", "11 1 2"});
    assert_int_equal(latencies.all.counts[0], 1);
    assert_int_equal(latencies.all.sum_us, 0);
}

static void test_read_sooner_while_something_is_on_its_way(void **state)
{
    (void)state;
    uint64_t fresh_s = LANE_FRESH_NS / S_NS;
    lane_edges_published(&edges, 10, NOW);
    READ(0, {"a", "10 1 1"});
    assert_int_equal(lane_edges_pause_ns(&edges, NOW), LANE_READ_NS); /* nobody is live */
    READ(1, {"a", "10 1 2"});
    assert_int_equal(lane_edges_pause_ns(&edges, NOW + S_NS), LANE_READ_NS);
    lane_edges_published(&edges, 11, NOW + 2 * S_NS);
    assert_int_equal(lane_edges_pause_ns(&edges, NOW + 2 * S_NS), LANE_READ_SOON_NS);
    assert_int_equal(lane_edges_pause_ns(&edges, NOW + (2 + fresh_s) * S_NS), LANE_READ_SOON_NS);
    assert_int_equal(lane_edges_pause_ns(&edges, NOW + (3 + fresh_s) * S_NS), LANE_READ_NS);
    READ(3, {"a", "11 1 3"});
    assert_int_equal(lane_edges_pause_ns(&edges, NOW + 3 * S_NS), LANE_READ_NS);
}

static const char *stale(uint64_t forget_s, uint64_t s)
{
    const struct lane_edge *edge =
        lane_edges_stale(&edges, forget_s, NOW + s * S_NS, WALL_MS + s * 1000);
    return edge == NULL ? "" : edge->name;
}

static void test_forgotten_when_silent_for_long(void **state)
{
    (void)state;
    READ(0, {"a", "10 1 1764000000000"}, {"long-gone", "10 1 1763000000000"},
         {"future", "10 1 1799000000000"});
    /* By its last word, but not at the first sight. */
    assert_string_equal(stale(3600, 0), "");
    assert_string_equal(stale(3600, LANE_LIVE_S + 1), "long-gone");
    assert_string_equal(stale(7 * 86400 * 10, LANE_LIVE_S + 1), "");
    READ(100, {"a", "10 1 1764000100000"}, {"future", "10 1 1799000000000"});
    assert_string_equal(stale(3600, 200), "");
    assert_string_equal(stale(3600, 3601), "future");
    READ(3601, {"a", "10 1 1764000100000"});
    assert_string_equal(stale(3600, 3700), "");
    assert_string_equal(stale(3600, 3701), "a");
}

static void test_histogram_text(void **state)
{
    (void)state;
    struct time_histogram l = {0};
    struct text_writer w;
    char out[2048];
    static const uint64_t ms[] = {0, 10, 11, 100, 2500, 59999, 60001};
    for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
        lane_latency_add(&l, ms[i]);
    text_writer_start(&w, out, sizeof out);
    lane_latency_write(&w, "p", "n", "help", &l);
    assert_string_equal(out, "# HELP p_n help\n# TYPE p_n histogram\n"
                             "p_n_bucket{le=\"0.01\"} 2\np_n_bucket{le=\"0.025\"} 3\n"
                             "p_n_bucket{le=\"0.05\"} 3\np_n_bucket{le=\"0.1\"} 4\n"
                             "p_n_bucket{le=\"0.25\"} 4\np_n_bucket{le=\"0.5\"} 4\n"
                             "p_n_bucket{le=\"1\"} 4\np_n_bucket{le=\"2.5\"} 5\n"
                             "p_n_bucket{le=\"5\"} 5\np_n_bucket{le=\"10\"} 5\n"
                             "p_n_bucket{le=\"30\"} 5\np_n_bucket{le=\"60\"} 6\n"
                             "p_n_bucket{le=\"+Inf\"} 7\np_n_sum 122.621000\np_n_count 7\n");
}

static void test_report_and_back(void **state)
{
    (void)state;
    struct lane_report r;
    struct lane_report_row row;
    size_t size = 0;
    lane_edges_published(&edges, 12, NOW);
    READ(0, {"b", "9 1764000000001 5"});
    READ(1, {"b", "9 1764000000001 5"}, {"a", "12 1764000000123 6"});
    assert_int_equal(
        lane_report_write(&edges, true, NOW + 3 * S_NS, WALL_MS, text, sizeof text, &size), ERR_OK);
    text[size] = '\0';
    assert_string_equal(text, "statim edges 1\nwritten 1764000000000\nredis up\nlog 12\nedges 2\n"
                              "a 12 1764000000123 2000 live\nb 9 1764000000001 3000 silent\n");
    assert_int_equal(lane_report_read(span_of(text, size), &r), ERR_OK);
    assert_true(r.written_ms == WALL_MS && r.redis_up && r.log_last == 12 && r.edge_count == 2);
    struct span rest = r.rows;
    assert_true(lane_report_next(&rest, &row));
    assert_true(span_equal(row.name, span_text("a")) && row.number == 12 && row.live);
    assert_true(row.commit_ms == 1764000000123 && row.silent_ms == 2000);
    assert_true(lane_report_next(&rest, &row));
    assert_true(span_equal(row.name, span_text("b")) && row.number == 9 && !row.live);
    assert_false(lane_report_next(&rest, &row));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(lane_report_read(span_of(text, cut), &r), ERR_OK);
    assert_int_equal(lane_report_write(&edges, true, NOW, WALL_MS, text, size - 1, &size),
                     ERR_NO_SPACE);
}

static void test_the_largest_report_has_room(void **state)
{
    (void)state;
    size_t size = 0;
    char name[FAST_LANE_NAME_BYTES_MAX + 1];
    lane_edges_published(&edges, UINT64_MAX, NOW);
    lane_edges_begin(&edges);
    for (unsigned i = 0; i < LANE_EDGES_MAX; i++) {
        snprintf(name, sizeof name, "%064u", i);
        lane_edges_see(&edges, span_text(name),
                       span_text("18446744073709551615 18446744073709551615 1"), NOW, WALL_MS);
    }
    lane_edges_end(&edges, NOW, WALL_MS);
    assert_int_equal(
        lane_report_write(&edges, false, UINT64_MAX, UINT64_MAX, text, sizeof text, &size), ERR_OK);
    struct lane_report r;
    assert_int_equal(lane_report_read(span_of(text, size), &r), ERR_OK);
    assert_int_equal(r.edge_count, LANE_EDGES_MAX);
}

static void test_reports_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"", ERR_TRUNCATED},
        {"statim edges 2\n", ERR_UNSUPPORTED},
        {"statim nodes 1\n", ERR_MALFORMED},
        {"statim edges 1\nwritten 1\nredis maybe\nlog 1\nedges 0\n", ERR_MALFORMED},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 0\nmore", ERR_TRAILING},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 5000\n", ERR_LIMIT},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 2\nb 1 1 1 live\na 1 1 1 live\n",
         ERR_ORDER},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 2\na 1 1 1 live\na 1 1 1 live\n",
         ERR_ORDER},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 1\na 1 1 1 alive\n", ERR_MALFORMED},
        {"statim edges 1\nwritten 1\nredis up\nlog 1\nedges 1\na\x1b 1 1 1 live\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lane_report r;
        assert_int_equal(lane_report_read(span_text(rows[i].text), &r), rows[i].err);
    }
}

/* --- Answers of Redis, read from its octets --- */

static redisReply *reply_of(struct span wire)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, (const char *)wire.data, wire.size), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void test_the_newest_entry(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        enum lane_answer answer;
    } rows[] = {
        {"*0\r\n", LANE_ANSWER_EMPTY},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$5\r\nentry\r\n$3\r\nabc\r\n", LANE_ANSWER_ENTRY},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$4\r\nsize\r\n$7\r\n2000000\r\n", LANE_ANSWER_ENTRY},
        {"*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$5\r\nentry\r\n$3\r\nabc\r\n", LANE_ANSWER_FOREIGN},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$4\r\nsize\r\n$1\r\n3\r\n", LANE_ANSWER_FOREIGN},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$4\r\nwhat\r\n$3\r\nabc\r\n", LANE_ANSWER_FOREIGN},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*4\r\n$5\r\nentry\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
         LANE_ANSWER_FOREIGN},
        {"-WRONGTYPE Operation against a key\r\n", LANE_ANSWER_FOREIGN},
        {"-ERR no\r\n", LANE_ANSWER_WRONG},
        {"+OK\r\n", LANE_ANSWER_WRONG},
        {":1\r\n", LANE_ANSWER_WRONG},
        {"$-1\r\n", LANE_ANSWER_WRONG},
        {"*1\r\n:1\r\n", LANE_ANSWER_WRONG},
        {"*1\r\n*2\r\n:7\r\n*0\r\n", LANE_ANSWER_WRONG},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n$1\r\na\r\n", LANE_ANSWER_WRONG},
        {"*1\r\n*2\r\n$3\r\n7-0\r\n*-1\r\n", LANE_ANSWER_WRONG},
        {"*2\r\n*0\r\n*0\r\n", LANE_ANSWER_WRONG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lane_last last = {0};
        redisReply *reply = reply_of(span_text(rows[i].wire));
        assert_int_equal(lane_answer_last(reply, &last), rows[i].answer);
        if (rows[i].answer == LANE_ANSWER_ENTRY) {
            assert_int_equal(last.number, 7);
            assert_true(last.whole ? lane_last_is_of(&last, span_text("abc"))
                                   : lane_last_is_of(&last, span_of(big, sizeof big)));
            assert_false(lane_last_is_of(&last, span_text("abd")));
        }
        freeReplyObject(reply);
    }
}

static void test_pairs(void **state)
{
    (void)state;
    struct span name, value;
    redisReply *reply =
        reply_of(span_text("*5\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n:2\r\n$1\r\nc\r\n"));
    assert_true(lane_answer_pair(reply, 0, &name, &value));
    assert_true(span_equal(name, span_text("a")) && span_equal(value, span_text("1")));
    assert_false(lane_answer_pair(reply, 1, &name, &value)); /* a number */
    assert_false(lane_answer_pair(reply, 2, &name, &value)); /* half of one */
    freeReplyObject(reply);
}

static void test_refusals_of_an_add(void **state)
{
    (void)state;
    static const struct {
        const char *wire;
        bool refuses;
    } rows[] = {
        {"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n",
         true},
        {"-WRONGTYPE Operation against a key\r\n", true},
        {"-ERR unknown command\r\n", false},
        {"+ERR The ID specified\r\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        redisReply *reply = reply_of(span_text(rows[i].wire));
        assert_int_equal(lane_answer_refuses_add(reply), rows[i].refuses);
        freeReplyObject(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_live_by_a_change, setup),
        cmocka_unit_test_setup(test_what_is_no_report_is_left_alone, setup),
        cmocka_unit_test_setup(test_one_name_twice, setup),
        cmocka_unit_test_setup(test_no_more_than_there_is_room_for, setup),
        cmocka_unit_test_setup(test_latency_of_each_and_of_the_last, setup),
        cmocka_unit_test_setup(test_who_never_comes_counts_as_such, setup),
        cmocka_unit_test_setup(test_too_many_to_follow, setup),
        cmocka_unit_test_setup(test_a_clock_that_went_back, setup),
        cmocka_unit_test_setup(test_read_sooner_while_something_is_on_its_way, setup),
        cmocka_unit_test_setup(test_forgotten_when_silent_for_long, setup),
        cmocka_unit_test(test_histogram_text),
        cmocka_unit_test_setup(test_report_and_back, setup),
        cmocka_unit_test_setup(test_the_largest_report_has_room, setup),
        cmocka_unit_test(test_reports_that_are_none),
        cmocka_unit_test(test_the_newest_entry),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_refusals_of_an_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
