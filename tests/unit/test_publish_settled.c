/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to be published is in the log, whatever waits for a dirty range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "presigner/publish.h"
#include "publish_fixture.h"

#define TAIL_MANY (RANGE_TAIL_MIN + 200)

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_make(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    fixture_remove(world.directory);
    return 0;
}

static uint64_t settled(size_t issuer)
{
    uint64_t log_last = 0;
    uint64_t sequence = publisher_settled(world.publisher, world.issuer_id[issuer], &log_last);
    assert_true(sequence == 0 || log_last == world.publisher->state.log_last);
    return sequence;
}

static uint64_t sequence_last(void)
{
    uint64_t last = 0;
    assert_int_equal(status_poll_sequence(world.status, &last), ERR_OK);
    return last;
}

/* Each change of the issuer up to what is said is in what a follower has, as it is now or newer. */
static void assert_true_to_its_word(size_t issuer)
{
    struct status_change_cursor c;
    struct status_change change;
    MDB_txn *txn = NULL;
    uint64_t until = settled(issuer);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    assert_int_equal(status_txn_read(world.status, &txn), ERR_OK);
    assert_int_equal(status_changes_begin(world.status, txn, 0, &c), ERR_OK);
    while (status_changes_next(&c, &change) == ERR_OK && change.record.sequence <= until) {
        if (change.issuer_id != world.issuer_id[issuer])
            continue;
        const struct follower_statement *s = follower_get(f, change.issuer_id, &change.serial);
        assert_true(s != NULL && s->facts.status >= change.record.status);
    }
    status_changes_end(&c);
    status_txn_abort(txn);
    follower_done(f);
}

static void nothing_before_the_first_head(void **state)
{
    (void)state;
    CHECK(status_db_open(world.state_dir, world.config.map_size_bytes, &world.status) == ERR_OK);
    world_good(&world, 0, 0, 50);
    CHECK(world_publisher(&world, world_clock) == ERR_OK);
    assert_int_equal(settled(0), 0);
    world_settle(&world);
    assert_int_equal(settled(0), 50);
    assert_true_to_its_word(0);
    assert_int_equal(publisher_settled(world.publisher, 1, &(uint64_t){0}), 0);
    assert_int_equal(publisher_issuer_id(world.publisher, &world.issuers[1]), world.issuer_id[1]);
}

/* More than a range takes one by one: they wait for it, and so does the word. */
static void what_waits_for_a_range(void **state)
{
    (void)state;
    bool waited = false;
    world_open(&world);
    world_good(&world, 0, 0, 10);
    world_settle(&world);
    world_good(&world, 0, 10, TAIL_MANY);
    world_good(&world, 1, 0, 5);
    while (world_step(&world) != PUBLISH_IDLE) {
        waited |= settled(0) < world.publisher->state.published_sequence;
        assert_true_to_its_word(0);
        assert_true_to_its_word(1);
    }
    assert_true(waited);
    assert_int_equal(settled(0), sequence_last());
    assert_int_equal(settled(1), sequence_last());
    assert_true_to_its_word(0);
}

/* After a start nothing is known of what waited. */
static void what_waited_before_a_start(void **state)
{
    (void)state;
    world_open(&world);
    world_good(&world, 0, 0, 10);
    world_settle(&world);
    world_good(&world, 0, 10, TAIL_MANY);
    while (world.publisher->state.published_sequence < sequence_last())
        world_step(&world);
    assert_true(settled(0) < sequence_last());
    world_close(&world);
    world_open(&world);
    do {
        assert_true_to_its_word(0);
        assert_true(settled(0) == 0 || settled(0) == sequence_last());
    } while (world_step(&world) != PUBLISH_IDLE);
    assert_int_equal(settled(0), sequence_last());
}

static struct range_record range_of(uint32_t number)
{
    struct range_record range;
    MDB_txn *txn = NULL;
    struct serial serial = world_serial(number);
    CHECK(status_txn_read(world.status, &txn) == ERR_OK);
    CHECK(publish_db_range_of(&world.publisher->db, txn, world.issuer_id[0], &serial, &range) ==
          ERR_OK);
    status_txn_abort(txn);
    return range;
}

static void make_dirty(uint32_t number)
{
    struct range_record range = range_of(number);
    MDB_txn *txn = NULL;
    range.flags |= RANGE_DIRTY;
    CHECK(status_txn_write(world.status, &txn) == ERR_OK);
    CHECK(publish_db_range_put(&world.publisher->db, txn, &range) == ERR_OK);
    CHECK(status_txn_commit(txn) == ERR_OK);
}

/* Steps until the additions of one more certificate were looked at; whether its statement is out
 * although its range is still dirty. */
static bool is_out_before_its_range(void)
{
    world_open(&world);
    world_good(&world, 0, 0, 200);
    world_settle(&world);
    make_dirty(200);
    world_good(&world, 0, 200, 1);
    world.publisher->entry_ns = 0; /* the next entry need not wait */
    while (world.publisher->state.published_sequence < sequence_last())
        world_step(&world);
    assert_true_to_its_word(0);
    bool dirty = range_of(200).flags & RANGE_DIRTY;
    return dirty && settled(0) == sequence_last();
}

static void few_of_a_feed_do_not_wait(void **state)
{
    (void)state;
    world.issuers[0].feed.url = "https://issuer.example";
    world.config.feed_count = 1;
    assert_true(is_out_before_its_range());
    world_settle(&world);
    assert_true_to_its_word(0);
}

static void those_of_a_file_wait(void **state)
{
    (void)state;
    assert_false(is_out_before_its_range());
    world_settle(&world);
    assert_int_equal(settled(0), sequence_last());
}

/* --- While a range is being signed --- */

#define LONG_COUNT 12000
#define MORE_COUNT 20

static uint64_t settled_in_step; /* how often something more was settled in a step, */
static uint64_t settled_most;    /* and in that where it was so most often */
static uint64_t settled_before;
static bool all_added;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

static void note_settled(void *context, const struct publisher *p)
{
    (void)context;
    uint64_t log_last = 0;
    uint64_t sequence = publisher_settled(p, world.issuer_id[0], &log_last);
    pthread_mutex_lock(&lock);
    settled_in_step += sequence > settled_before;
    if (sequence > settled_before)
        settled_before = sequence;
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&lock);
}

/* Each waits for the one before it. */
static void *add_meanwhile(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < MORE_COUNT; i++) {
        world_good(&world, 0, LONG_COUNT + i, 1);
        pthread_mutex_lock(&lock);
        while (settled_before < LONG_COUNT + i + 1)
            pthread_cond_wait(&more, &lock);
        __atomic_store_n(&all_added, i + 1 == MORE_COUNT, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static uint64_t real_clock(void)
{
    return (uint64_t)time(NULL);
}

static enum publish_outcome step(void)
{
    enum publish_outcome outcome = PUBLISH_IDLE;
    settled_in_step = 0;
    assert_int_equal(publisher_step(world.publisher, &outcome), ERR_OK);
    note_settled(NULL, world.publisher);
    if (settled_in_step > settled_most)
        settled_most = settled_in_step;
    return outcome;
}

static void few_of_a_feed_while_a_range_is_signed(void **state)
{
    (void)state;
    pthread_t thread;
    settled_most = settled_before = 0;
    all_added = false;
    world.issuers[0].feed.url = "https://issuer.example";
    world.config.feed_count = 1;
    /* Slow signing: every signature is verified, on one thread. */
    world.config.sign_threads = 1;
    world.config.verify = SIGN_VERIFY_ALL;
    world.config.pack_target_bytes = 4u << 20;
    CHECK(status_db_open(world.state_dir, world.config.map_size_bytes, &world.status) == ERR_OK);
    assert_int_equal(world_publisher(&world, real_clock), ERR_OK);
    world.publisher->settled = note_settled;
    while (step() != PUBLISH_IDLE)
        continue;
    world_good(&world, 0, 0, LONG_COUNT);
    while (step() != PUBLISH_IDLE)
        continue;
    make_dirty(0);
    assert_int_equal(pthread_create(&thread, NULL, add_meanwhile, NULL), 0);
    while (step() != PUBLISH_IDLE || !__atomic_load_n(&all_added, __ATOMIC_RELAXED))
        continue;
    pthread_join(thread, NULL);
    assert_true_to_its_word(0);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_done(f);
    assert_int_equal(settled(0), sequence_last());
    assert_true(world.publisher->state.log_last > 3);
    /* A step has one head at its end; more of them were in the middle. */
    assert_true(settled_most > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_before_the_first_head, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_for_a_range, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waited_before_a_start, setup, teardown),
        cmocka_unit_test_setup_teardown(few_of_a_feed_do_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(those_of_a_file_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(few_of_a_feed_while_a_range_is_signed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
