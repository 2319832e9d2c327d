/* SPDX-License-Identifier: Apache-2.0 */
/* Publication when the key or the disk fails: nothing half-published, and on it goes afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "presigner/publish_sign.h"
#include "publish_fixture.h"
#include "signer_double.h"

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

/* Puts a double between the publisher and the first issuer's key. */
static void double_insert(struct double_signer *d)
{
    struct publish_issuer *issuer = publish_issuer_find(world.publisher, world.issuer_id[0]);
    assert_non_null(issuer);
    if (issuer == NULL)
        return;
    *d = (struct double_signer){.base = {.ops = &double_ops, .alg = issuer->signer->alg},
                                .real = issuer->signer};
    sign_source_free(issuer->source);
    assert_int_equal(
        sign_source_new(world.publisher->pool, &d->base, &issuer->template_, &issuer->source),
        ERR_OK);
}

static void a_spoiled_signature_is_not_published(void **state)
{
    (void)state;
    struct double_signer d;
    enum publish_outcome outcome = PUBLISH_IDLE;
    world_open(&world);
    world_settle(&world);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    double_insert(&d);
    d.spoil = 1;
    world_good(&world, 0, 0, 20);
    enum err err = ERR_OK;
    for (unsigned i = 0; i < 5 && err == ERR_OK; i++) {
        err = publisher_step(world.publisher, &outcome);
        world_now_s++;
    }
    assert_int_equal(err, ERR_SIGNATURE);
    follower_step(f);
    assert_int_equal(f->count, 0);
    assert_int_equal(counter_get(&world.counters[COUNT_verify_failures]), 1);
    /* The other issuer goes on. */
    world_good(&world, 1, 0, 20);
    world_settle(&world);
    follower_step(f);
    assert_int_equal(f->count, 20);
    /* And the first one too, when its key is tried again. */
    world_now_s += KEY_RETRY_S;
    world_settle(&world);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
}

/* An edge verifies all statements of a log entry and cannot pass over one, so the sample is not
 * enough there: a signature in the middle of a batch is found as well. */
static void each_signature_of_a_log_entry_is_verified(void **state)
{
    (void)state;
    struct double_signer d;
    world_open(&world);
    world_settle(&world);
    double_insert(&d);
    d.spoil = 150;
    world_good(&world, 0, 0, 200);
    enum err err = ERR_OK;
    for (unsigned i = 0; i < 5 && err == ERR_OK; i++) {
        enum publish_outcome outcome = PUBLISH_IDLE;
        err = publisher_step(world.publisher, &outcome);
        world_now_s++;
    }
    assert_int_equal(err, ERR_SIGNATURE);
    world_now_s += KEY_RETRY_S;
    world_settle(&world);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
}

static void a_revocation_waits_for_a_key_that_fails(void **state)
{
    (void)state;
    struct double_signer d;
    enum publish_outcome outcome = PUBLISH_IDLE;
    world_open(&world);
    world_good(&world, 0, 0, 50);
    world_settle(&world);
    double_insert(&d);
    d.spoil = 1;
    d.fail = ERR_CRYPTO;
    world_revoke(&world, 0, 7, 1);
    world_now_s++;
    assert_int_equal(publisher_step(world.publisher, &outcome), ERR_CRYPTO);
    world_revoke(&world, 0, 8, 1); /* comes while the key is given a pause */
    world_settle(&world);
    world_now_s += KEY_RETRY_S;
    world_settle(&world);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_done(f);
}

/* --- A full disk --- */

#define SKIPPED 77

static bool disk_mount(const char *options, unsigned long flags)
{
    return mount("tmpfs", world.publish_dir, "tmpfs", flags, options) == 0;
}

/* Runs until the disk is full; what is published is whole all the same. */
static void fill(struct follower *f)
{
    enum err err = ERR_OK;
    for (unsigned i = 0; i < 1000 && err == ERR_OK; i++) {
        enum publish_outcome outcome = PUBLISH_IDLE;
        err = publisher_step(world.publisher, &outcome);
        world_now_s++;
    }
    CHECK(err == ERR_DISK_FULL);
    CHECK(counter_get(&world.counters[COUNT_disk_full]) > 0);
    follower_step(f);
    CHECK(f->count < 4000);
}

static int on_a_small_disk(void)
{
    if (mkdir(world.publish_dir, 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || !disk_mount("size=200k", 0))
        return SKIPPED;
    world_open(&world);
    world_settle(&world);
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_good(&world, 0, 0, 4000);
    fill(f);
    fill(f);
    CHECK(disk_mount("size=16m", MS_REMOUNT));
    world_settle(&world);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
    world_close(&world);
    return 0;
}

static void a_full_disk_publishes_nothing_half(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(on_a_small_disk());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) {
        print_message("skipped: no mounts without privileges\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_spoiled_signature_is_not_published, setup, teardown),
        cmocka_unit_test_setup_teardown(each_signature_of_a_log_entry_is_verified, setup, teardown),
        cmocka_unit_test_setup_teardown(a_revocation_waits_for_a_key_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_publishes_nothing_half, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
