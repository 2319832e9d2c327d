/* SPDX-License-Identifier: Apache-2.0 */
/* Publication under concurrent changes, and with the publishing process killed at random instants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "publish_fixture.h"

#define CERT_COUNT 3000

static struct world world;

/* Shared with the child: certificates whose revocation was accepted (committed). */
static uint8_t *accepted;
/* Those that the follower has seen revoked; must never be good again. */
static uint8_t seen[CERT_COUNT];

static int setup(void **state)
{
    (void)state;
    memset(seen, 0, sizeof seen);
    accepted = mmap(NULL, CERT_COUNT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (accepted == MAP_FAILED)
        return -1;
    world_make(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    munmap(accepted, CERT_COUNT);
    fixture_remove(world.directory);
    return 0;
}

static void assert_nothing_taken_back(const struct follower *f)
{
    for (uint32_t i = 0; i < CERT_COUNT; i++) {
        struct serial serial = world_serial(i);
        const struct follower_statement *s = follower_get(f, world.issuer_id[0], &serial);
        bool revoked = s != NULL && s->facts.status == CERT_REVOKED;
        if (seen[i] && !revoked)
            print_error("certificate %u was revoked and is %s\n", i, s == NULL ? "gone" : "good");
        assert_true(!seen[i] || revoked);
        seen[i] = revoked;
    }
}

static void assert_all_accepted_are_revoked(const struct follower *f)
{
    for (uint32_t i = 0; i < CERT_COUNT; i++) {
        struct serial serial = world_serial(i);
        const struct follower_statement *s = follower_get(f, world.issuer_id[0], &serial);
        assert_true(!accepted[i] || (s != NULL && s->facts.status == CERT_REVOKED));
    }
}

static void *revoke_meanwhile(void *context)
{
    int *stop = context;
    for (uint32_t i = 0; i < 600 && !__atomic_load_n(stop, __ATOMIC_RELAXED); i++) {
        uint32_t number = (i * 7919u) % CERT_COUNT;
        world_revoke(&world, 0, number, 1);
        accepted[number] = 1;
    }
    return NULL;
}

static uint64_t real_clock(void)
{
    return (uint64_t)time(NULL);
}

static void revocations_during_a_long_signing_stay(void **state)
{
    (void)state;
    pthread_t thread;
    int stop = 0;
    assert_int_equal(status_db_open(world.state_dir, 1u << 30, &world.status), ERR_OK);
    /* Slow signing: every signature is verified, on one thread. */
    world.config.sign_threads = 1;
    world.config.verify = SIGN_VERIFY_ALL;
    world.config.pack_target_bytes = 65536;
    assert_int_equal(world_publisher(&world, real_clock), ERR_OK);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    enum publish_outcome outcome = PUBLISH_IDLE;
    assert_int_equal(publisher_step(world.publisher, &outcome), ERR_OK);
    world_good(&world, 0, 0, CERT_COUNT);
    assert_int_equal(pthread_create(&thread, NULL, revoke_meanwhile, &stop), 0);
    outcome = PUBLISH_WORKED;
    while (outcome != PUBLISH_IDLE) {
        assert_int_equal(publisher_step(world.publisher, &outcome), ERR_OK);
        follower_step(f);
        assert_nothing_taken_back(f);
    }
    pthread_join(thread, NULL);
    do
        assert_int_equal(publisher_step(world.publisher, &outcome), ERR_OK);
    while (outcome != PUBLISH_IDLE);
    follower_step(f);
    assert_nothing_taken_back(f);
    assert_all_accepted_are_revoked(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
}

/* --- Kill --- */

static uint32_t random_state = 12345;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Publishes while it imports and revokes, until it is killed. */
_Noreturn static void child(uint32_t round)
{
    world_open(&world);
    for (uint32_t i = 0;; i++) {
        uint32_t first = (round * 131 + i * 37) % (CERT_COUNT - 40);
        world_good(&world, 0, first, 40);
        world_revoke(&world, 0, first, 2);
        accepted[first] = 1;
        accepted[first + 1] = 1;
        /* Some days in a row, so that ranges come due and old entries go. */
        world_now_s += random_below(4) == 0 ? 40000 : 1;
        for (unsigned steps = 0; steps < 6 && world_step(&world) != PUBLISH_IDLE; steps++)
            continue;
    }
}

static void run_and_kill(uint32_t round)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(round);
    struct timespec pause = {.tv_nsec = 1000000L + (long)random_below(150000) * 1000L};
    nanosleep(&pause, NULL);
    int status = 0;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* It was our signal that ended it, not a failed check. */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What an edge finds after the crash, before anything is repaired. */
static void follow_after_crash(struct follower **f)
{
    char path[FIXTURE_PATH_BYTES];
    if (access(fixture_path(world.publish_dir, "head", path), F_OK) != 0)
        return;
    struct follower *fresh = follower_new(world.publish_dir, &world.verify_key);
    follower_step(fresh);
    assert_nothing_taken_back(fresh);
    if (*f != NULL && fresh->head.log_first <= (*f)->log_number + 1) {
        follower_step(*f);
        assert_nothing_taken_back(*f);
        assert_int_equal((*f)->count, fresh->count);
        follower_done(fresh);
        return;
    }
    if (*f != NULL)
        follower_done(*f);
    *f = fresh;
}

static void a_killed_presigner_loses_nothing(void **state)
{
    (void)state;
    const char *text = getenv("STATIM_TEST_KILLS");
    uint32_t kills = text == NULL ? 25 : (uint32_t)strtoul(text, NULL, 10);
    struct follower *f = NULL;
    for (uint32_t round = 0; round < kills; round++) {
        /* Each process takes the clock up from where the head is; no time goes back. */
        run_and_kill(round);
        follow_after_crash(&f);
        if (f != NULL && f->head.time_s > world_now_s)
            world_now_s = f->head.time_s;
    }
    world_open(&world);
    world_settle(&world);
    if (f == NULL)
        f = follower_new(world.publish_dir, &world.verify_key);
    follow_after_crash(&f);
    assert_all_accepted_are_revoked(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(revocations_during_a_long_signing_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_presigner_loses_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
