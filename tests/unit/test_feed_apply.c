/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/feed_event.h"
#include "presigner/feed_apply.h"
#include "tests/unit/status_fixture.h"

#define CA UINT64_C(0x1122334455667788)

static char body[1 << 16];
static char why[FEED_WHY_BYTES];
static struct feed_result result;

/* An issued event of serial 0x40000000 + seq, or of another serial, or a revoked one. */
static void add_event(uint64_t seq, uint32_t serial, bool revoked, uint32_t shard)
{
    struct feed_event e = {.seq = seq,
                           .status = revoked ? CERT_REVOKED : CERT_GOOD,
                           .reason = revoked ? REASON_SUPERSEDED : REASON_ABSENT,
                           .serial = {.size = 4},
                           .not_after_s = 2000000000,
                           .shard = shard,
                           .revoked_at_s = revoked ? 1700000000 : 0,
                           .time_s = 1700000001};
    size_t size = 0, at = strlen(body);
    serial |= 0x40000000;
    for (unsigned i = 0; i < 4; i++)
        e.serial.octets[i] = (uint8_t)(serial >> (24 - 8 * i));
    assert_int_equal(feed_event_write(&e, (uint8_t *)body + at, &size), ERR_OK);
    memcpy(body + at + size, "\n", 2);
}

static void issued(uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++)
        add_event(seq, (uint32_t)seq, false, CRL_SHARD_NONE);
}

/* Applies the body and empties it. */
static enum err apply(struct fixture *f, uint64_t after)
{
    enum err err = feed_apply(f->db, CA, after, span_text(body), &result, why);
    assert_int_equal(err == ERR_OK, why[0] == '\0');
    memset(body, 0, sizeof body);
    return err;
}

static struct feed_position position(struct fixture *f)
{
    MDB_txn *txn = NULL;
    struct feed_position p;
    assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
    assert_int_equal(feed_position_get(f->db, txn, CA, &p), ERR_OK);
    status_txn_abort(txn);
    return p;
}

static uint64_t sequence(struct fixture *f)
{
    uint64_t last = 0;
    assert_int_equal(status_poll_sequence(f->db, &last), ERR_OK);
    return last;
}

static void test_takes_and_goes_on(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(position(f).seq, 0);
    issued(1, 10);
    struct sha256 hash = {0};
    char *last = strstr(body, "{\"seq\":10,");
    hash = sha256_of(span_of(last, strlen(last) - 1));
    assert_int_equal(apply(f, 0), ERR_OK);
    assert_int_equal(result.event_count, 10);
    assert_int_equal(result.changed_count, 10);
    assert_int_equal(position(f).seq, 10);
    assert_int_equal(position(f).sequence, 10);
    struct feed_position reached = position(f);
    assert_true(sha256_equal(&reached.hash, &hash));
    add_event(11, 4, true, CRL_SHARD_NONE);
    add_event(12, 4, true, CRL_SHARD_NONE); /* again: no change, but an event */
    assert_int_equal(apply(f, 10), ERR_OK);
    assert_int_equal(result.event_count, 2);
    assert_int_equal(result.changed_count, 1);
    assert_int_equal(position(f).seq, 12);
    assert_int_equal(sequence(f), 11);
}

/* What another process has taken meanwhile. */
static void test_what_is_there_already(void **state)
{
    struct fixture *f = *state;
    issued(1, 10);
    assert_int_equal(apply(f, 0), ERR_OK);
    issued(6, 12);
    assert_int_equal(apply(f, 5), ERR_OK);
    assert_int_equal(result.event_count, 2);
    assert_int_equal(sequence(f), 12);
    issued(6, 12);
    assert_int_equal(apply(f, 5), ERR_OK);
    assert_int_equal(result.event_count, 0);
    assert_int_equal(result.position.seq, 12);
    issued(6, 11);
    add_event(12, 99, false, CRL_SHARD_NONE);
    assert_int_equal(apply(f, 5), ERR_CONFLICT);
    assert_int_equal(sequence(f), 12);
}

static void test_refused_whole(void **state)
{
    struct fixture *f = *state;
    issued(1, 3);
    issued(5, 6);
    assert_int_equal(apply(f, 0), ERR_CHAIN);
    assert_string_equal(why, "event 5 follows event 3");
    issued(1, 3);
    issued(3, 3);
    assert_int_equal(apply(f, 0), ERR_CHAIN);
    issued(2, 3);
    assert_int_equal(apply(f, 0), ERR_CHAIN);
    issued(4, 5);
    assert_int_equal(apply(f, 3), ERR_CHAIN); /* the database is not there */
    issued(1, 3);
    body[strlen(body) - 1] = '\0';
    assert_int_equal(apply(f, 0), ERR_TRUNCATED);
    issued(1, 3);
    memcpy(body + strlen(body), "{}\n", 4);
    assert_int_equal(apply(f, 0), ERR_MALFORMED);
    issued(1, 3);
    add_event(4, 4, false, crl_shard_pack(1, 0));
    assert_int_equal(apply(f, 0), ERR_CONFIG);
    assert_non_null(strstr(why, "event 4 names CRL 1/0"));
    assert_int_equal(position(f).seq, 0);
    assert_int_equal(sequence(f), 0);
    assert_int_equal(apply(f, 0), ERR_OK); /* nothing at all */
    assert_int_equal(result.event_count, 0);
}

static void test_shards(void **state)
{
    struct fixture *f = *state;
    struct crl_sets sets;
    struct crl_set set = {.number = 1, .count = 4};
    struct cert_record record;
    struct serial serial = {.size = 4, .octets = {0x40, 0, 0, 1}};
    MDB_txn *txn = NULL;
    assert_int_equal(crl_sets_configure(f->db, CA, &set, &sets), ERR_OK);
    add_event(1, 1, false, crl_shard_pack(1, 3));
    add_event(2, 1, true, crl_shard_pack(1, 2));
    assert_int_equal(apply(f, 0), ERR_OK);
    assert_int_equal(result.conflicts.count, 1);
    assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
    assert_int_equal(status_get(f->db, txn, CA, &serial, &record), ERR_OK);
    status_txn_abort(txn);
    assert_int_equal(record.shard, crl_shard_pack(1, 3));
    assert_int_equal(record.status, CERT_REVOKED);
    add_event(3, 2, false, crl_shard_pack(1, 4));
    assert_int_equal(apply(f, 2), ERR_CONFIG);
}

static void test_damaged_position(void **state)
{
    struct fixture *f = *state;
    MDB_txn *txn = NULL;
    uint8_t room[12] = "feed\x11\x22\x33\x44\x55\x66\x77\x88";
    MDB_val key = {.mv_size = sizeof room, .mv_data = room};
    MDB_val value = {.mv_size = 3, .mv_data = room};
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(mdb_put(txn, f->db->dbi[STATUS_META], &key, &value, 0), 0);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    issued(1, 1);
    assert_int_equal(apply(f, 0), ERR_STORE);
    assert_int_equal(sequence(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_takes_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_there_already, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_position, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
