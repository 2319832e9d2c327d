/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "lib/os/file.h"
#include "lib/wire.h"
#include "presigner/status_writer.h"
#include "tests/unit/status_fixture.h"

#define ISSUER 7u

static const struct cert_record good = {
    .status = CERT_GOOD, .reason = REASON_ABSENT, .not_after_s = 2000};

static struct cert_record revoked(uint8_t reason, uint32_t at_s)
{
    return (struct cert_record){
        .status = CERT_REVOKED, .reason = reason, .revoked_at_s = at_s, .not_after_s = 2000};
}

static struct serial serial_of(uint32_t number)
{
    struct serial serial = {.size = 5};
    be32_store(serial.octets + 1, number);
    serial.octets[0] = 1;
    return serial;
}

static bool apply(struct status_db *db, uint64_t issuer_id, uint32_t number,
                  const struct cert_record *claimed)
{
    MDB_txn *txn;
    struct status_writer w;
    struct serial serial = serial_of(number);
    bool changed;
    assert_int_equal(status_txn_write(db, &txn), ERR_OK);
    assert_int_equal(status_writer_begin(db, txn, &w), ERR_OK);
    assert_int_equal(status_writer_apply(&w, issuer_id, &serial, claimed, &changed), ERR_OK);
    assert_int_equal(status_writer_end(&w), ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    return changed;
}

static struct cert_record get(struct status_db *db, uint64_t issuer_id, uint32_t number)
{
    MDB_txn *txn;
    struct serial serial = serial_of(number);
    struct cert_record record = {0};
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_get(db, txn, issuer_id, &serial, &record), ERR_OK);
    status_txn_abort(txn);
    return record;
}

static void assert_counts(struct status_db *db, uint64_t issuer_id, uint64_t good_count,
                          uint64_t revoked_count)
{
    MDB_txn *txn;
    struct status_counts counts;
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_counts(db, txn, issuer_id, &counts), ERR_OK);
    status_txn_abort(txn);
    assert_int_equal(counts.good, good_count);
    assert_int_equal(counts.revoked, revoked_count);
}

/* Each row: known, claimed, joined. */
static void test_join(void **state)
{
    (void)state;
    struct cert_record longer = good, sharded = good, other_shard = good;
    longer.not_after_s = 3000;
    sharded.shard = 4;
    other_shard.shard = 5;
    const struct cert_record stopped = revoked(REASON_SUPERSEDED, 500);
    const struct {
        struct cert_record known, claimed, joined;
        bool changed;
    } rows[] = {
        {good, good, good, false},
        {good, longer, longer, true},
        {longer, good, longer, false},
        {good, sharded, sharded, true},
        {sharded, other_shard, sharded, false},
        {good, stopped, stopped, true},
        {stopped, good, stopped, false},
        {stopped, revoked(REASON_SUPERSEDED, 400), stopped, false},
        {stopped, revoked(REASON_PRIVILEGE_WITHDRAWN, 600), stopped, false},
        {stopped, revoked(REASON_KEY_COMPROMISE, 600), revoked(REASON_KEY_COMPROMISE, 500), true},
        {stopped, revoked(REASON_KEY_COMPROMISE, 300), revoked(REASON_KEY_COMPROMISE, 300), true},
        {revoked(REASON_KEY_COMPROMISE, 500), revoked(REASON_KEY_COMPROMISE, 300),
         revoked(REASON_KEY_COMPROMISE, 500), false},
        {revoked(REASON_KEY_COMPROMISE, 500), stopped, revoked(REASON_KEY_COMPROMISE, 500), false},
        {revoked(REASON_ABSENT, 500), stopped, revoked(REASON_ABSENT, 500), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cert_record joined;
        assert_int_equal(cert_record_join(&rows[i].known, &rows[i].claimed, &joined),
                         rows[i].changed);
        assert_int_equal(joined.status, rows[i].joined.status);
        assert_int_equal(joined.reason, rows[i].joined.reason);
        assert_int_equal(joined.revoked_at_s, rows[i].joined.revoked_at_s);
        assert_int_equal(joined.not_after_s, rows[i].joined.not_after_s);
        assert_int_equal(joined.shard, rows[i].joined.shard);
        /* Joining the same again changes nothing. */
        struct cert_record again;
        assert_false(cert_record_join(&joined, &rows[i].claimed, &again));
    }
}

static void test_record_form(void **state)
{
    (void)state;
    static const uint8_t wire[CERT_RECORD_BYTES] = {1, 1, 4, 0, 0, 1, 0, 0, 0, 2, 0, 0,
                                                    0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 3};
    uint8_t out[CERT_RECORD_BYTES];
    struct cert_record r;
    assert_int_equal(cert_record_read(span_of(wire, sizeof wire), &r), ERR_OK);
    assert_int_equal(r.status, CERT_REVOKED);
    assert_int_equal(r.reason, REASON_SUPERSEDED);
    assert_int_equal(r.revoked_at_s, 256);
    assert_int_equal(r.not_after_s, 512);
    assert_int_equal(r.sequence, 9);
    assert_int_equal(r.shard, 3);
    cert_record_write(&r, out);
    assert_memory_equal(out, wire, sizeof wire);

    const struct {
        size_t offset;
        uint8_t value;
        enum err err;
    } bad[] = {{0, 2, ERR_UNSUPPORTED},
               {1, 2, ERR_MALFORMED},
               {1, 0, ERR_MALFORMED},
               {2, 7, ERR_MALFORMED}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memcpy(out, wire, sizeof wire);
        out[bad[i].offset] = bad[i].value;
        assert_int_equal(cert_record_read(span_of(out, sizeof out), &r), bad[i].err);
    }
    assert_int_equal(cert_record_read(span_of(wire, 22), &r), ERR_TRUNCATED);
    assert_int_equal(cert_record_read(span_of(wire, 0), &r), ERR_TRUNCATED);
    uint8_t longer[CERT_RECORD_BYTES + 1] = {1};
    assert_int_equal(cert_record_read(span_of(longer, sizeof longer), &r), ERR_TRAILING);
}

/* The example of docs/formats.md says what its comments say. */
static void test_documented_record(void **state)
{
    (void)state;
    static const char fence[] = "```hex certificate-record\n";
    struct buffer page = {0};
    uint8_t octets[64];
    size_t size = 0, part;
    assert_int_equal(file_read(DOCS "/formats.md", 1u << 20, &page), ERR_OK);
    assert_int_equal(buffer_append(&page, span_of("", 1)), ERR_OK);
    const char *line = strstr((const char *)page.data, fence);
    assert_non_null(line);
    for (line += sizeof fence - 1; *line != '`'; line = strchr(line, '\n') + 1) {
        struct span hex = span_of(line, strspn(line, "0123456789abcdef"));
        assert_int_equal(hex_decode(hex, octets + size, sizeof octets - size, &part), ERR_OK);
        size += part;
    }
    buffer_done(&page);
    struct cert_record r;
    assert_int_equal(cert_record_read(span_of(octets, size), &r), ERR_OK);
    assert_int_equal(r.status, CERT_REVOKED);
    assert_int_equal(r.reason, REASON_SUPERSEDED);
    assert_int_equal(r.revoked_at_s, 1763913600);
    assert_int_equal(r.not_after_s, 1795835520);
    assert_int_equal(r.sequence, 9);
    assert_int_equal(r.shard, 3);
}

static void test_expired(void **state)
{
    (void)state;
    assert_false(cert_expired(&good, 0, 2000));
    assert_true(cert_expired(&good, 0, 2001));
    assert_false(cert_expired(&good, 100, 2100));
    struct cert_record last = {.not_after_s = UINT32_MAX};
    assert_false(cert_expired(&last, 86400, UINT32_MAX));
}

static void test_apply_counts_and_sequence(void **state)
{
    struct fixture *f = *state;
    const struct cert_record stopped = revoked(REASON_SUPERSEDED, 500);
    uint64_t sequence = 99;
    assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
    assert_int_equal(sequence, 0);
    assert_true(apply(f->db, ISSUER, 20, &good));
    assert_true(apply(f->db, ISSUER, 10, &good)); /* before the last key */
    assert_true(apply(f->db, ISSUER, 30, &stopped));
    assert_false(apply(f->db, ISSUER, 30, &good));
    assert_true(apply(f->db, ISSUER + 1, 10, &good));
    assert_true(apply(f->db, ISSUER, 10, &stopped));
    assert_counts(f->db, ISSUER, 1, 2);
    assert_counts(f->db, ISSUER + 1, 1, 0);
    assert_counts(f->db, ISSUER + 2, 0, 0);
    assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
    assert_int_equal(sequence, 5);
    assert_int_equal(get(f->db, ISSUER, 10).status, CERT_REVOKED);
    assert_int_equal(get(f->db, ISSUER, 10).sequence, 5);
    assert_int_equal(get(f->db, ISSUER, 30).status, CERT_REVOKED);
    assert_int_equal(get(f->db, ISSUER + 1, 10).status, CERT_GOOD);
}

static void test_refuses(void **state)
{
    struct fixture *f = *state;
    struct cert_record bad = good;
    MDB_txn *txn;
    struct status_writer w;
    struct serial serial = serial_of(1), none = SERIAL_BEFORE_ALL, end = SERIAL_AFTER_ALL;
    bool changed;
    bad.revoked_at_s = 5;
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(status_writer_begin(f->db, txn, &w), ERR_OK);
    assert_int_equal(status_writer_apply(&w, ISSUER, &serial, &bad, &changed), ERR_MALFORMED);
    assert_int_equal(status_writer_apply(&w, ISSUER, &none, &good, &changed), ERR_MALFORMED);
    assert_int_equal(status_writer_apply(&w, ISSUER, &end, &good, &changed), ERR_MALFORMED);
    status_writer_drop(&w);
    status_txn_abort(txn);
}

static void test_abort_takes_nothing(void **state)
{
    struct fixture *f = *state;
    MDB_txn *txn;
    struct status_writer w;
    struct serial serial = serial_of(1);
    bool changed;
    assert_true(apply(f->db, ISSUER, 2, &good));
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(status_writer_begin(f->db, txn, &w), ERR_OK);
    assert_int_equal(status_writer_apply(&w, ISSUER, &serial, &good, &changed), ERR_OK);
    assert_int_equal(status_writer_end(&w), ERR_OK);
    status_txn_abort(txn);
    struct cert_record record;
    uint64_t sequence;
    assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
    assert_int_equal(sequence, 1);
    assert_counts(f->db, ISSUER, 1, 0);
    assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
    assert_int_equal(status_get(f->db, txn, ISSUER, &serial, &record), ERR_NOT_FOUND);
    status_txn_abort(txn);
}

static void test_changes(void **state)
{
    struct fixture *f = *state;
    const struct cert_record stopped = revoked(REASON_ABSENT, 500);
    apply(f->db, ISSUER, 5, &good);
    apply(f->db, ISSUER, 4, &good);
    apply(f->db, ISSUER, 5, &stopped);
    static const struct {
        uint32_t number;
        uint8_t status;
    } expected[] = {{5, CERT_GOOD}, {4, CERT_GOOD}, {5, CERT_REVOKED}};
    for (uint64_t after = 0; after <= 4; after++) {
        MDB_txn *txn;
        struct status_change_cursor c;
        struct status_change change;
        assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
        assert_int_equal(status_changes_begin(f->db, txn, after, &c), ERR_OK);
        for (uint64_t i = after; i < 3; i++) {
            struct serial serial = serial_of(expected[i].number);
            assert_int_equal(status_changes_next(&c, &change), ERR_OK);
            assert_int_equal(change.record.sequence, i + 1);
            assert_int_equal(change.issuer_id, ISSUER);
            assert_int_equal(change.record.status, expected[i].status);
            assert_int_equal(serial_compare(&change.serial, &serial), 0);
        }
        assert_int_equal(status_changes_next(&c, &change), ERR_NOT_FOUND);
        assert_int_equal(status_changes_next(&c, &change), ERR_NOT_FOUND);
        status_changes_end(&c);
        status_txn_abort(txn);
    }
}

static size_t walk(struct status_db *db, const struct serial *after, const struct serial *until,
                   uint32_t *ret_first)
{
    MDB_txn *txn;
    struct status_cert_cursor c;
    struct status_cert cert;
    size_t count = 0;
    enum err err;
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_certs_begin(db, txn, ISSUER, after, until, &c), ERR_OK);
    while ((err = status_certs_next(&c, &cert)) == ERR_OK)
        if (count++ == 0)
            *ret_first = be32_load(cert.serial.octets + 1);
    assert_int_equal(err, ERR_NOT_FOUND);
    status_certs_end(&c);
    status_txn_abort(txn);
    return count;
}

static void test_certs_in_range(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 5; i++) {
        apply(f->db, ISSUER, i * 10, &good);
        apply(f->db, ISSUER + 1, i * 10, &good);
        apply(f->db, ISSUER - 1, i * 10, &good);
    }
    const struct {
        struct serial after, until;
        size_t count;
        uint32_t first;
    } rows[] = {
        {SERIAL_BEFORE_ALL, SERIAL_AFTER_ALL, 5, 10}, {serial_of(10), SERIAL_AFTER_ALL, 4, 20},
        {serial_of(15), serial_of(40), 3, 20},        {serial_of(15), serial_of(39), 2, 20},
        {serial_of(50), SERIAL_AFTER_ALL, 0, 0},      {serial_of(20), serial_of(20), 0, 0},
        {SERIAL_BEFORE_ALL, serial_of(9), 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t first = 0;
        assert_int_equal(walk(f->db, &rows[i].after, &rows[i].until, &first), rows[i].count);
        assert_int_equal(first, rows[i].first);
    }
}

static void test_full_map_and_reopen(void **state)
{
    struct fixture *f = *state;
    MDB_txn *txn;
    struct status_writer w;
    bool changed;
    enum err err = ERR_OK;
    apply(f->db, ISSUER, 1, &good);
    f->db = status_db_close(f->db);
    assert_int_equal(status_db_open(f->dir, 1u << 20, &f->db), ERR_OK);
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(status_writer_begin(f->db, txn, &w), ERR_OK);
    for (uint32_t i = 2; i < 100000 && err == ERR_OK; i++) {
        struct serial serial = serial_of(i);
        err = status_writer_apply(&w, ISSUER, &serial, &good, &changed);
    }
    assert_int_equal(err, ERR_LIMIT);
    status_writer_drop(&w);
    status_txn_abort(txn);
    f->db = status_db_close(f->db);
    assert_int_equal(status_db_open(f->dir, MAP_BYTES, &f->db), ERR_OK);
    assert_counts(f->db, ISSUER, 1, 0);
    assert_true(apply(f->db, ISSUER, 2, &good));
    assert_counts(f->db, ISSUER, 2, 0);
}

/* In a process of its own: makes a change in a transaction, says so, and holds it until killed. */
static _Noreturn void hold_a_transaction(const char *dir, int say)
{
    struct status_db *db;
    MDB_txn *txn;
    struct status_writer w;
    struct serial serial = serial_of(2);
    bool changed;
    if (status_db_open(dir, MAP_BYTES, &db) != ERR_OK || status_txn_write(db, &txn) != ERR_OK ||
        status_writer_begin(db, txn, &w) != ERR_OK ||
        status_writer_apply(&w, ISSUER, &serial, &good, &changed) != ERR_OK ||
        write(say, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* A writer that dies loses its own change, and neither stops nor harms the others. */
static void test_killed_writer(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    char said;
    uint64_t sequence;
    apply(f->db, ISSUER, 1, &good);
    f->db = status_db_close(f->db);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        hold_a_transaction(f->dir, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &said, 1), 1);
    close(ends[0]);
    /* Neither opening nor reading waits for it. */
    assert_int_equal(status_db_open(f->dir, MAP_BYTES, &f->db), ERR_OK);
    assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
    assert_int_equal(sequence, 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
    assert_int_equal(sequence, 1);
    assert_true(apply(f->db, ISSUER, 2, &good));
    assert_int_equal(get(f->db, ISSUER, 2).sequence, 2);
    assert_counts(f->db, ISSUER, 2, 0);
}

static void test_layout_is_checked(void **state)
{
    struct fixture *f = *state;
    MDB_txn *txn;
    uint8_t layout = STATUS_DB_LAYOUT + 1;
    char name[] = "layout";
    MDB_val key = {.mv_size = 6, .mv_data = name}, value = {.mv_size = 1, .mv_data = &layout};
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(mdb_put(txn, f->db->dbi[STATUS_META], &key, &value, 0), 0);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
    f->db = status_db_close(f->db);
    assert_int_equal(status_db_open(f->dir, MAP_BYTES, &f->db), ERR_UNSUPPORTED);
}

/* Another process, whose map is larger, puts in more than ours holds: it is made anew when free. */
static void outgrow(const char *dir)
{
    struct status_db *db;
    MDB_txn *txn;
    MDB_val key = {.mv_size = 3, .mv_data = (char[]){"big"}};
    MDB_val value = {.mv_size = 4 << 20, .mv_data = calloc(4 << 20, 1)};
    bool done = status_db_open(dir, MAP_BYTES, &db) == ERR_OK &&
                status_txn_write(db, &txn) == ERR_OK &&
                mdb_put(txn, db->dbi[STATUS_GARBAGE], &key, &value, 0) == 0 &&
                status_txn_commit(txn) == ERR_OK;
    _exit(done ? 0 : 1);
}

static void test_outgrown_map(void **state)
{
    struct fixture *f = *state;
    MDB_txn *reading, *second = NULL;
    int status = 1;
    struct cert_record record;
    struct serial serial = serial_of(1);
    apply(f->db, ISSUER, 1, &good);
    status_db_close(f->db);
    assert_int_equal(status_db_open(f->dir, 1u << 20, &f->db), ERR_OK);
    assert_int_equal(status_txn_read(f->db, &reading), ERR_OK);
    if (fork() == 0)
        outgrow(f->dir);
    assert_true(wait(&status) > 0 && status == 0);
    assert_int_equal(status_txn_read(f->db, &second), ERR_BUSY);
    assert_int_equal(status_txn_write(f->db, &second), ERR_BUSY);
    assert_int_equal(status_get(f->db, reading, ISSUER, &serial, &record), ERR_OK);
    status_txn_abort(reading);
    assert_int_equal(status_txn_write(f->db, &second), ERR_OK);
    assert_int_equal(status_txn_commit(second), ERR_OK);
}

/* What the daemon waits for, and what it ends for. */
static void test_errors(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum err err;
    } rows[] = {{0, ERR_OK},
                {MDB_NOTFOUND, ERR_NOT_FOUND},
                {MDB_MAP_FULL, ERR_LIMIT},
                {ENOSPC, ERR_DISK_FULL},
                {EIO, ERR_IO},
                {MDB_PANIC, ERR_BROKEN},
                {MDB_CORRUPTED, ERR_STORE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(status_db_err(rows[i].code), rows[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_record_form),
        cmocka_unit_test(test_documented_record),
        cmocka_unit_test(test_expired),
        cmocka_unit_test_setup_teardown(test_apply_counts_and_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certs_in_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_map_and_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layout_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outgrown_map, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
