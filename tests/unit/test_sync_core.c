/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/sync_core_fixture.h"

enum start_at { TEN, EMPTY, BEGUN };

static void heads_lead_on(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum start_at from;
        uint64_t first, last, index;
        enum sync_action_type type;
        uint64_t number;
    } rows[] = {
        {"nothing new", TEN, 1, 10, 0, SYNC_WAIT, 0},
        {"one entry", TEN, 1, 11, 0, SYNC_FETCH_LOG, 11},
        {"as far behind as the log goes", TEN, 1, 110, 60, SYNC_FETCH_LOG, 11},
        {"farther behind", TEN, 1, 111, 60, SYNC_FETCH_INDEX, 0},
        {"farther behind, old index", TEN, 1, 111, 10, SYNC_FETCH_LOG, 11},
        {"farther behind, no index", TEN, 1, 111, 0, SYNC_FETCH_LOG, 11},
        {"trimmed just up to us", TEN, 11, 12, 10, SYNC_FETCH_LOG, 11},
        {"trimmed beyond us", TEN, 12, 12, 11, SYNC_FETCH_INDEX, 0},
        {"empty store", EMPTY, 1, 11, 5, SYNC_FETCH_INDEX, 0},
        {"empty store, no index", EMPTY, 1, 11, 0, SYNC_FETCH_LOG, 1},
        {"empty store, nothing published", EMPTY, 1, 0, 0, SYNC_APPLY_HEAD, 0},
        {"an index was begun", BEGUN, 1, 11, 5, SYNC_FETCH_INDEX, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position position = rows[i].from == TEN ? at_ten() : (struct position){0};
        struct sha256 want = hash_of("index");
        if (rows[i].from == BEGUN)
            position.index_hash = want = hash_of("begun");
        start(&position, 1);
        assert_int_equal(tick().type, SYNC_FETCH_HEAD);
        struct head head = head_of(rows[i].first, rows[i].last, rows[i].index);
        struct sync_action action = give_head(&head, key);
        if (action.type != rows[i].type || action.number != rows[i].number)
            fail_msg("%s: %s", rows[i].name, sync_action_text(action.type));
        if (action.type == SYNC_FETCH_INDEX)
            assert_true(sha256_equal(&action.hash, &want));
        assert_int_equal(counters[SYNC_HEADS], 1);
    }
}

static void heads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t last;
        int64_t time, valid; /* against now */
        bool wrong_key;
        enum sync_counter counter;
    } rows[] = {
        {"expired", 11, -10, -1, false, SYNC_HEAD_EXPIRED},
        {"from the future", 11, HEAD_SKEW_S + 1, 9999, false, SYNC_HEAD_FUTURE},
        {"lower number", 9, -9, 600, false, SYNC_HEAD_REPLAY},
        {"older", 11, -11, 600, false, SYNC_HEAD_REPLAY},
        {"another key", 11, -10, 600, true, SYNC_HEAD_KEY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position position = at_ten();
        start(&position, 2);
        tick();
        struct head head = head_of(1, rows[i].last, 0);
        head.time_s = NOW_S + (uint64_t)rows[i].time;
        head.valid_until_s = NOW_S + (uint64_t)rows[i].valid;
        struct sync_action action = give_head(&head, rows[i].wrong_key ? other_key : key);
        if (counters[rows[i].counter] != 1 || counters[SYNC_HEADS] != 0)
            fail_msg("%s", rows[i].name);
        /* The other origin at once, then a pause. */
        assert_int_equal(action.type, SYNC_FETCH_HEAD);
        assert_int_equal(action.origin, 1);
        action = give_head(&head, rows[i].wrong_key ? other_key : key);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_int_equal(core.position.log_number, 10);
    }
    start(&(struct position){0}, 1);
    tick();
    assert_int_equal(fetched(span_text("not a head")).type, SYNC_WAIT);
    assert_int_equal(counters[SYNC_HEAD_FORM], 1);
}

static void same_number_other_hash_is_a_break(void **state)
{
    (void)state;
    struct position position = at_ten();
    start(&position, 1);
    tick();
    struct head head = head_of(1, 10, 8);
    head.log_hash = hash_of("ten, but another");
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_INDEX);
    assert_int_equal(counters[SYNC_CHAIN_BREAKS], 1);
}

static void pauses_grow_up_to_the_cap(void **state)
{
    (void)state;
    struct position position = at_ten();
    start(&position, 3);
    struct sync_action action = tick();
    uint64_t most = SYNC_BACKOFF_MIN_NS;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t origin = 0; origin < 3; origin++) {
            assert_int_equal(action.type, SYNC_FETCH_HEAD);
            assert_int_equal(action.origin, origin);
            action = failed(ERR_IO);
        }
        assert_int_equal(action.type, SYNC_WAIT);
        uint64_t pause = action.until_ns - now.monotonic_ns;
        assert_in_range(pause, most / 2, most);
        assert_int_equal(tick().type, SYNC_WAIT); /* too early */
        now.monotonic_ns = action.until_ns;
        action = tick();
        most = most * 2 < SYNC_BACKOFF_MAX_NS ? most * 2 : SYNC_BACKOFF_MAX_NS;
    }
    assert_int_equal(counters[SYNC_POLL_FAILURES], 60);
    assert_int_equal(most, SYNC_BACKOFF_MAX_NS);
}

/* An entry with one range, and its pack. */
struct entry {
    uint8_t octets[4096];
    size_t size;
    uint8_t pack[65536];
    size_t pack_size;
    struct log_range range;
};

static void make_entry(struct entry *e, uint64_t number, const struct sha256 *previous,
                       const struct publish_key *signer)
{
    static struct pack_writer writer;
    struct ocsp_template t = fixture_template(ISSUER, 1, SIG_ECDSA_P256_SHA256);
    const struct ocsp_template *templates[] = {&t};
    struct pack_info info = {.issuer_id = ISSUER, .kind = PACK_RANGE, .until = SERIAL_AFTER_ALL};
    static const uint8_t signature[64] = {1};
    struct statement s = {.serial = {.size = 3, .octets = {1, 2, 3}},
                          .facts = fixture_facts(1, (uint32_t)NOW_S, false),
                          .signature = span_of(signature, sizeof signature)};
    pack_writer_start(&writer, &info, templates, 1, e->pack, sizeof e->pack);
    pack_writer_add(&writer, &s);
    assert_int_equal(pack_writer_finish(&writer, &info, &e->pack_size), ERR_OK);
    e->range = (struct log_range){.issuer_id = ISSUER,
                                  .until = SERIAL_AFTER_ALL,
                                  .pack = sha256_of(span_of(e->pack, e->pack_size)),
                                  .pack_bytes = e->pack_size,
                                  .statement_count = 1};
    struct log_writer w;
    log_writer_start(&w, span_text(NETWORK), number, NOW_S, previous, e->octets, sizeof e->octets);
    log_writer_range(&w, &e->range);
    assert_int_equal(log_writer_finish(&w, signer, &e->size), ERR_OK);
}

static void entries_are_checked(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    struct sha256 not_ten = hash_of("not 10");
    struct head head = head_of(1, 20, 0);
    static const struct {
        const char *name;
        uint64_t number;
        bool other_previous, wrong_key, flip;
        enum sync_action_type type;
        uint64_t refused, breaks;
    } rows[] = {
        {"good", 11, false, false, false, SYNC_FETCH_PACK, 0, 0},
        {"an older one", 10, false, false, false, SYNC_WAIT, 1, 0},
        {"a later one", 12, false, false, false, SYNC_WAIT, 1, 0},
        {"another predecessor", 11, true, false, false, SYNC_FETCH_HEAD, 0, 1},
        {"another key", 11, false, true, false, SYNC_WAIT, 1, 0},
        {"a flipped bit", 11, false, false, true, SYNC_WAIT, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask_for_eleven(&head);
        make_entry(&e, rows[i].number, rows[i].other_previous ? &not_ten : &ten,
                   rows[i].wrong_key ? other_key : key);
        e.octets[e.size / 2] ^= rows[i].flip;
        struct sync_action action = fetched(span_of(e.octets, e.size));
        if (action.type != rows[i].type || counters[SYNC_CONTENT_REFUSED] != rows[i].refused ||
            counters[SYNC_CHAIN_BREAKS] != rows[i].breaks)
            fail_msg("%s: %s", rows[i].name, sync_action_text(action.type));
    }
    /* The newest entry must be the one that the head names. One that follows ours all the same was
     * never published, and a mirror kept it: no reason to take everything anew, perhaps from an
     * index that is older than we are. */
    head = head_of(1, 11, 8);
    ask_for_eleven(&head);
    make_entry(&e, 11, &ten, key);
    assert_int_equal(fetched(span_of(e.octets, e.size)).type, SYNC_WAIT);
    assert_int_equal(counters[SYNC_CHAIN_BREAKS], 0);
    assert_int_equal(counters[SYNC_CONTENT_REFUSED], 1);
    /* But from one that is newer. */
    head = head_of(1, 11, 11);
    now.monotonic_ns += SYNC_BACKOFF_MAX_NS;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_INDEX);
}

static void packs_are_checked(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    struct head head = head_of(1, 20, 0);
    make_entry(&e, 11, &ten, key);
    for (int cut = 0; cut < 3; cut++) {
        ask_for_eleven(&head);
        struct sync_action action = fetched(span_of(e.octets, e.size));
        assert_int_equal(action.type, SYNC_FETCH_PACK);
        assert_true(sha256_equal(&action.hash, &e.range.pack));
        assert_int_equal(action.bytes_max, e.pack_size);
        e.pack[e.pack_size - 1] ^= cut == 1;
        action = fetched(span_of(e.pack, e.pack_size - (cut == 2)));
        e.pack[e.pack_size - 1] ^= cut == 1;
        assert_int_equal(action.type, cut == 0 ? SYNC_APPLY_LOG : SYNC_WAIT);
        assert_int_equal(sync_core_file_passed(&core), cut == 0);
        assert_int_equal(counters[SYNC_CONTENT_REFUSED], cut != 0);
    }
}

/* What the store says of an apply: a full disk waits, nothing is taken as applied. */
static void failed_applies_wait(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        enum sync_counter counter;
    } rows[] = {{ERR_DISK_FULL, SYNC_DISK_FULL},
                {ERR_STORE, SYNC_STORE_ERRORS},
                {ERR_SIGNATURE, SYNC_CONTENT_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position position = at_ten();
        start(&position, 2);
        tick();
        struct head head = head_of(1, 10, 0);
        head.time_s = NOW_S;
        assert_int_equal(give_head(&head, key).type, SYNC_APPLY_HEAD);
        struct sync_action action = failed(rows[i].err);
        assert_int_equal(action.type, SYNC_WAIT);
        assert_true(action.until_ns > now.monotonic_ns);
        assert_int_equal(counters[rows[i].counter], 1);
        assert_int_equal(core.position.head_time_s, NOW_S - 10);
    }
}

/* One change is followed by another: the next are looked for sooner, for a while. */
static void polls_often_after_a_change(void **state)
{
    (void)state;
    static struct entry e;
    struct sha256 ten = hash_of("10");
    struct head head = head_of(1, 11, 0);
    make_entry(&e, 11, &ten, key);
    head.log_hash = sha256_of(span_of(e.octets, e.size));
    ask_for_eleven(&head);
    fetched(span_of(e.octets, e.size));
    assert_int_equal(fetched(span_of(e.pack, e.pack_size)).type, SYNC_APPLY_LOG);
    struct position position = at_ten();
    position.log_number = 11;
    position.log_hash = head.log_hash;
    position.head_time_s = head.time_s;
    position.head_valid_until_s = head.valid_until_s;
    struct sync_event event = {.type = SYNC_APPLIED, .position = &position};
    struct sync_action action = sync_core_step(&core, &event, &now);
    uint64_t begin_ns = now.monotonic_ns;
    unsigned polls = 0;
    while (action.until_ns < begin_ns + 10 * UINT64_C(1000000000)) {
        assert_int_equal(action.type, SYNC_WAIT);
        now.monotonic_ns = action.until_ns;
        assert_int_equal(tick().type, SYNC_FETCH_HEAD);
        action = give_head(&head, key);
        bool often = now.monotonic_ns < begin_ns + SYNC_LIVELY_NS;
        assert_int_equal(action.until_ns - now.monotonic_ns,
                         often ? 1000000000u / SYNC_LIVELY_POLLS : 1000000000u);
        polls++;
    }
    assert_int_equal(polls, 1 + 8 + 6);
}

/* An entry that no origin has, while there is a newer index. */
static void lost_entries_lead_to_the_index(void **state)
{
    (void)state;
    struct head head = head_of(1, 20, 15);
    ask_for_eleven(&head);
    struct sync_action action = failed(ERR_NOT_FOUND);
    assert_int_equal(action.type, SYNC_WAIT);
    now.monotonic_ns = action.until_ns;
    assert_int_equal(tick().type, SYNC_FETCH_HEAD);
    assert_int_equal(give_head(&head, key).type, SYNC_FETCH_INDEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_lead_on),
        cmocka_unit_test(heads_are_refused),
        cmocka_unit_test(same_number_other_hash_is_a_break),
        cmocka_unit_test(pauses_grow_up_to_the_cap),
        cmocka_unit_test(entries_are_checked),
        cmocka_unit_test(packs_are_checked),
        cmocka_unit_test(failed_applies_wait),
        cmocka_unit_test(polls_often_after_a_change),
        cmocka_unit_test(lost_entries_lead_to_the_index),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
