/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs of a publisher on a clock that stands still: schedule, numbers, refusals, old files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "presigner/crl_record.h"
#include "presigner/crl_schedule.h"
#include "presigner/revoked_index.h"
#include "publish_fixture.h"

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

static void use_crls(struct world *w)
{
    world_make(w);
    w->issuers[0].has_ca_key = true;
    w->issuers[0].ca_key = w->issuers[0].signer;
    w->issuers[0].crl = (struct crl_config){.url_base = "http://crl.test/7",
                                            .scope = CRL_USER_CERTS,
                                            .partitioned = true,
                                            .shards = 3,
                                            .shard_set = 1,
                                            .validity_s = 7 * DAY_S,
                                            .interval_s = DAY_S,
                                            .debounce_s = 10,
                                            .size_max_bytes = 10000000};
}

static void work(struct world *w)
{
    enum publish_outcome outcome = PUBLISH_WORKED;
    while (outcome == PUBLISH_WORKED)
        assert_int_equal(publisher_step(w->publisher, &outcome), ERR_OK);
}

static void next_second(struct world *w, uint64_t seconds)
{
    world_now_s += seconds;
    work(w);
}

static struct crl_record record(struct world *w, uint16_t place)
{
    MDB_txn *txn = NULL;
    struct crl_record r;
    assert_int_equal(status_txn_read(w->status, &txn), ERR_OK);
    assert_int_equal(
        crl_record_get(&w->publisher->db, txn, w->issuer_id[0], crl_shard_pack(1, place), &r),
        ERR_OK);
    status_txn_abort(txn);
    return r;
}

static bool is_at(struct world *w, uint16_t place, const struct sha256 *blob)
{
    struct crl_record r = record(w, place);
    return sha256_equal(&r.blob, blob);
}

static uint64_t counted(const struct world *w, enum presigner_counter counter)
{
    return w->publisher->counters[counter];
}

static void revoke_some(struct world *w, uint32_t first, uint32_t count)
{
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_SUPERSEDED,
                                .revoked_at_s = (uint32_t)world_now_s,
                                .not_after_s = (uint32_t)world_now_s + 90 * DAY_S};
    world_claim(w, 0, first, count, &claim);
}

static void made_when_due(void **state)
{
    (void)state;
    struct world w;
    use_crls(&w);
    world_open(&w);
    work(&w);
    assert_int_equal(counted(&w, COUNT_crls_published), 3);
    assert_int_equal(record(&w, 0).number + record(&w, 1).number + record(&w, 2).number, 6);
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
    work(&w);
    assert_int_equal(counted(&w, COUNT_crls_published), 3);
    assert_int_equal(record(&w, 0).number + record(&w, 1).number + record(&w, 2).number, 33);
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
    work(&w);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule),      cmocka_unit_test(staggered),
        cmocka_unit_test(made_when_due), cmocka_unit_test(refused_and_kept),
        cmocka_unit_test(old_blobs_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
