/* SPDX-License-Identifier: Apache-2.0 */
/* Filters made beside a writer of the status database. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/check.h"
#include "presigner/filter_job.h"
#include "presigner/status_writer.h"
#include "tests/unit/status_fixture.h"

#define ISSUER      7u
#define KNOWN       40000u /* more than one read transaction has */
#define NOW_S       1800000000u
#define NOT_AFTER_S (NOW_S + 86400)

static struct serial serial_of(uint32_t i)
{
    struct serial serial = {.size = 8, .octets = {0x41}};
    be32_store(serial.octets + 4, i);
    return serial;
}

/* Those from `first` on, in one transaction. */
static void write_certs(struct fixture *f, uint32_t first, uint32_t count, bool revoked)
{
    MDB_txn *txn = NULL;
    struct status_writer w;
    struct cert_record record = {.status = revoked ? CERT_REVOKED : CERT_GOOD,
                                 .reason = revoked ? REASON_SUPERSEDED : REASON_ABSENT,
                                 .revoked_at_s = revoked ? NOW_S - 10 : 0,
                                 .not_after_s = NOT_AFTER_S};
    assert_int_equal(status_txn_write(f->db, &txn), ERR_OK);
    assert_int_equal(status_writer_begin(f->db, txn, &w), ERR_OK);
    for (uint32_t i = first; i < first + count; i++) {
        bool changed = false;
        struct serial serial = serial_of(i);
        assert_int_equal(status_writer_apply(&w, ISSUER, &serial, &record, &changed), ERR_OK);
    }
    assert_int_equal(status_writer_end(&w), ERR_OK);
    assert_int_equal(status_txn_commit(txn), ERR_OK);
}

static struct filter_job_issuer issuer = {.issuer_id = ISSUER, .block = {{1}}};

static struct filter_job *start(struct fixture *f, const struct filter_job_before *before)
{
    struct filter_job *job = NULL;
    struct filter_job_order order = {.status = f->db,
                                     .state_dir = f->dir,
                                     .blob_dir = f->dir,
                                     .issuers = &issuer,
                                     .issuer_count = 1,
                                     .log_id = filter_log_id(span_text("example")),
                                     .now_s = NOW_S,
                                     .memory_max_bytes = 1u << 28,
                                     .before = *before};
    assert_int_equal(filter_job_start(&order, &job), ERR_OK);
    return job;
}

static bool revoked_in(const struct clubcard *card, uint32_t i)
{
    struct clubcard_block block;
    bool revoked = false;
    struct serial serial = serial_of(i);
    assert_int_equal(clubcard_block_find(card, &issuer.block, &block), ERR_OK);
    assert_int_equal(clubcard_ask(card, &block, span_of(serial.octets, serial.size), &revoked),
                     ERR_OK);
    return revoked;
}

/* What was there before the start is as it was then; what comes meanwhile may be either, and spoils
 * nothing. */
static void beside_a_writer(void **state)
{
    struct fixture *f = *state;
    struct filter_job_before none = {0};
    struct filter_job_result result;
    struct clubcard card;
    write_certs(f, 0, KNOWN, false);
    write_certs(f, 0, 500, true);
    struct filter_job *job = start(f, &none);
    for (uint32_t i = 0; !filter_job_ended(job); i++)
        write_certs(f, 1000 + i % (KNOWN - 1000), 1, true);
    assert_int_equal(filter_job_end(job, &result), ERR_OK);
    assert_int_equal(result.made.known_count, KNOWN);
    assert_true(result.made.revoked_count >= 500);
    assert_true(result.covers_sequence >= KNOWN + 500);
    assert_int_equal(result.covered_until_s, NOW_S);
    assert_int_equal(result.first_expiry_s, NOT_AFTER_S + 1);
    assert_int_equal(clubcard_open(span_of(result.made.wire.data, result.made.wire.size), &card),
                     ERR_OK);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(revoked_in(&card, i), i < 500);
    buffer_done(&result.made.wire);
}

/* Without a change, the octets of the one before; with one, another end of the coverage. */
static void the_same_again(void **state)
{
    struct fixture *f = *state;
    struct filter_job_before before = {0};
    struct filter_job_result first, again;
    write_certs(f, 0, 100, false);
    write_certs(f, 0, 10, true);
    assert_int_equal(filter_job_end(start(f, &before), &first), ERR_OK);
    before = (struct filter_job_before){
        .blob = first.blob, .covers_sequence = first.covers_sequence, .covered_until_s = NOW_S};
    assert_int_equal(filter_job_end(start(f, &before), &again), ERR_OK);
    assert_true(sha256_equal(&first.blob, &again.blob));
    buffer_done(&again.made.wire);
    write_certs(f, 50, 1, true);
    before.covered_until_s = NOW_S - 100;
    assert_int_equal(filter_job_end(start(f, &before), &again), ERR_OK);
    assert_false(sha256_equal(&first.blob, &again.blob));
    assert_int_equal(be64_load(again.made.wire.data + CLUBCARD_HIGH_AT), NOW_S * 1000ull);
    buffer_done(&again.made.wire);
    buffer_done(&first.made.wire);
}

/* The filter of an issuer without revocations says the same of any number of certificates. */
static void new_ones_are_covered(void **state)
{
    struct fixture *f = *state;
    struct filter_job_before before = {0};
    struct filter_job_result first, again;
    write_certs(f, 0, 100, false);
    assert_int_equal(filter_job_end(start(f, &before), &first), ERR_OK);
    before = (struct filter_job_before){.covers_sequence = first.covers_sequence,
                                        .covered_until_s = NOW_S - 100};
    be64_store(first.made.wire.data + CLUBCARD_HIGH_AT, before.covered_until_s * 1000);
    before.blob = sha256_of(span_of(first.made.wire.data, first.made.wire.size));
    write_certs(f, 100, 1, false);
    assert_int_equal(filter_job_end(start(f, &before), &again), ERR_OK);
    assert_int_equal(again.covered_until_s, NOW_S);
    assert_int_equal(be64_load(again.made.wire.data + CLUBCARD_HIGH_AT), NOW_S * 1000ull);
    buffer_done(&again.made.wire);
    buffer_done(&first.made.wire);
}

static void it_ends_when_asked(void **state)
{
    struct fixture *f = *state;
    struct filter_job_before none = {0};
    struct filter_job_result result;
    write_certs(f, 0, KNOWN, false);
    write_certs(f, 0, 1, true);
    struct filter_job *job = start(f, &none);
    filter_job_stop(job);
    enum err err = filter_job_end(job, &result);
    assert_true(err == ERR_STOPPED || err == ERR_OK);
    if (err == ERR_OK)
        buffer_done(&result.made.wire);
}

static void reasons_choose(void **state)
{
    (void)state;
    static const struct {
        uint8_t reason;
        bool specified;
        bool priority;
    } rows[] = {
        {REASON_ABSENT, false, false},           {REASON_UNSPECIFIED, false, false},
        {REASON_KEY_COMPROMISE, true, true},     {REASON_CA_COMPROMISE, true, false},
        {REASON_SUPERSEDED, true, false},        {REASON_CESSATION_OF_OPERATION, true, true},
        {REASON_PRIVILEGE_WITHDRAWN, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(filter_reasons_have(FILTER_REASONS_ALL, rows[i].reason));
        assert_int_equal(filter_reasons_have(FILTER_REASONS_SPECIFIED, rows[i].reason),
                         rows[i].specified);
        assert_int_equal(filter_reasons_have(FILTER_REASONS_PRIORITY, rows[i].reason),
                         rows[i].priority);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(beside_a_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_again, setup, teardown),
        cmocka_unit_test_setup_teardown(new_ones_are_covered, setup, teardown),
        cmocka_unit_test_setup_teardown(it_ends_when_asked, setup, teardown),
        cmocka_unit_test(reasons_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
