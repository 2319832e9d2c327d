/* SPDX-License-Identifier: Apache-2.0 */
/* The lease, and what one that lost it can still do: nothing. Two holders in one process are two
 * open files, as two processes are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "presigner/crl_record.h"
#include "presigner/lease_beat.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_head.h"
#include "presigner/publish_txn.h"
#include "publish_fixture.h"

#define HANG_NS 10000000000u

static struct world world;
static struct lease *other;

static int setup(void **state)
{
    (void)state;
    world_make(&world);
    world_open(&world);
    world_settle(&world);
    assert_int_equal(lease_open(world.status, world.state_dir, &other), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    other = lease_close(other);
    world_close(&world);
    fixture_remove(world.directory);
    return 0;
}

/* The other takes over from a holder that lives: its beat stands still. */
static void take_over(void)
{
    assert_int_equal(lease_watch(other, HANG_NS, 1000, world_now_s), ERR_BUSY);
    assert_int_equal(lease_watch(other, HANG_NS, 1000 + HANG_NS, world_now_s), ERR_OK);
    assert_int_equal(lease_generation(other), lease_generation(world.lease) + 1);
}

/* --- Who has it --- */

static void one_at_a_time(void **state)
{
    (void)state;
    struct lease_holder holder;
    assert_int_equal(lease_generation(world.lease), 1);
    assert_int_equal(lease_take(other, world_now_s), ERR_BUSY);
    assert_int_equal(lease_generation(other), 0);
    assert_int_equal(lease_who(other, &holder), ERR_OK);
    assert_int_equal(holder.generation, 1);
    assert_int_equal(holder.process, getpid());
    assert_int_equal(holder.taken_s, world_now_s);
    world.publisher = publisher_close(world.publisher);
    world.lease = lease_close(world.lease);
    assert_int_equal(lease_take(other, world_now_s + 7), ERR_OK);
    assert_int_equal(lease_generation(other), 2);
    assert_int_equal(lease_who(other, &holder), ERR_OK);
    assert_int_equal(holder.taken_s, world_now_s + 7);
}

static void from_one_that_was_killed(void **state)
{
    (void)state;
    world.publisher = publisher_close(world.publisher);
    world.lease = lease_close(world.lease);
    other = lease_close(other);
    world.status = status_db_close(world.status);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        world_open(&world);
        for (;;)
            pause();
    }
    struct lease_holder holder = {0};
    assert_int_equal(status_db_open(world.state_dir, 1u << 30, &world.status), ERR_OK);
    assert_int_equal(lease_open(world.status, world.state_dir, &other), ERR_OK);
    while (holder.process != (uint32_t)pid)
        assert_int_equal(lease_who(other, &holder), ERR_OK);
    assert_int_equal(holder.generation, 2);
    assert_int_equal(lease_take(other, world_now_s), ERR_BUSY);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(lease_watch(other, HANG_NS, 5, world_now_s), ERR_OK);
    assert_int_equal(lease_generation(other), 3);
}

static void a_beat_keeps_it(void **state)
{
    (void)state;
    uint64_t now_ns = 77;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(lease_watch(other, HANG_NS, now_ns, world_now_s), ERR_BUSY);
        now_ns += HANG_NS - 1;
        assert_int_equal(lease_watch(other, HANG_NS, now_ns, world_now_s), ERR_BUSY);
        lease_beat(world.lease);
    }
    take_over();
    /* A beat of who lost it is nobody's. */
    struct lease *third = NULL;
    assert_int_equal(lease_open(world.status, world.state_dir, &third), ERR_OK);
    assert_int_equal(lease_watch(third, HANG_NS, 1, world_now_s), ERR_BUSY);
    lease_beat(world.lease);
    assert_int_equal(lease_watch(third, HANG_NS, 1 + HANG_NS, world_now_s), ERR_OK);
    assert_int_equal(lease_generation(third), 3);
    third = lease_close(third);
}

static uint64_t beats_counted(void)
{
    char path[FIXTURE_PATH_BYTES];
    uint64_t beats[64] = {0};
    FILE *file = fopen(fixture_path(world.state_dir, "lease", path), "re");
    assert_non_null(file);
    assert_int_equal(fread(beats, sizeof beats, 1, file), 1);
    fclose(file);
    return beats[1];
}

static void wait_until(struct lease_beats *alive, uint64_t beats)
{
    struct timespec turn = {.tv_nsec = 1000000};
    for (unsigned i = 0; beats_counted() < beats; i++) {
        assert_true(i < 20000);
        if (alive != NULL)
            lease_beats_alive(alive);
        nanosleep(&turn, NULL);
    }
}

static void beats_while_the_work_goes_on(void **state)
{
    (void)state;
    struct lease_beats *b = NULL;
    uint64_t first = beats_counted();
    assert_int_equal(lease_beats_start(world.lease, 1000000, UINT64_MAX, &b), ERR_OK);
    wait_until(b, first + 10);
    b = lease_beats_stop(b);
    /* Work that has not told of itself for a nanosecond has come to a stop. */
    first = beats_counted();
    assert_int_equal(lease_beats_start(world.lease, 1000000, 1, &b), ERR_OK);
    b = lease_beats_stop(b); /* after its first turn at least */
    assert_int_equal(beats_counted(), first);
}

/* --- Who lost it --- */

static struct sha256 file_hash(const char *name)
{
    char path[FIXTURE_PATH_BYTES];
    struct buffer b = {0};
    assert_int_equal(file_read(fixture_path(world.publish_dir, name, path), 1u << 20, &b), ERR_OK);
    struct sha256 hash = sha256_of(span_of(b.data, b.size));
    buffer_done(&b);
    return hash;
}

static bool is_there(const char *name)
{
    char path[FIXTURE_PATH_BYTES];
    return access(fixture_path(world.publish_dir, name, path), F_OK) == 0;
}

static void a_step_publishes_nothing(void **state)
{
    (void)state;
    enum publish_outcome outcome = PUBLISH_IDLE;
    struct sha256 head = file_hash("head");
    char name[32];
    snprintf(name, sizeof name, "log/%llu",
             (unsigned long long)world.publisher->state.log_last + 1);
    take_over();
    world_good(&world, 0, 0, 10);
    world_now_s += 5;
    assert_int_equal(publisher_step(world.publisher, &outcome), ERR_FENCED);
    assert_int_equal(world.counters[COUNT_lease_refusals], 1);
    assert_false(is_there(name));
    /* Not even a head that says nothing new. */
    world_now_s += world.config.head_refresh_s;
    assert_int_equal(publish_head_refresh(world.publisher), ERR_FENCED);
    struct sha256 now = file_hash("head");
    assert_true(sha256_equal(&now, &head));
    assert_int_equal(publisher_collect(world.publisher), ERR_FENCED);
    assert_int_equal(publisher_index(world.publisher), ERR_FENCED);
}

/* The worst instant: the entry is signed, and written but for its name. */
static void an_entry_of_both(void **state)
{
    (void)state;
    struct publish_entry e;
    MDB_txn *txn = NULL;
    char name[32];
    struct publisher *late = world.publisher;
    struct publish_state state_before = late->state;
    world_good(&world, 0, 0, 10);
    take_over();
    /* The new holder gives that number to an entry of its own. */
    struct lease *lost = world.lease;
    world.lease = other;
    assert_int_equal(world_publisher(&world, world_clock), ERR_OK);
    world_settle(&world);
    assert_true(world.publisher->state.log_last > state_before.log_last);
    snprintf(name, sizeof name, "log/%llu", (unsigned long long)state_before.log_last + 1);
    struct sha256 entry = file_hash(name), head = file_hash("head");
    struct blob_path path = {.path = span_text("/x"),
                             .blob = {{1}},
                             .blob_bytes = 1,
                             .media_type = span_text("text/plain"),
                             .modified_s = world_now_s};
    assert_int_equal(publish_entry_start(late, &e), ERR_OK);
    publish_entry_path(&e, &path);
    assert_int_equal(publish_entry_seal(late, &e, &txn), ERR_FENCED);
    assert_null(txn);
    /* And were the lease to say nothing, the number would. */
    late->lease = other;
    assert_int_equal(publish_entry_start(late, &e), ERR_OK);
    publish_entry_path(&e, &path);
    assert_int_equal(publish_entry_seal(late, &e, &txn), ERR_OK);
    assert_int_equal(publish_entry_commit(late, &e, txn), ERR_FENCED);
    late->lease = lost;
    assert_int_equal(world.counters[COUNT_lease_refusals], 2);
    struct sha256 now = file_hash(name), head_now = file_hash("head");
    assert_true(sha256_equal(&now, &entry));
    assert_true(sha256_equal(&head_now, &head));
    publisher_close(late);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_done(f);
    other = lost;
}

/* A file that was to go has a meaning again by the time that it would. */
static void nothing_is_removed(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    fixture_text(fixture_path(world.publish_dir, "log/999", path), "left by a crash");
    assert_int_equal(publisher_collect(world.publisher), ERR_OK);
    world_now_s += GARBAGE_GRACE_S + 1;
    take_over();
    assert_int_equal(publisher_collect(world.publisher), ERR_FENCED);
    assert_true(is_there("log/999"));
    world.publisher = publisher_close(world.publisher);
    world.lease = lease_close(world.lease);
    world.lease = other;
    assert_int_equal(lease_open(world.status, world.state_dir, &other), ERR_OK);
    assert_int_equal(world_publisher(&world, world_clock), ERR_OK);
    assert_int_equal(publisher_collect(world.publisher), ERR_OK);
    assert_false(is_there("log/999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(from_one_that_was_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_beat_keeps_it, setup, teardown),
        cmocka_unit_test_setup_teardown(beats_while_the_work_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_publishes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_of_both, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_removed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
