/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs of a publisher on a clock that stands still: schedule, numbers, refusals, old files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crl_world.h"

static void schedule(void **state)
{
    (void)state;
    const struct crl_schedule made = {
        .published = true, .this_update_s = 1000, .next_planned_s = 2000};
    struct crl_schedule s = {.published = false};
    assert_true(crl_schedule_due(&s, 10, 1));
    s = made;
    assert_false(crl_schedule_due(&s, 10, 1999));
    assert_true(crl_schedule_due(&s, 10, 2000));
    assert_true(crl_schedule_due(&s, 10, 999)); /* the clock went back */
    s.dirty = true;
    s.dirty_since_s = 1500;
    assert_false(crl_schedule_due(&s, 10, 1509));
    assert_true(crl_schedule_due(&s, 10, 1510));
    s.dirty_since_s = 0;
    assert_true(crl_schedule_due(&s, 10, 1500));
    s.retry_s = 1500 + CRL_RETRY_S;
    assert_false(crl_schedule_due(&s, 10, 1500));
    assert_true(crl_schedule_due(&s, 10, 1500 + CRL_RETRY_S));
    assert_true(crl_schedule_due(&s, 10, 1400)); /* the clock went back since */
}

static void staggered(void **state)
{
    (void)state;
    unsigned early = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct span key = span_of((const uint8_t *)&i, sizeof i);
        uint64_t next_s = crl_schedule_planned(key, 86400, 1000000);
        assert_true(next_s > 1000000 && next_s <= 1086400);
        assert_int_equal(crl_schedule_planned(key, 86400, next_s - 1), next_s);
        assert_int_equal(crl_schedule_planned(key, 86400, next_s), next_s + 86400);
        early += next_s <= 1043200;
    }
    assert_in_range(early, 400, 600);
}

static void made_when_due(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    uint64_t before_all = world_now_s * 1000;
    world_open(&w);
    work(&w);
    assert_int_equal(counted(&w, COUNT_crls_published), 3);
    assert_int_equal(record(&w, 0).number + record(&w, 1).number + record(&w, 2).number,
                     3 * before_all + 6);
    revoke_some(&w, 1, 30);
    next_second(&w, 9);
    assert_int_equal(counted(&w, COUNT_crls_published), 3);
    assert_int_equal(counted(&w, COUNT_crls_waiting), 3);
    next_second(&w, 11);
    assert_int_equal(counted(&w, COUNT_crls_published), 6);
    assert_int_equal(counted(&w, COUNT_crls_waiting), 0);
    assert_int_equal(
        record(&w, 0).entry_count + record(&w, 1).entry_count + record(&w, 2).entry_count, 30);
    next_second(&w, DAY_S);
    assert_int_equal(counted(&w, COUNT_crls_published), 9);
    world_close(&w);
    /* A revocation while nobody published is not waited with; numbers go on. */
    world_open(&w);
    revoke_some(&w, 40, 30);
    world_close(&w);
    world_open(&w);
    next_second(&w, 1);
    assert_int_equal(counted(&w, COUNT_crls_published), 3);
    assert_int_equal(record(&w, 0).number + record(&w, 1).number + record(&w, 2).number,
                     3 * before_all + 33);
    world_close(&w);
    fixture_remove(w.directory);
}

static void refused_and_kept(void **state)
{
    (void)state;
    struct world w;
    MDB_txn *txn = NULL;
    use_crls(&w);
    world_open(&w);
    work(&w);
    /* As if it had been made from a state that is yet to come. */
    struct crl_record ahead = record(&w, 1);
    struct sha256 blob = ahead.blob;
    world_close(&w);
    world_open(&w);
    ahead.covers_sequence = 1000;
    ahead.next_planned_s = world_now_s;
    assert_int_equal(status_txn_write(w.status, &txn), ERR_OK);
    assert_int_equal(
        crl_record_put(&w.publisher->db, txn, w.issuer_id[0], crl_shard_pack(1, 1), &ahead),
        ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    world_close(&w);
    world_open(&w);
    next_second(&w, 1);
    assert_int_equal(counted(&w, COUNT_crl_refused_sequence_back), 1);
    assert_int_equal(counted(&w, COUNT_crl_failures), 1);
    assert_int_equal(counted(&w, COUNT_step_failures), 0);
    assert_true(is_at(&w, 1, &blob));
    next_second(&w, CRL_RETRY_S);
    assert_int_equal(counted(&w, COUNT_crl_refused_sequence_back), 2);
    /* The state has come that far. */
    revoke_some(&w, 2000, 1000);
    next_second(&w, CRL_RETRY_S);
    assert_int_equal(counted(&w, COUNT_crl_refused_sequence_back), 2);
    assert_false(is_at(&w, 1, &blob));
    world_close(&w);
    fixture_remove(w.directory);
}

static bool has_blob(const struct world *w, const struct sha256 *hash)
{
    char name[SHA256_TEXT_BYTES], path[2 * FIXTURE_PATH_BYTES];
    sha256_to_text(hash, name);
    snprintf(path, sizeof path, "%s/blob/%s", w->publish_dir, name);
    return access(path, R_OK) == 0;
}

static void old_blobs_go(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    world_open(&w);
    work(&w);
    struct sha256 first = record(&w, 0).blob;
    for (int i = 0; i < 6; i++) {
        assert_true(i > 1 || has_blob(&w, &first));
        next_second(&w, DAY_S);
        assert_int_equal(publisher_index(w.publisher), ERR_OK);
        assert_int_equal(publisher_collect(w.publisher), ERR_OK);
    }
    assert_false(has_blob(&w, &first));
    struct crl_record now = record(&w, 0);
    assert_true(has_blob(&w, &now.blob));
    world_close(&w);
    fixture_remove(w.directory);
}

static uint32_t entries(struct world *w)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < w->issuers[0].crl.shards; i++)
        count += record(w, i).entry_count;
    return count;
}

static void revoke_until(struct world *w, uint32_t number, uint64_t not_after_s)
{
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_ABSENT,
                                .revoked_at_s = (uint32_t)world_now_s,
                                .not_after_s = (uint32_t)not_after_s};
    world_claim(w, 0, number, 1, &claim);
}

/* RFC 5280 3.3: on one regularly scheduled CRL beyond the certificate's end. Those that revocations
 * make in between are none. */
static void stays_until_a_scheduled_one(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    w.issuers[0].crl.shards = 1;
    world_open(&w);
    uint64_t end_s = world_now_s + 100;
    revoke_until(&w, 0, end_s);
    next_second(&w, 20);
    assert_int_equal(entries(&w), 1);
    world_now_s = end_s;
    for (uint32_t i = 1; i < 5; i++) {
        revoke_some(&w, i, 1);
        next_second(&w, 1);
        next_second(&w, 11);
        assert_int_equal(entries(&w), 1 + i);
    }
    /* Already at its end when it is revoked: on as many. */
    revoke_until(&w, 5, end_s);
    next_second(&w, 11);
    next_second(&w, 11);
    uint64_t planned_s = record(&w, 0).next_planned_s;
    next_second(&w, planned_s - 1 - world_now_s);
    assert_int_equal(entries(&w), 6);
    next_second(&w, 1);
    assert_int_equal(record(&w, 0).this_update_s, planned_s);
    assert_int_equal(entries(&w), 6);
    next_second(&w, DAY_S);
    assert_int_equal(entries(&w), 6);
    next_second(&w, DAY_S);
    assert_int_equal(entries(&w), 4);
    /* A reason that changes is news, and stays as long as any. */
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_KEY_COMPROMISE,
                                .revoked_at_s = (uint32_t)end_s - 80,
                                .not_after_s = (uint32_t)end_s};
    world_claim(&w, 0, 0, 1, &claim);
    next_second(&w, 1);
    next_second(&w, 11);
    assert_int_equal(entries(&w), 5);
    next_second(&w, 2 * DAY_S);
    assert_int_equal(entries(&w), 4);
    assert_int_equal(counted(&w, COUNT_crl_failures), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* Nobody published for long: the first CRL after it is the one that has the entry. */
static void stays_over_skipped_ones(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    w.issuers[0].crl.shards = 1;
    world_open(&w);
    revoke_until(&w, 0, world_now_s + 100);
    next_second(&w, 20);
    world_close(&w);
    world_now_s += 5 * DAY_S;
    world_open(&w);
    work(&w);
    assert_int_equal(entries(&w), 1);
    next_second(&w, DAY_S);
    assert_int_equal(entries(&w), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* What a clock that was ahead left out is back at once when it is put right. */
static void a_clock_that_was_ahead(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    world_open(&w);
    revoke_some(&w, 0, 30);
    next_second(&w, 20);
    assert_int_equal(entries(&w), 30);
    uint64_t real_s = world_now_s + 60;
    next_second(&w, 95 * DAY_S);
    next_second(&w, DAY_S);
    next_second(&w, DAY_S);
    assert_int_equal(entries(&w), 0);
    world_now_s = real_s;
    work(&w);
    assert_int_equal(record(&w, 0).this_update_s, real_s);
    assert_int_equal(entries(&w), 30);
    assert_int_equal(counted(&w, COUNT_crl_failures), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* More revocations than CRLs can be made: each CRL has its turn. */
static void none_starves(void **state)
{
    (void)state;
    struct world w;
    enum publish_outcome outcome = PUBLISH_IDLE;
    use_crls(&w);
    w.issuers[0].crl.shards = 160;
    w.issuers[0].crl.debounce_s = 0;
    world_open(&w);
    work(&w);
    uint64_t first = record(&w, 159).number;
    for (uint32_t i = 0; i < 12; i++) {
        revoke_some(&w, i * 1000, 1000);
        world_now_s++;
        assert_int_equal(publisher_step(w.publisher, &outcome), ERR_OK);
    }
    for (uint16_t i = 0; i < 160; i++)
        assert_true(record(&w, i).number > first);
    world_close(&w);
    fixture_remove(w.directory);
}

static struct crl_record full_record(struct world *w)
{
    struct crl_slot *slot = crl_issuer_slot(crl_issuer_here(w), CRL_SHARD_FULL);
    assert_non_null(slot);
    return slot->record;
}

/* From one CRL about all certificates to shards about those of users: the one goes on as it was. */
static void a_scope_stays_with_its_set(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    struct crl_config shards = w.issuers[0].crl;
    w.issuers[0].crl.partitioned = false;
    w.issuers[0].crl.shards = 1;
    w.issuers[0].crl.scope = CRL_ALL_CERTS;
    world_open(&w);
    revoke_some(&w, 0, 10);
    next_second(&w, 20);
    assert_int_equal(full_record(&w).entry_count, 10);
    world_close(&w);
    w.issuers[0].crl = shards;
    w.issuers[0].crl.shard_set = 2;
    for (uint32_t i = 1; i < 3; i++) {
        world_open(&w);
        work(&w);
        revoke_some(&w, 100 * i, 10);
        next_second(&w, 1);
        next_second(&w, 20);
        assert_int_equal(full_record(&w).entry_count, 10 + 10 * i);
        assert_int_equal(counted(&w, COUNT_crl_failures), 0);
        world_close(&w);
    }
    fixture_remove(w.directory);
}

/* A revocation each second, for ever: a CRL every debounce_s, each with all that was known. */
static void debounced(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    w.issuers[0].crl.shards = 1;
    w.issuers[0].crl.debounce_s = 60;
    world_open(&w);
    work(&w);
    uint64_t made = counted(&w, COUNT_crls_published);
    for (uint32_t i = 0; i < 600; i++) {
        revoke_some(&w, i, 1);
        next_second(&w, 1);
        assert_true(i < 60 || entries(&w) + 61 >= i + 1);
    }
    made = counted(&w, COUNT_crls_published) - made;
    assert_in_range(made, 9, 11);
    world_close(&w);
    fixture_remove(w.directory);
}

/* The database is a copy of earlier times, and its operator has removed the head to say so: the
 * numbers that were given away since are not given again, and no CRL waits for its next issue. */
static void an_older_database(void **state)
{
    (void)state;
    struct world w;
    MDB_txn *txn = NULL;
    char path[PATH_BYTES_MAX];
    use_crls(&w);
    world_open(&w);
    revoke_some(&w, 0, 30);
    next_second(&w, 20);
    uint64_t issued = 0;
    for (uint16_t i = 0; i < 3; i++)
        issued = record(&w, i).number > issued ? record(&w, i).number : issued;
    for (uint16_t i = 0; i < 3; i++) {
        struct crl_record r = record(&w, i);
        r.number = 1 + i;
        assert_int_equal(status_txn_write(w.status, &txn), ERR_OK);
        assert_int_equal(
            crl_record_put(&w.publisher->db, txn, w.issuer_id[0], crl_shard_pack(1, i), &r),
            ERR_OK);
        uint8_t key_room[12] = {0}, last[9] = {1, [8] = 3};
        be64_store(key_room, w.issuer_id[0]);
        MDB_val key = {sizeof key_room, key_room}, value = {sizeof last, last};
        assert_int_equal(mdb_put(txn, w.publisher->db.crl, &key, &value, 0), 0);
        assert_int_equal(status_txn_commit(txn), ERR_OK);
    }
    world_close(&w);
    snprintf(path, sizeof path, "%s/head", w.config.publish_dir);
    assert_int_equal(unlink(path), 0);
    world_now_s += 60;
    world_open(&w);
    work(&w);
    for (uint16_t i = 0; i < 3; i++) {
        assert_true(record(&w, i).number > issued);
        assert_int_equal(record(&w, i).this_update_s, world_now_s);
        assert_int_equal(record(&w, i).entry_count > 0, 1);
    }
    assert_int_equal(counted(&w, COUNT_crl_failures), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* Somebody emptied the folder of blobs while nothing ran. */
static void files_that_are_gone(void **state)
{
    (void)state;
    struct world w;
    struct crl_record before[3];
    char path[PATH_BYTES_MAX];
    char hex[SHA256_TEXT_BYTES];
    use_crls(&w);
    world_open(&w);
    revoke_some(&w, 0, 30);
    next_second(&w, 20);
    struct sha256 index = w.publisher->state.index.hash;
    for (uint16_t i = 0; i < 3; i++) {
        before[i] = record(&w, i);
        sha256_to_text(&before[i].blob, hex);
        snprintf(path, sizeof path, "%s/blob/%s", w.config.publish_dir, hex);
        assert_int_equal(unlink(path), 0);
    }
    world_close(&w);
    world_now_s += 60;
    world_open(&w);
    assert_false(sha256_equal(&index, &w.publisher->state.index.hash));
    work(&w);
    for (uint16_t i = 0; i < 3; i++) {
        assert_true(record(&w, i).number > before[i].number);
        assert_int_equal(record(&w, i).entry_count, before[i].entry_count);
    }
    assert_int_equal(counted(&w, COUNT_crl_failures), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* Revoked while the clock was a year ahead, which it is not any more. */
static void a_date_far_ahead(void **state)
{
    (void)state;
    struct world w;
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_SUPERSEDED,
                                .revoked_at_s = (uint32_t)(world_now_s + 365 * DAY_S),
                                .not_after_s = (uint32_t)world_now_s + 90 * DAY_S};
    use_crls(&w);
    w.issuers[0].crl.shards = 1;
    world_open(&w);
    world_claim(&w, 0, 0, 1, &claim);
    revoke_some(&w, 1, 1);
    next_second(&w, 20);
    assert_int_equal(entries(&w), 2);
    assert_int_equal(counted(&w, COUNT_crl_failures), 0);
    world_close(&w);
    fixture_remove(w.directory);
}

/* Another key for the CA, and its CRLs at the URLs of those before: these stay. */
static void a_place_that_is_taken(void **state)
{
    (void)state;
    struct world w;
    char path[PATH_BYTES_MAX];
    MDB_txn *txn = NULL;
    use_crls(&w);
    world_open(&w);
    work(&w);
    world_close(&w);
    w.issuers[1].crl = w.issuers[0].crl;
    w.issuers[1].has_ca_key = true;
    w.issuers[1].ca_key = w.issuers[1].signer;
    w.issuers[0].crl = (struct crl_config){0};
    world_open(&w);
    work(&w);
    assert_int_equal(counted(&w, COUNT_crl_refused_idp), 3);
    assert_int_equal(counted(&w, COUNT_crls_abandoned), 3);
    for (uint16_t i = 0; i < 3; i++) {
        struct blob_path there;
        struct crl_record before = record(&w, i);
        snprintf(path, sizeof path, "/7/1/%u.crl", i);
        assert_int_equal(status_txn_read(w.status, &txn), ERR_OK);
        assert_int_equal(path_record_get(&w.publisher->db, txn, span_text(path), &there), ERR_OK);
        assert_true(sha256_equal(&there.blob, &before.blob));
        status_txn_abort(txn);
    }
    world_close(&w);
    fixture_remove(w.directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule),
        cmocka_unit_test(staggered),
        cmocka_unit_test(made_when_due),
        cmocka_unit_test(refused_and_kept),
        cmocka_unit_test(old_blobs_go),
        cmocka_unit_test(stays_until_a_scheduled_one),
        cmocka_unit_test(stays_over_skipped_ones),
        cmocka_unit_test(a_clock_that_was_ahead),
        cmocka_unit_test(none_starves),
        cmocka_unit_test(debounced),
        cmocka_unit_test(a_scope_stays_with_its_set),
        cmocka_unit_test(an_older_database),
        cmocka_unit_test(files_that_are_gone),
        cmocka_unit_test(a_date_far_ahead),
        cmocka_unit_test(a_place_that_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
