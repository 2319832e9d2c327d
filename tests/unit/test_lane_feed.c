/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/random.h"
#include "presigner/lane_feed.h"

#define KEEP 10000
#define NOW  UINT64_C(1000000000000)

static struct lane_feed feed;

static int setup(void **state)
{
    (void)state;
    lane_feed_start(&feed, KEEP);
    return 0;
}

static enum lane_want want(uint64_t now_ns)
{
    uint64_t number = 0;
    return lane_feed_next(&feed, now_ns, &number);
}

/* The question about the newest entry, sent. */
static void ask(void)
{
    assert_int_equal(want(NOW), LANE_WANT_LAST);
    lane_feed_sent(&feed, LANE_WANT_LAST);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
}

static void expect_add(uint64_t expected)
{
    uint64_t number = 0;
    assert_int_equal(lane_feed_next(&feed, NOW, &number), LANE_WANT_ADD);
    assert_int_equal(number, expected);
    lane_feed_sent(&feed, LANE_WANT_ADD);
}

static void begin(uint64_t first, uint64_t last)
{
    lane_feed_published(&feed, first, last);
    lane_feed_connection(&feed, true);
    ask();
}

static void test_nothing_before_both_are_known(void **state)
{
    (void)state;
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    lane_feed_connection(&feed, true);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    lane_feed_published(&feed, 1, 0);
    ask();
    lane_feed_is_empty(&feed);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    assert_true(lane_feed_is_done(&feed));
    lane_feed_published(&feed, 1, 1);
    expect_add(1);
    assert_false(lane_feed_is_done(&feed));
    lane_feed_is_added(&feed, 1);
    assert_true(lane_feed_is_done(&feed));
    assert_int_equal(feed.newest, 1);
}

static void test_goes_on_after_the_newest(void **state)
{
    (void)state;
    begin(1, 40);
    lane_feed_is_at(&feed, 37, LANE_SAME);
    expect_add(38);
    expect_add(39);
    expect_add(40);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    assert_int_equal(feed.skipped, 0);
}

static void test_an_entry_without_a_file_is_no_reason_to_delete(void **state)
{
    (void)state;
    begin(30, 40);
    lane_feed_is_at(&feed, 20, LANE_NO_FILE);
    expect_add(30);
    assert_int_equal(feed.skipped, 9);
}

static void test_a_stream_ahead_or_of_others_is_deleted(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        enum lane_match match;
    } rows[] = {{41, LANE_NO_FILE}, {41, LANE_SAME}, {40, LANE_OTHER}, {1, LANE_OTHER}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lane_feed_start(&feed, KEEP);
        begin(1, 40);
        lane_feed_is_at(&feed, rows[i].number, rows[i].match);
        assert_int_equal(want(NOW), LANE_WANT_DELETE);
        lane_feed_sent(&feed, LANE_WANT_DELETE);
        assert_int_equal(want(NOW), LANE_WANT_NOTHING);
        lane_feed_is_deleted(&feed);
        expect_add(1);
        assert_int_equal(feed.deleted, 1);
    }
}

static void test_an_empty_stream_gets_the_newest(void **state)
{
    (void)state;
    begin(5, 50000);
    lane_feed_is_empty(&feed);
    expect_add(50000 - LANE_REFILL_MAX + 1);
    assert_int_equal(feed.skipped, 0);
    lane_feed_start(&feed, 3);
    begin(5, 50000);
    lane_feed_is_empty(&feed);
    expect_add(49998);
}

static void test_a_stream_far_behind_gets_a_gap(void **state)
{
    (void)state;
    begin(1, 50000);
    lane_feed_is_at(&feed, 1000, LANE_SAME);
    expect_add(50000 - LANE_REFILL_MAX + 1);
    assert_int_equal(feed.skipped, 50000 - LANE_REFILL_MAX - 1000);
    /* And while it feeds, when the publication is much faster. */
    lane_feed_published(&feed, 1, 60000);
    expect_add(60000 - LANE_REFILL_MAX + 1);
}

static void test_not_too_many_unanswered(void **state)
{
    (void)state;
    begin(1, 100);
    lane_feed_is_empty(&feed);
    for (uint64_t i = 1; i <= LANE_FLYING_MAX; i++)
        expect_add(i);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    lane_feed_is_added(&feed, 1);
    expect_add(LANE_FLYING_MAX + 1);
}

static void test_a_refusal_asks_again_after_all_answers(void **state)
{
    (void)state;
    begin(1, 100);
    lane_feed_is_empty(&feed);
    expect_add(1);
    expect_add(2);
    lane_feed_is_refused(&feed, NOW);
    assert_int_equal(want(NOW + LANE_RETRY_NS), LANE_WANT_NOTHING);
    lane_feed_is_refused(&feed, NOW + 5);
    assert_int_equal(want(NOW + LANE_RETRY_NS - 1), LANE_WANT_NOTHING);
    assert_int_equal(want(NOW + LANE_RETRY_NS), LANE_WANT_LAST);
    lane_feed_sent(&feed, LANE_WANT_LAST);
    lane_feed_is_at(&feed, 2, LANE_SAME);
    uint64_t number = 0;
    assert_int_equal(lane_feed_next(&feed, NOW + LANE_RETRY_NS, &number), LANE_WANT_ADD);
    assert_int_equal(number, 3);
}

/* Redis remembers the last number of a stream that was emptied (XTRIM, XDEL). */
static void test_an_emptied_stream_that_refuses_is_deleted(void **state)
{
    (void)state;
    begin(1, 100);
    lane_feed_is_empty(&feed);
    expect_add(1);
    lane_feed_is_refused(&feed, NOW);
    assert_int_equal(want(NOW + LANE_RETRY_NS), LANE_WANT_LAST);
    lane_feed_sent(&feed, LANE_WANT_LAST);
    lane_feed_is_empty(&feed);
    assert_int_equal(want(NOW + LANE_RETRY_NS), LANE_WANT_DELETE);
    lane_feed_sent(&feed, LANE_WANT_DELETE);
    lane_feed_is_deleted(&feed);
    feed.retry_ns = 0;
    expect_add(1);
    lane_feed_is_added(&feed, 1);
    lane_feed_connection(&feed, false);
    lane_feed_connection(&feed, true);
    ask();
    lane_feed_is_empty(&feed); /* lost, this time */
    expect_add(1);
}

static void test_a_file_that_is_lacking_is_waited_for(void **state)
{
    (void)state;
    begin(1, 3);
    lane_feed_is_empty(&feed);
    assert_int_equal(want(NOW), LANE_WANT_ADD);
    lane_feed_lacks(&feed, NOW);
    assert_int_equal(want(NOW + LANE_RETRY_NS - 1), LANE_WANT_NOTHING);
    assert_int_equal(want(NOW + LANE_RETRY_NS), LANE_WANT_ADD);
}

static void test_the_end_of_a_connection_loses_what_flew(void **state)
{
    (void)state;
    begin(1, 10);
    lane_feed_is_empty(&feed);
    expect_add(1);
    expect_add(2);
    lane_feed_connection(&feed, false);
    assert_int_equal(want(NOW), LANE_WANT_NOTHING);
    assert_int_equal(feed.newest, 0);
    lane_feed_connection(&feed, true);
    ask();
    lane_feed_is_at(&feed, 1, LANE_SAME);
    expect_add(2);
}

/* --- Simulation: a Redis that loses answers, connections and everything, now and then. --- */

#define MODEL_MAX 4000

struct model {
    uint64_t random;
    uint64_t last;             /* that the stream ever had; 0: there is none */
    bool emptied;              /* the stream, by others */
    bool has[MODEL_MAX];       /* in the stream */
    uint64_t published, first; /* the publication */
    uint64_t flying[LANE_FLYING_MAX];
    size_t flying_count;
    uint64_t now_ns;
};

static bool chance(struct model *m, unsigned one_in)
{
    return random_next(&m->random) % one_in == 0;
}

static void model_lose(struct model *m)
{
    m->last = 0;
    m->emptied = false;
    memset(m->has, 0, sizeof m->has);
}

static void model_add(struct model *m, uint64_t number)
{
    if (number <= m->last) {
        lane_feed_is_refused(&feed, m->now_ns);
        return;
    }
    m->last = number;
    m->emptied = false;
    m->has[number] = true;
    lane_feed_is_added(&feed, number);
}

/* The answer of the oldest unanswered add, or of what was just asked. */
static void model_answer_adds(struct model *m, size_t count)
{
    for (; count > 0 && m->flying_count > 0; count--) {
        model_add(m, m->flying[0]);
        m->flying_count--;
        memmove(m->flying, m->flying + 1, m->flying_count * sizeof m->flying[0]);
    }
}

static void model_break(struct model *m)
{
    /* Any part of what flew was done. */
    for (size_t i = 0; i < m->flying_count && !chance(m, 3); i++)
        if (m->flying[i] > m->last) {
            m->last = m->flying[i];
            m->emptied = false;
            m->has[m->last] = true;
        }
    m->flying_count = 0;
    lane_feed_connection(&feed, false);
    lane_feed_connection(&feed, true);
}

static void model_step(struct model *m)
{
    uint64_t number = 0;
    enum lane_want wanted = lane_feed_next(&feed, m->now_ns, &number);
    if (wanted != LANE_WANT_NOTHING)
        lane_feed_sent(&feed, wanted);
    switch (wanted) {
    case LANE_WANT_LAST:
        if (m->last == 0 || m->emptied)
            lane_feed_is_empty(&feed);
        else
            lane_feed_is_at(&feed, m->last, m->last < m->first ? LANE_NO_FILE : LANE_SAME);
        break;
    case LANE_WANT_DELETE:
        model_lose(m);
        lane_feed_is_deleted(&feed);
        break;
    case LANE_WANT_ADD:
        assert_true(number >= m->first && number <= m->published);
        m->flying[m->flying_count++] = number;
        break;
    case LANE_WANT_NOTHING:
        m->now_ns += LANE_RETRY_NS / 3;
        model_answer_adds(m, LANE_FLYING_MAX);
        break;
    }
    if (chance(m, 2))
        model_answer_adds(m, 1);
}

static void simulate(uint64_t seed)
{
    static struct model m;
    m = (struct model){.random = seed, .first = 1, .published = 1, .now_ns = NOW};
    lane_feed_start(&feed, 1 + random_next(&m.random) % 50);
    lane_feed_published(&feed, m.first, m.published);
    lane_feed_connection(&feed, true);
    while (m.published < MODEL_MAX - 10) {
        if (chance(&m, 3)) {
            m.published += 1 + random_next(&m.random) % 4;
            if (m.published > 60)
                m.first = m.published - 60;
            lane_feed_published(&feed, m.first, m.published);
        }
        if (chance(&m, 50))
            model_break(&m);
        if (chance(&m, 300))
            model_lose(&m);
        if (chance(&m, 400) && m.last != 0)
            m.last += random_next(&m.random) % 20; /* somebody else's entry */
        if (chance(&m, 400))
            m.emptied = m.last != 0;
        model_step(&m);
    }
    /* Left alone, all that is new comes there, whatever was before. */
    for (int i = 0; i < 400 && !lane_feed_is_done(&feed); i++)
        model_step(&m);
    if (!lane_feed_is_done(&feed) || m.last < m.published)
        fail_msg("seed %llu: stream at %llu, publication at %llu", (unsigned long long)seed,
                 (unsigned long long)m.last, (unsigned long long)m.published);
}

static void test_simulation(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        simulate(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_before_both_are_known, setup),
        cmocka_unit_test_setup(test_goes_on_after_the_newest, setup),
        cmocka_unit_test_setup(test_an_entry_without_a_file_is_no_reason_to_delete, setup),
        cmocka_unit_test_setup(test_a_stream_ahead_or_of_others_is_deleted, setup),
        cmocka_unit_test_setup(test_an_empty_stream_gets_the_newest, setup),
        cmocka_unit_test_setup(test_a_stream_far_behind_gets_a_gap, setup),
        cmocka_unit_test_setup(test_not_too_many_unanswered, setup),
        cmocka_unit_test_setup(test_a_refusal_asks_again_after_all_answers, setup),
        cmocka_unit_test_setup(test_an_emptied_stream_that_refuses_is_deleted, setup),
        cmocka_unit_test_setup(test_a_file_that_is_lacking_is_waited_for, setup),
        cmocka_unit_test_setup(test_the_end_of_a_connection_loses_what_flew, setup),
        cmocka_unit_test(test_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
