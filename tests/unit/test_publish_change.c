/* SPDX-License-Identifier: Apache-2.0 */
/* Publication when the world around it changes: issuers that come and go in the configuration, a
 * clock that jumps, a responder certificate that is not the CA's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <time.h>

#include "presigner/publish.h"
#include "publish_fixture.h"

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

static void open_with(uint32_t issuer_count)
{
    world.config.issuer_count = issuer_count;
    world_open(&world);
    world_settle(&world);
}

static void assert_all_published(void)
{
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_assert_equal(&world, f);
    follower_verify_all(f);
    follower_done(f);
}

/* `statim import` reads the new configuration; the daemon still runs with the old one. */
static void an_issuer_imported_before_it_is_served(void **state)
{
    (void)state;
    open_with(1);
    world_good(&world, 1, 0, 60);
    world_revoke(&world, 1, 10, 5);
    world_settle(&world);
    world_close(&world);
    open_with(2);
    assert_all_published();
}

static void a_revocation_while_its_issuer_is_not_configured(void **state)
{
    (void)state;
    open_with(2);
    world_good(&world, 1, 0, 60);
    world_settle(&world);
    assert_all_published();
    world_close(&world);
    open_with(1);
    world_revoke(&world, 1, 10, 5);
    world_settle(&world);
    world_close(&world);
    open_with(2);
    assert_all_published();
}

static uint64_t newest_this_update(void)
{
    uint64_t newest = 0;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    for (size_t i = 0; i < f->count; i++)
        if (f->statements[i].facts.this_update_s > newest)
            newest = f->statements[i].facts.this_update_s;
    follower_done(f);
    return newest;
}

/* Statements from the future are no answers: they are made anew when the clock is right again. */
static void a_clock_that_was_ahead(void **state)
{
    (void)state;
    open_with(2);
    uint64_t right_s = world_now_s;
    world_good(&world, 0, 0, 500);
    world_settle(&world);
    world_now_s += 20 * DAY_S;
    world_settle(&world);
    world_revoke(&world, 0, 7, 1);
    world_settle(&world);
    assert_true(newest_this_update() > right_s + 19 * DAY_S);
    world_now_s = right_s + 60;
    world_settle(&world);
    assert_true(newest_this_update() <= world_now_s);
    assert_all_published();
}

/* Only single statements were made while the clock was ahead: the pack is right, the tail is not.
 */
static void a_revocation_from_the_future(void **state)
{
    (void)state;
    open_with(2);
    uint64_t right_s = world_now_s;
    world_good(&world, 0, 0, 500);
    world_settle(&world);
    world_now_s += DAY_S;
    world_revoke(&world, 0, 7, 1);
    world_settle(&world);
    assert_true(newest_this_update() > right_s + DAY_S / 2);
    world_now_s = right_s + 60;
    world_settle(&world);
    assert_true(newest_this_update() <= world_now_s);
    assert_all_published();
}

static uint64_t head_time(void)
{
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    uint64_t time_s = f->head.time_s;
    follower_done(f);
    return time_s;
}

/* Edges refuse a head that is older than the one they have. */
static void a_clock_put_back_a_little_stops_no_revocation(void **state)
{
    (void)state;
    open_with(2);
    world_good(&world, 0, 0, 10);
    world_settle(&world);
    uint64_t before_s = head_time();
    world_now_s -= 30;
    world_revoke(&world, 0, 3, 1);
    world_settle(&world);
    assert_all_published();
    assert_true(head_time() >= before_s);
    world_close(&world);
    world_now_s -= 30;
    open_with(2);
    assert_true(head_time() >= before_s);
    /* A clock that was far ahead is not followed: edges have not taken its heads. */
    world_now_s -= DAY_S;
    world_revoke(&world, 0, 4, 1);
    world_settle(&world);
    assert_true(head_time() <= world_now_s);
}

static void responder_make(const char *ca_name, EVP_PKEY *ca_key, const char *path)
{
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    X509 *x = fixture_certificate(key, "Responder", ca_key, ca_name);
    FILE *file = fopen(path, "we");
    CHECK(file != NULL && PEM_write_X509(file, x) == 1);
    fclose(file);
    fixture_pem(key, world.key_path[0], NULL);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* No edge would take the template, and none could get past the log entry that has it. */
static void a_responder_certificate_of_another_ca(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES];
    char old_key[FIXTURE_PATH_BYTES];
    EVP_PKEY *other = fixture_key(SIG_ECDSA_P256_SHA256);
    open_with(2);
    uint64_t log_last = world.publisher->state.log_last;
    world.publisher = publisher_close(world.publisher);
    world_path(&world, "responder.pem", path);
    world_path(&world, "key-old.pem", old_key);
    assert_int_equal(rename(world.key_path[0], old_key), 0);
    static const char *const issuer_names[] = {"another", "ca-0"};
    for (size_t i = 0; i < 2; i++) {
        responder_make(issuer_names[i], other, path);
        world.issuers[0].responder_certificate = path;
        assert_int_not_equal(world_publisher(&world, world_clock), ERR_OK);
    }
    EVP_PKEY_free(other);
    assert_int_equal(rename(old_key, world.key_path[0]), 0);
    world.issuers[0].responder_certificate = NULL;
    assert_int_equal(world_publisher(&world, world_clock), ERR_OK);
    assert_int_equal(world.publisher->state.log_last, log_last);
}

/* Opens the publisher; what it says on standard error goes to `out`. */
static enum err open_captured(char *out, size_t out_size)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    enum err err = world_publisher(&world, world_clock);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    out[fread(out, 1, out_size - 1, file)] = '\0';
    fclose(file);
    return err;
}

/* Both would publish the same statements, each with its own times and templates. */
static void two_issuers_with_one_ca(void **state)
{
    (void)state;
    char said[4096];
    open_with(1);
    uint64_t log_last = world.publisher->state.log_last;
    world.publisher = publisher_close(world.publisher);
    world.config.issuer_count = 2;
    struct issuer_config other = world.issuers[1];
    world.issuers[1] = world.issuers[0];
    world.issuers[0].name = "first";
    world.issuers[1].name = "second";
    assert_int_equal(open_captured(said, sizeof said), ERR_CONFIG);
    assert_null(world.publisher);
    assert_non_null(strstr(said, "issuer second: "));
    assert_non_null(strstr(said, "has the name and key of issuer first's CA"));
    world.issuers[1] = other;
    assert_int_equal(open_captured(said, sizeof said), ERR_OK);
    /* The template of the second issuer, and nothing of the refused one. */
    assert_int_equal(world.publisher->state.log_last, log_last + 1);
    world_good(&world, 1, 0, 5);
    world_settle(&world);
    assert_all_published();
}

/* Going on from an older copy would give log numbers away twice, and take back what was revoked
 * since the copy was made. */
static void a_state_older_than_the_publication(void **state)
{
    (void)state;
    char aside[FIXTURE_PATH_BYTES];
    char head[2 * FIXTURE_PATH_BYTES];
    open_with(2);
    world_good(&world, 0, 0, 10);
    world_settle(&world);
    world_close(&world);
    assert_int_equal(rename(world.state_dir, fixture_path(world.directory, "aside", aside)), 0);
    assert_int_equal(status_db_open(world.state_dir, world.config.map_size_bytes, &world.status),
                     ERR_OK);
    assert_int_equal(world_publisher(&world, world_clock), ERR_CONFLICT);
    /* Who wants just that removes the head. */
    snprintf(head, sizeof head, "%s/head", world.publish_dir);
    assert_int_equal(unlink(head), 0);
    assert_int_equal(world_publisher(&world, world_clock), ERR_OK);
    world_settle(&world);
    assert_all_published();
}

/* Another publish key or network, changed at the same time, does not hide it. */
static void an_older_state_under_another_network(void **state)
{
    (void)state;
    char aside[FIXTURE_PATH_BYTES];
    char said[4096];
    open_with(2);
    world_good(&world, 0, 0, 10);
    world_settle(&world);
    const char *network = world.config.network;
    world.publisher = publisher_close(world.publisher);
    world.config.network = "another.example";
    assert_int_equal(open_captured(said, sizeof said), ERR_OK);
    assert_non_null(strstr(said, "is not signed by"));
    world_close(&world);
    world.config.network = network;
    assert_int_equal(rename(world.state_dir, fixture_path(world.directory, "aside", aside)), 0);
    assert_int_equal(status_db_open(world.state_dir, world.config.map_size_bytes, &world.status),
                     ERR_OK);
    assert_int_equal(world_publisher(&world, world_clock), ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_issuer_imported_before_it_is_served),
        TEST(a_revocation_while_its_issuer_is_not_configured),
        TEST(a_clock_that_was_ahead),
        TEST(a_revocation_from_the_future),
        TEST(a_clock_put_back_a_little_stops_no_revocation),
        TEST(a_responder_certificate_of_another_ca),
        TEST(two_issuers_with_one_ca),
        TEST(a_state_older_than_the_publication),
        TEST(an_older_state_under_another_network),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
