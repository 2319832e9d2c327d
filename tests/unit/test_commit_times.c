/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/clock.h"
#include "presigner/commit_times.h"
#include "presigner/status_writer.h"
#include "tests/unit/status_fixture.h"

#define ISSUER 7

static MDB_txn *begin(struct fixture *f)
{
    MDB_txn *txn = NULL;
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    return txn;
}

static uint64_t take(struct fixture *f, uint64_t until)
{
    uint64_t first_ms = 0;
    MDB_txn *txn = begin(f);
    assert_int_equal(commit_times_take(f->db, txn, until, &first_ms), ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    return first_ms;
}

static void put(struct fixture *f, uint64_t sequence, uint64_t ms)
{
    MDB_txn *txn = begin(f);
    assert_int_equal(commit_times_put(f->db, txn, sequence, ms), ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
}

static void test_the_first_and_no_more(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(take(f, 100), 0);
    put(f, 3, 1000);
    put(f, 5, 2000);
    put(f, 9, 3000);
    /* Only a part of a commit's changes is published: its time stays for the rest. */
    assert_int_equal(take(f, 2), 1000);
    assert_int_equal(take(f, 4), 1000);
    assert_int_equal(take(f, 4), 2000);
    assert_int_equal(take(f, 9), 2000);
    assert_int_equal(take(f, 9), 0);
}

static void change(struct fixture *f, uint8_t number, uint8_t status, bool expect_changed)
{
    struct status_writer w;
    struct serial serial = {.octets = {number}, .size = 1};
    struct cert_record claim = {
        .status = status, .reason = REASON_ABSENT, .not_after_s = 2000000000};
    bool changed = false;
    if (status == CERT_REVOKED)
        claim.revoked_at_s = 1700000000;
    MDB_txn *txn = begin(f);
    assert_int_equal(status_writer_begin(f->db, txn, &w), ERR_OK);
    assert_int_equal(status_writer_apply(&w, ISSUER, &serial, &claim, &changed), ERR_OK);
    assert_int_equal(status_writer_end(&w), ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    assert_int_equal(changed, expect_changed);
}

static void test_the_writer_notes_revocations(void **state)
{
    struct fixture *f = *state;
    uint64_t before_ms = clock_wall_ms();
    change(f, 1, CERT_GOOD, true);
    assert_int_equal(take(f, 1), 0);
    change(f, 1, CERT_REVOKED, true);
    change(f, 2, CERT_REVOKED, true);
    uint64_t first_ms = take(f, 2);
    assert_true(first_ms >= before_ms && first_ms <= clock_wall_ms());
    assert_true(take(f, 3) >= first_ms);
    /* One that was there already is no news. */
    change(f, 2, CERT_REVOKED, false);
    assert_int_equal(take(f, 10), 0);
}

static void test_what_cannot_be(void **state)
{
    struct fixture *f = *state;
    uint64_t first_ms = 7;
    MDB_txn *txn = begin(f);
    uint8_t number[3] = {0}, data[9] = {2};
    MDB_val key = {.mv_size = sizeof number, .mv_data = number};
    MDB_val value = {.mv_size = sizeof data, .mv_data = data};
    assert_int_equal(mdb_put(txn, f->db->dbi[STATUS_COMMIT], &key, &value, 0), 0);
    assert_int_equal(commit_times_take(f->db, txn, 9, &first_ms), ERR_STORE);
    assert_int_equal(first_ms, 7);
    status_txn_abort(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_first_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_writer_notes_revocations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
