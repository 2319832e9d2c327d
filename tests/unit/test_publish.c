/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <time.h>

#include "presigner/publish.h"
#include "publish_fixture.h"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_make(&world);
    world_open(&world);
    /* The first head comes when there is nothing left to sign. */
    world_settle(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    fixture_remove(world.directory);
    return 0;
}

/* A follower that comes now gets the same as one that was there all the time. */
static void assert_published(struct follower *old)
{
    follower_step(old);
    world_assert_equal(&world, old);
    struct follower *fresh = follower_new(world.publish_dir, &world.verify_key);
    follower_step(fresh);
    assert_int_equal(fresh->count, old->count);
    assert_int_equal(fresh->log_number, old->log_number);
    for (size_t i = 0; i < fresh->count; i++)
        assert_memory_equal(&fresh->statements[i], &old->statements[i],
                            sizeof fresh->statements[i]);
    follower_verify_all(fresh);
    follower_done(fresh);
}

static uint64_t counter(enum presigner_counter which)
{
    return counter_get(&world.counters[which]);
}

static void an_empty_publication_can_be_followed(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    assert_published(f);
    assert_int_equal(f->count, 0);
    assert_int_equal(f->template_count, 2);
    world_settle(&world);
    assert_published(f);
    follower_done(f);
}

static void few_changes_go_to_the_log_and_the_tail(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_good(&world, 0, 0, 50);
    world_good(&world, 1, 0, 20);
    world_settle(&world);
    assert_published(f);
    world_revoke(&world, 0, 10, 5);
    world_settle(&world);
    assert_published(f);
    assert_int_equal(publisher_index(world.publisher), ERR_OK);
    assert_published(f);
    follower_done(f);
}

static void an_import_makes_ranges_step_by_step(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    follower_step(f);
    world_good(&world, 0, 0, 4000);
    world_good(&world, 1, 0, 1500);
    world_revoke(&world, 0, 100, 40);
    /* After every step the publication is whole, and its index covers the key space. */
    while (world_step(&world) != PUBLISH_IDLE) {
        follower_step(f);
        if (f->log_number % 8 != 0)
            continue;
        assert_int_equal(publisher_index(world.publisher), ERR_OK);
        struct follower *fresh = follower_new(world.publish_dir, &world.verify_key);
        follower_step(fresh);
        assert_int_equal(fresh->count, f->count);
        follower_done(fresh);
    }
    assert_published(f);
    assert_true(counter(COUNT_ranges) > 20);
    assert_int_equal(counter(COUNT_ranges_dirty), 0);
    assert_int_equal(counter(COUNT_verify_failures), 0);
    follower_done(f);
}

/* A range with statements that takes in many more: no part of it is ever missing. */
static void a_range_that_grows_keeps_what_it_had(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    world.config.pack_target_bytes = 1u << 20;
    world_good(&world, 0, 0, 3000);
    world_settle(&world);
    assert_published(f);
    world.config.pack_target_bytes = 16384;
    world_good(&world, 0, 3000, 3000);
    while (world_step(&world) != PUBLISH_IDLE) {
        assert_int_equal(publisher_index(world.publisher), ERR_OK);
        struct follower *fresh = follower_new(world.publish_dir, &world.verify_key);
        follower_step(fresh);
        for (uint32_t i = 0; i < 3000; i++) {
            struct serial serial = world_serial(i);
            assert_non_null(follower_get(fresh, world.issuer_id[0], &serial));
        }
        follower_done(fresh);
    }
    assert_published(f);
    follower_done(f);
}

static uint32_t oldest_this_update(const struct follower *f)
{
    uint32_t oldest = UINT32_MAX;
    for (size_t i = 0; i < f->count; i++)
        if (f->statements[i].facts.this_update_s < oldest)
            oldest = f->statements[i].facts.this_update_s;
    return oldest;
}

static void statements_are_refreshed_in_time(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    world_good(&world, 0, 0, 2000);
    world_good(&world, 1, 0, 10); /* in the tail only */
    world_settle(&world);
    for (unsigned hours = 0; hours < 8 * 24; hours += 6) {
        world_now_s += (uint64_t)6 * 3600;
        world_settle(&world);
        follower_step(f);
        assert_int_equal(f->count, 2010);
        assert_true(oldest_this_update(f) + world.issuers[0].refresh_s + 6 * 3600 >= world_now_s);
        assert_true(f->head.valid_until_s > world_now_s);
    }
    assert_published(f);
    follower_done(f);
}

static void expired_certificates_leave(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    struct cert_record claim = {.status = CERT_GOOD,
                                .reason = REASON_ABSENT,
                                .not_after_s = (uint32_t)(world_now_s + DAY_S)};
    world_claim(&world, 0, 0, 2000, &claim);
    world_good(&world, 0, 2000, 100);
    world_settle(&world);
    assert_published(f);
    assert_int_equal(f->count, 2100);
    uint64_t ranges = counter(COUNT_ranges);
    for (unsigned days = 0; days < 24; days++) {
        world_now_s += DAY_S;
        world_settle(&world);
        follower_step(f);
    }
    assert_published(f);
    assert_int_equal(f->count, 100);
    assert_true(counter(COUNT_ranges) < ranges * 2 / 3); /* ranges that shrank are joined */
    follower_done(f);
}

static uint16_t template_no_of(const struct follower *f, const struct serial *serial)
{
    const struct follower_statement *s = follower_get(f, world.issuer_id[0], serial);
    return s == NULL ? 0 : s->facts.template_no;
}

static void a_new_template_number_for_new_content(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    world_good(&world, 0, 0, 30);
    world_settle(&world);
    assert_published(f);
    world_close(&world);
    world.issuers[0].certid = CERTID_SHA1;
    world_now_s += 10;
    world_open(&world);
    world_revoke(&world, 0, 3, 2);
    world_settle(&world);
    assert_published(f);
    assert_int_equal(f->template_count, 3);
    struct serial old = world_serial(1);
    struct serial new_ = world_serial(3);
    assert_int_equal(template_no_of(f, &old), 1);
    assert_int_equal(template_no_of(f, &new_), 2);
    /* Opened again without a change: the same number. */
    world_close(&world);
    world_open(&world);
    follower_step(f);
    assert_int_equal(f->template_count, 3);
    follower_done(f);
}

static size_t file_count(const char *folder)
{
    char path[FIXTURE_PATH_BYTES];
    size_t count = 0;
    DIR *dir = opendir(fixture_path(world.publish_dir, folder, path));
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void old_files_are_removed(void **state)
{
    (void)state;
    char leftover[FIXTURE_PATH_BYTES];
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    world_good(&world, 0, 0, 3000);
    world_settle(&world);
    fixture_text(fixture_path(world.publish_dir, "pack/x.tmp-999999999", leftover), "x");
    for (unsigned hours = 0; hours < 10 * 24; hours += 4) {
        world_now_s += (uint64_t)4 * 3600;
        world_settle(&world);
        follower_step(f);
    }
    assert_int_equal(access(leftover, F_OK), -1);
    assert_published(f);
    assert_true(f->head.log_first > 50);
    assert_true(file_count("log") < 120);
    assert_true(file_count("index") <= 4);
    assert_true(file_count("pack") < 3 * counter(COUNT_ranges));
    assert_true(counter(COUNT_files_removed) > 100);
    follower_done(f);
}

static void a_lost_pack_is_signed_again(void **state)
{
    (void)state;
    struct follower *f = follower_new(world.publish_dir, &world.verify_key);
    world_good(&world, 0, 0, 2000);
    world_settle(&world);
    follower_step(f);
    world_close(&world);
    char path[FIXTURE_PATH_BYTES];
    fixture_remove(fixture_path(world.publish_dir, "pack", path));
    world_open(&world);
    world_settle(&world);
    assert_int_equal(publisher_index(world.publisher), ERR_OK);
    assert_published(f);
    follower_done(f);
}

/* Left out of the configuration: what is published stays, and a lost pack blocks the index.
 * Retired: it goes, for who follows and for who starts. Configured again: it is signed anew. */
static void an_issuer_can_be_retired(void **state)
{
    (void)state;
    char path[FIXTURE_PATH_BYTES], hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)world.issuer_id[1]);
    char *words[] = {world.cert_path[1], hex};
    for (size_t round = 0; round < 2; round++) {
        struct follower *f = follower_new(world.publish_dir, &world.verify_key);
        world_good(&world, 0, 0, 100);
        world_good(&world, 1, 0, 2000);
        world_settle(&world);
        world_good(&world, 1, 2000, 5); /* in the tail */
        world_settle(&world);
        assert_published(f);
        world_close(&world);
        fixture_remove(fixture_path(world.publish_dir, "pack", path));
        world.config.issuer_count = 1;
        world_open(&world);
        world_settle(&world);
        assert_int_equal(publisher_index(world.publisher), ERR_BUSY);
        follower_step(f);
        assert_int_equal(f->count, 2105);
        world_close(&world);
        world.config.retired = &words[round];
        world.config.retired_count = 1;
        for (unsigned again = 0; again < 2; again++) {
            world_open(&world);
            world_settle(&world);
            assert_int_equal(publisher_index(world.publisher), ERR_OK);
            follower_step(f);
            assert_int_equal(f->count, 100);
            struct follower *fresh = follower_new(world.publish_dir, &world.verify_key);
            follower_step(fresh);
            assert_int_equal(fresh->count, 100);
            follower_done(fresh);
            world_close(&world);
        }
        world.config.issuer_count = 2;
        assert_int_equal(
            status_db_open(world.state_dir, world.config.map_size_bytes, &world.status), ERR_OK);
        assert_int_equal(world_publisher(&world, world_clock), ERR_CONFIG);
        world.lease = lease_close(world.lease);
        world.status = status_db_close(world.status);
        world.config.retired_count = 0;
        world_open(&world);
        world_settle(&world);
        assert_published(f);
        assert_int_equal(f->count, 2105);
        follower_done(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_publication_can_be_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(few_changes_go_to_the_log_and_the_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(an_import_makes_ranges_step_by_step, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_that_grows_keeps_what_it_had, setup, teardown),
        cmocka_unit_test_setup_teardown(statements_are_refreshed_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(expired_certificates_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_template_number_for_new_content, setup, teardown),
        cmocka_unit_test_setup_teardown(old_files_are_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_pack_is_signed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(an_issuer_can_be_retired, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
