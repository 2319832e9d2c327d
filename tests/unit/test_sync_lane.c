/* SPDX-License-Identifier: Apache-2.0 */
/* What the sync core makes of the fast lane, and of heads that are behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/sync_core_fixture.h"

#define SECOND_NS UINT64_C(1000000000)

struct entry {
    uint8_t octets[1024];
    size_t size;
    struct sha256 pack;
};

/* Of the next entry that is made. */
static uint64_t entry_time_s = NOW_S;

/* An entry without items, or with a range whose pack is to be fetched. */
static void make_entry(struct entry *e, uint64_t number, const struct sha256 *previous,
                       const struct publish_key *signer, bool with_pack)
{
    struct log_writer w;
    e->pack = hash_of("pack");
    struct log_range range = {.issuer_id = ISSUER,
                              .until = SERIAL_AFTER_ALL,
                              .pack = e->pack,
                              .pack_bytes = 100,
                              .statement_count = 1};
    log_writer_start(&w, span_text(NETWORK), number, entry_time_s, previous, e->octets,
                     sizeof e->octets);
    if (with_pack)
        log_writer_range(&w, &range);
    assert_int_equal(log_writer_finish(&w, signer, &e->size), ERR_OK);
}

static struct span octets_of(const struct entry *e)
{
    return span_of(e->octets, e->size);
}

static struct sync_action lane(uint64_t after, uint64_t number, struct span bytes)
{
    struct sync_event event = {.type = SYNC_LANE, .after = after, .number = number, .bytes = bytes};
    return sync_core_step(&core, &event, &now);
}

static struct sync_action applied(const struct entry *e, uint64_t number)
{
    struct position position = core.position;
    position.log_number = number;
    position.log_hash = sha256_of(octets_of(e));
    struct sync_event event = {.type = SYNC_APPLIED, .position = &position};
    return sync_core_step(&core, &event, &now);
}

/* A core at entry 10 that waits, with 10 as the head. */
static struct sync_action wait_at_ten(uint32_t origins)
{
    struct position position = at_ten();
    struct head head = head_of(1, 10, 0);
    start(&position, origins);
    tick();
    struct sync_action action = give_head(&head, key);
    assert_int_equal(action.type, SYNC_WAIT);
    return action;
}

static void an_entry_is_applied_and_the_wait_goes_on(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 previous = hash_of("10");
    struct sync_action wait = wait_at_ten(1);
    assert_true(wait.lane_ns <= now.monotonic_ns);
    for (uint64_t number = 11; number < 14; number++) {
        make_entry(&e, number, &previous, key, false);
        assert_int_equal(lane(10, number, octets_of(&e)).type, SYNC_APPLY_LOG);
        now.monotonic_ns += 1000000;
        struct sync_action action = applied(&e, number);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_int_equal(action.until_ns, wait.until_ns);
        assert_true(action.lane_ns <= now.monotonic_ns);
        previous = core.position.log_hash;
        assert_int_equal(counters[SYNC_LOG_NUMBER], number);
    }
    assert_int_equal(counters[SYNC_LANE_APPLIED], 3);
    assert_int_equal(counters[SYNC_LOG_APPLIED], 3);
    assert_int_equal(counters[SYNC_POLLS], 1);
    assert_int_equal(counters[SYNC_LOG_LAG], 0);
}

static void duplicates_are_passed_over(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 nine = hash_of("9");
    struct sync_action wait = wait_at_ten(1);
    make_entry(&e, 10, &nine, key, false);
    for (uint64_t number = 5; number <= 10; number++) {
        struct sync_action action = lane(4, number, octets_of(&e));
        assert_int_equal(action.type, SYNC_WAIT);
        assert_int_equal(action.until_ns, wait.until_ns);
        assert_true(action.lane_ns <= now.monotonic_ns);
    }
    assert_int_equal(counters[SYNC_LANE_DUPLICATES], 6);
    assert_int_equal(counters[SYNC_POLLS], 1);
}

/* None is taken, none is a resync; the head is asked for, and the lane is closed for a while. */
static void what_is_not_the_next_entry_asks_for_the_head(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10"), not_ten = hash_of("not 10");
    static const struct {
        const char *name;
        uint64_t after, number, says; /* the stream's number, and the entry's own */
        bool other_previous, wrong_key, flip, announced;
        enum sync_counter counter;
    } rows[] = {
        {"a gap", 10, 12, 12, false, false, false, false, SYNC_LANE_GAPS},
        {"announced", 10, 11, 11, false, false, false, true, SYNC_LANE_ANNOUNCED},
        {"another number inside", 10, 11, 12, false, false, false, false, SYNC_LANE_REFUSED},
        {"an old one inside", 10, 11, 10, false, false, false, false, SYNC_LANE_REFUSED},
        {"another predecessor", 10, 11, 11, true, false, false, false, SYNC_LANE_REFUSED},
        {"another key", 10, 11, 11, false, true, false, false, SYNC_LANE_REFUSED},
        {"a flipped bit", 10, 11, 11, false, false, true, false, SYNC_LANE_REFUSED},
        {"not what was asked for", 10, 10, 10, false, false, false, false, SYNC_LANE_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wait_at_ten(2);
        make_entry(&e, rows[i].says, rows[i].other_previous ? &not_ten : &ten,
                   rows[i].wrong_key ? other_key : key, false);
        e.octets[e.size / 2] ^= rows[i].flip;
        struct span bytes = rows[i].announced ? SPAN_EMPTY : octets_of(&e);
        struct sync_action action = lane(rows[i].after, rows[i].number, bytes);
        if (action.type != SYNC_FETCH_HEAD || action.origin != 0 || counters[rows[i].counter] != 1)
            fail_msg("%s: %s", rows[i].name, sync_action_text(action.type));
        assert_int_equal(counters[SYNC_CHAIN_BREAKS], 0);
        assert_int_equal(counters[SYNC_CONTENT_REFUSED], 0);
        struct head head = head_of(1, 10, 8);
        action = give_head(&head, key);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_in_range(action.lane_ns, now.monotonic_ns + SYNC_BACKOFF_MIN_NS / 2,
                        now.monotonic_ns + SYNC_BACKOFF_MIN_NS);
        /* Closed: not even looked at. */
        assert_int_equal(lane(10, 11, octets_of(&e)).type, SYNC_WAIT);
        assert_int_equal(counters[rows[i].counter], 1);
        assert_int_equal(counters[SYNC_POLLS], 2);
    }
}

/* The hash that the head has for the number is the truth also for what comes by the lane. */
static void an_entry_that_the_head_contradicts_is_refused(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    struct head head = head_of(1, 11, 0);
    ask_for_eleven(&head);
    struct sync_action action = failed(ERR_IO);
    assert_int_equal(action.type, SYNC_WAIT);
    make_entry(&e, 11, &ten, key, false);
    assert_int_equal(lane(10, 11, octets_of(&e)).type, SYNC_WAIT);
    assert_int_equal(counters[SYNC_LANE_REFUSED], 1);
}

/* A Redis that says something wrong whenever it may: the head is asked for seldom and seldomer. */
static void a_hostile_redis_is_asked_less_and_less(void **state)
{
    (void)state;
    struct sync_action action = wait_at_ten(1);
    struct head head = head_of(1, 10, 0);
    uint64_t begin_ns = now.monotonic_ns;
    unsigned asked = 0;
    while (now.monotonic_ns < begin_ns + 600 * SECOND_NS) {
        assert_int_equal(action.type, SYNC_WAIT);
        if (action.lane_ns < action.until_ns) {
            now.monotonic_ns =
                action.lane_ns > now.monotonic_ns ? action.lane_ns : now.monotonic_ns;
            action = lane(10, 99, span_text("garbage"));
            assert_int_equal(action.type, SYNC_FETCH_HEAD);
            asked++;
        } else {
            now.monotonic_ns = action.until_ns;
            action = tick();
        }
        action = give_head(&head, key);
    }
    assert_in_range(asked, 600 / 30, 600 / 15 + 10);
    /* What is applied over HTTP opens it at once. */
    static struct entry e;
    struct sha256 ten = hash_of("10");
    make_entry(&e, 11, &ten, key, false);
    head = head_of(1, 11, 0);
    head.log_hash = sha256_of(octets_of(&e));
    now.monotonic_ns = action.until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_LOG);
    assert_int_equal(fetched(octets_of(&e)).type, SYNC_APPLY_LOG);
    action = applied(&e, 11);
    assert_int_equal(action.type, SYNC_WAIT);
    assert_true(action.lane_ns <= now.monotonic_ns);
    assert_int_equal(counters[SYNC_LANE_APPLIED], 0);
}

/* The origins are gone: entries without packs are applied all the same, and nothing that comes by
 * the lane makes an edge ask before the pause after the failures has ended. */
static void without_origins_the_lane_goes_on(void **state)
{
    (void)state;
    static struct entry e;
    struct position position = at_ten();
    start(&position, 1);
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    struct sync_action wait = failed(ERR_IO);
    for (unsigned i = 0; i < 5; i++) {
        now.monotonic_ns = wait.until_ns;
        tick();
        wait = failed(ERR_IO);
    }
    struct sha256 ten = hash_of("10");
    make_entry(&e, 11, &ten, key, false);
    assert_int_equal(lane(10, 11, octets_of(&e)).type, SYNC_APPLY_LOG);
    struct sync_action action = applied(&e, 11);
    assert_int_equal(action.type, SYNC_WAIT);
    assert_int_equal(action.until_ns, wait.until_ns);
    assert_int_equal(core.failures, 6);
    assert_int_equal(core.head.time_s, position.head_time_s);
    action = lane(11, 13, SPAN_EMPTY);
    assert_int_equal(action.type, SYNC_WAIT);
    assert_int_equal(action.until_ns, wait.until_ns);
    assert_int_equal(counters[SYNC_POLLS], 6);
}

/* Its pack cannot be had: dropped, the next origin is asked, and no index is taken for that. */
static void an_entry_whose_pack_is_missing_is_given_up(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    struct position position = at_ten();
    struct head head = head_of(1, 10, 0);
    for (unsigned full = 0; full < 2; full++) {
        start(&position, 2);
        tick();
        assert_int_equal(give_head(&head, key).type, SYNC_WAIT);
        make_entry(&e, 11, &ten, key, true);
        struct sync_action action = lane(10, 11, octets_of(&e));
        assert_int_equal(action.type, SYNC_FETCH_PACK);
        assert_true(sha256_equal(&action.hash, &e.pack));
        action = failed(full ? ERR_DISK_FULL : ERR_NOT_FOUND);
        assert_int_equal(action.type, SYNC_FETCH_HEAD);
        assert_int_equal(action.origin, 1);
        assert_int_equal(counters[SYNC_LANE_GIVEN_UP], 1);
        assert_int_equal(core.log_missing, 0);
        action = give_head(&head, key);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_true(action.lane_ns > now.monotonic_ns && action.lane_ns < UINT64_MAX);
    }
}

static void the_lane_is_closed_unless_the_store_is_whole(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    make_entry(&e, 11, &ten, key, false);
    for (unsigned i = 0; i < 4; i++) {
        struct position position = at_ten();
        position.complete = i != 0;
        if (i == 1)
            position.index_hash = hash_of("begun");
        start(&position, 1);
        core.refill = i == 2;
        core.chain_broken = i == 3;
        tick();
        struct sync_action action = failed(ERR_IO);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_int_equal(action.lane_ns, UINT64_MAX);
        assert_int_equal(lane(10, 11, octets_of(&e)).type, SYNC_WAIT);
        assert_int_equal(counters[SYNC_LANE_APPLIED] + counters[SYNC_LANE_REFUSED], 0);
    }
}

/* Goes to entry 11, of NOW_S, by the lane; the head taken before is 10, of NOW_S - 10. */
static void go_ahead(void)
{
    static struct entry e;
    struct sha256 ten = hash_of("10");
    wait_at_ten(1);
    make_entry(&e, 11, &ten, key, false);
    assert_int_equal(lane(10, 11, octets_of(&e)).type, SYNC_APPLY_LOG);
    assert_int_equal(applied(&e, 11).type, SYNC_WAIT);
    now.monotonic_ns = core.wait_until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
}

static void heads_behind_the_lane(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t time; /* against the entry's */
        enum sync_action_type type;
        bool taken;
        enum sync_counter counter;
    } rows[] = {
        {"the same as before", -10, SYNC_WAIT, true, SYNC_HEADS_LATE},
        {"written before our entry", -1, SYNC_APPLY_HEAD, true, SYNC_HEADS_LATE},
        {"in the same second", 0, SYNC_APPLY_HEAD, true, SYNC_HEADS_LATE},
        {"written after our entry", 1, SYNC_WAIT, false, SYNC_HEAD_REPLAY},
        {"older than the one before", -11, SYNC_WAIT, false, SYNC_HEAD_REPLAY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        go_ahead();
        struct head head = head_of(1, 10, 8);
        head.time_s = NOW_S + (uint64_t)rows[i].time;
        struct sync_action action = give_head(&head, key);
        if (action.type != rows[i].type || counters[rows[i].counter] != 1)
            fail_msg("%s: %s", rows[i].name, sync_action_text(action.type));
        assert_int_equal(core.failures, !rows[i].taken);
        assert_int_equal(core.head_time_s, rows[i].taken ? head.time_s : NOW_S - 10);
        assert_int_equal(core.position.log_number, 11);
        assert_int_equal(counters[SYNC_CHAIN_BREAKS] + counters[SYNC_RESYNCS], 0);
    }
}

/* A head that says more than our entry did, and was written before it: of another chain. */
static void an_older_head_with_a_later_number_is_refused(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        go_ahead();
        struct head head = head_of(1, 12, 0);
        head.time_s = NOW_S - 1 + late;
        assert_int_equal(give_head(&head, key).type, late ? SYNC_FETCH_LOG : SYNC_WAIT);
        assert_int_equal(counters[SYNC_HEAD_REPLAY], !late);
    }
}

/* The publisher's clock was ahead while it wrote entry 11, and is right again. */
static void make_entry_ahead(struct entry *e, uint64_t ahead_s)
{
    struct sha256 ten = hash_of("10");
    entry_time_s = NOW_S + ahead_s;
    make_entry(e, 11, &ten, key, false);
    entry_time_s = NOW_S;
}

static void an_entry_of_a_clock_ahead_keeps_no_head_away(void **state)
{
    (void)state;
    static struct entry e;
    struct head head = head_of(1, 11, 0);
    make_entry_ahead(&e, 86400);
    head.log_hash = sha256_of(octets_of(&e));
    ask_for_eleven(&head);
    assert_int_equal(fetched(octets_of(&e)).type, SYNC_APPLY_LOG);
    assert_int_equal(applied(&e, 11).type, SYNC_WAIT);
    now.monotonic_ns = core.wait_until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    head = head_of(1, 12, 0);
    head.time_s = NOW_S;
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_LOG);
    assert_int_equal(counters[SYNC_HEAD_REPLAY], 0);
}

/* As a head of that time is not taken. */
static void the_lane_takes_no_entry_of_a_clock_far_ahead(void **state)
{
    (void)state;
    for (unsigned far = 0; far < 2; far++) {
        static struct entry e;
        wait_at_ten(1);
        make_entry_ahead(&e, HEAD_SKEW_S + far);
        struct sync_action action = lane(10, 11, octets_of(&e));
        assert_int_equal(action.type, far ? SYNC_FETCH_HEAD : SYNC_APPLY_LOG);
        assert_int_equal(counters[SYNC_LANE_REFUSED], far);
    }
}

/* The publisher went back and reached our number with something else. */
static void another_chain_leads_to_the_index(void **state)
{
    (void)state;
    go_ahead();
    struct head head = head_of(1, 11, 8);
    head.time_s = NOW_S + 5;
    struct sync_action action = give_head(&head, key);
    assert_int_equal(action.type, SYNC_FETCH_INDEX);
    assert_int_equal(counters[SYNC_CHAIN_BREAKS], 1);
    action = failed(ERR_IO);
    assert_int_equal(action.type, SYNC_WAIT);
    assert_int_equal(action.lane_ns, UINT64_MAX);
}

/* What is written on our entry's time does not outlive a restart. */
static void ahead_after_a_restart(void **state)
{
    (void)state;
    for (unsigned newer = 0; newer < 2; newer++) {
        struct position position = at_ten();
        struct head head = head_of(1, 9, 8);
        head.time_s = position.head_time_s + newer;
        start(&position, 1);
        tick();
        assert_int_equal(give_head(&head, key).type, SYNC_WAIT);
        assert_int_equal(counters[SYNC_HEADS_LATE], !newer);
        assert_int_equal(counters[SYNC_HEAD_REPLAY], newer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_applied_and_the_wait_goes_on),
        cmocka_unit_test(duplicates_are_passed_over),
        cmocka_unit_test(what_is_not_the_next_entry_asks_for_the_head),
        cmocka_unit_test(an_entry_that_the_head_contradicts_is_refused),
        cmocka_unit_test(a_hostile_redis_is_asked_less_and_less),
        cmocka_unit_test(without_origins_the_lane_goes_on),
        cmocka_unit_test(an_entry_whose_pack_is_missing_is_given_up),
        cmocka_unit_test(the_lane_is_closed_unless_the_store_is_whole),
        cmocka_unit_test(heads_behind_the_lane),
        cmocka_unit_test(an_older_head_with_a_later_number_is_refused),
        cmocka_unit_test(an_entry_of_a_clock_ahead_keeps_no_head_away),
        cmocka_unit_test(the_lane_takes_no_entry_of_a_clock_far_ahead),
        cmocka_unit_test(another_chain_leads_to_the_index),
        cmocka_unit_test(ahead_after_a_restart),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
