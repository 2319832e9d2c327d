/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "presigner/feed_state.h"

#define S UINT64_C(1000000000)

static struct feed_state s;

static struct feed_position at(uint64_t seq, uint64_t sequence)
{
    return (struct feed_position){.seq = seq, .sequence = sequence};
}

static int setup(void **state)
{
    (void)state;
    struct feed_position none = at(0, 0);
    feed_state_start(&s, &none, 0);
    return 0;
}

static void ask(uint64_t now_ns)
{
    assert_int_equal(feed_state_next(&s, now_ns), FEED_WANT_ASK);
    feed_state_asked(&s, now_ns);
}

static void take(uint64_t now_ns, uint64_t seq, uint64_t sequence)
{
    struct feed_position position = at(seq, sequence);
    ask(now_ns);
    feed_state_taken(&s, &position);
}

static void test_asks_again_at_once(void **state)
{
    (void)state;
    take(S, 3, 10);
    assert_int_equal(s.seq, 3);
    ask(S);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    assert_int_equal(feed_state_wake_ns(&s), UINT64_MAX);
}

static void test_an_issuer_that_does_not_wait(void **state)
{
    (void)state;
    ask(S - 5); /* the first is not asked to */
    feed_state_quiet(&s, S);
    ask(S);
    feed_state_quiet(&s, S + 5);
    assert_int_equal(feed_state_next(&s, S + 5), FEED_WANT_NOTHING);
    assert_int_equal(feed_state_wake_ns(&s), S + FEED_QUIET_NS);
    ask(S + FEED_QUIET_NS);
    /* One that does. */
    feed_state_quiet(&s, 30 * S);
    ask(30 * S);
}

static void test_failures(void **state)
{
    (void)state;
    uint64_t now_ns = S;
    for (uint64_t pause = FEED_RETRY_FIRST_NS; pause <= FEED_RETRY_LAST_NS; pause *= 2) {
        ask(now_ns);
        feed_state_failed(&s, now_ns, false);
        assert_int_equal(feed_state_next(&s, now_ns + pause - 1), FEED_WANT_NOTHING);
        assert_int_equal(feed_state_wake_ns(&s), now_ns + pause);
        now_ns += pause;
    }
    ask(now_ns);
    feed_state_failed(&s, now_ns, false);
    assert_int_equal(feed_state_wake_ns(&s), now_ns + FEED_RETRY_LAST_NS);
    now_ns += FEED_RETRY_LAST_NS;
    ask(now_ns);
    feed_state_failed(&s, now_ns, true);
    assert_int_equal(feed_state_wake_ns(&s), now_ns + FEED_PERSON_NS);
    /* After one that went well the pauses begin anew. */
    now_ns += FEED_PERSON_NS;
    take(now_ns, 1, 1);
    ask(now_ns);
    feed_state_failed(&s, now_ns, false);
    assert_int_equal(feed_state_wake_ns(&s), now_ns + FEED_RETRY_FIRST_NS);
}

static void say(uint64_t now_ns, uint64_t seq)
{
    assert_int_equal(feed_state_next(&s, now_ns), FEED_WANT_SAY);
    assert_int_equal(feed_state_published(&s), seq);
    feed_state_saying(&s);
}

static void test_says_what_is_published(void **state)
{
    (void)state;
    take(S, 3, 10);
    take(S, 5, 12);
    ask(S);
    feed_state_settled(&s, 9, 0);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    feed_state_settled(&s, 11, 0);
    say(S, 3);
    /* What comes meanwhile is said after it. */
    feed_state_settled(&s, 12, 0);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    feed_state_said(&s);
    say(S, 5);
    feed_state_say_failed(&s, S);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    assert_int_equal(feed_state_wake_ns(&s), S + FEED_RETRY_FIRST_NS);
    say(S + FEED_RETRY_FIRST_NS, 5);
    feed_state_said(&s);
    assert_int_equal(feed_state_next(&s, 2 * S), FEED_WANT_NOTHING);
}

static void test_says_again_to_one_that_was_away(void **state)
{
    (void)state;
    take(S, 3, 10);
    feed_state_settled(&s, 10, 0);
    say(S, 3);
    feed_state_said(&s);
    ask(S);
    feed_state_failed(&s, S, false);
    ask(2 * S);
    feed_state_quiet(&s, 2 * S);
    say(2 * S, 3);
}

/* One restored from a backup has others under the same numbers: they are not published. */
static void test_says_nothing_to_one_that_has_other_events(void **state)
{
    (void)state;
    take(S, 3, 10);
    feed_state_settled(&s, 10, 0);
    say(S, 3);
    feed_state_said(&s);
    ask(S);
    feed_state_failed(&s, S, true);
    feed_state_settled(&s, 10, 5);
    assert_int_equal(feed_state_next(&s, 2 * S), FEED_WANT_NOTHING);
    assert_int_equal(feed_state_wake_ns(&s), S + FEED_PERSON_NS);
    ask(S + FEED_PERSON_NS);
    assert_int_equal(feed_state_next(&s, 2 * S + FEED_PERSON_NS), FEED_WANT_NOTHING);
    feed_state_quiet(&s, 2 * S + FEED_PERSON_NS);
    say(2 * S + FEED_PERSON_NS, 3);
    assert_int_equal(feed_state_next(&s, 2 * S + FEED_PERSON_NS), FEED_WANT_TELL);
}

static void test_begins_with_what_it_had(void **state)
{
    (void)state;
    struct feed_position position = at(7, 20);
    feed_state_start(&s, &position, 4);
    ask(S);
    feed_state_settled(&s, 20, 4);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    feed_state_quiet(&s, S);
    say(S, 7);
}

/* More answers than are followed by themselves: nothing is ever said too early. */
static void test_many_steps(void **state)
{
    (void)state;
    uint64_t count = 3 * FEED_STEPS_MAX;
    for (uint64_t i = 1; i <= count; i++)
        take(S, i, 10 * i);
    ask(S);
    uint64_t said = 0;
    for (uint64_t sequence = 0; sequence <= 10 * count; sequence++) {
        feed_state_settled(&s, sequence, 0);
        assert_true(feed_state_published(&s) <= sequence / 10);
        assert_true(feed_state_published(&s) >= said);
        said = feed_state_published(&s);
    }
    assert_int_equal(said, count);
}

static void test_tells_once_a_second(void **state)
{
    (void)state;
    take(S, 3, 10);
    ask(S);
    feed_state_settled(&s, 10, 5);
    say(S, 3); /* first: somebody waits */
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_TELL);
    feed_state_telling(&s);
    feed_state_said(&s);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    /* What is told takes its time: nothing waits for it. */
    struct feed_position position = at(4, 11);
    feed_state_taken(&s, &position);
    feed_state_settled(&s, 11, 6);
    say(S, 4);
    feed_state_said(&s);
    ask(S);
    feed_state_told(&s, S, 5);
    assert_int_equal(feed_state_next(&s, S), FEED_WANT_NOTHING);
    assert_int_equal(feed_state_wake_ns(&s), S + FEED_TELL_NS);
    assert_int_equal(feed_state_next(&s, S + FEED_TELL_NS), FEED_WANT_TELL);
    /* Not all of it fitted. */
    feed_state_settled(&s, 11, 100);
    feed_state_telling(&s);
    feed_state_told(&s, 3 * S, 50);
    assert_int_equal(feed_state_next(&s, 3 * S + FEED_TELL_NS), FEED_WANT_TELL);
    feed_state_telling(&s);
    feed_state_tell_failed(&s, 5 * S);
    assert_int_equal(feed_state_wake_ns(&s), 5 * S + FEED_RETRY_LAST_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_asks_again_at_once, setup),
        cmocka_unit_test_setup(test_an_issuer_that_does_not_wait, setup),
        cmocka_unit_test_setup(test_failures, setup),
        cmocka_unit_test_setup(test_says_what_is_published, setup),
        cmocka_unit_test_setup(test_says_again_to_one_that_was_away, setup),
        cmocka_unit_test_setup(test_says_nothing_to_one_that_has_other_events, setup),
        cmocka_unit_test_setup(test_begins_with_what_it_had, setup),
        cmocka_unit_test_setup(test_many_steps, setup),
        cmocka_unit_test_setup(test_tells_once_a_second, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
