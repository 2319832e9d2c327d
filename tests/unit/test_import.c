/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "lib/os/file.h"
#include "presigner/import.h"
#include "presigner/import_store.h"
#include "tests/unit/status_fixture.h"

#define ISSUER 7u
#define NOW_S  1800000000u

typedef enum err (*line_parser)(struct span, struct import_line *, const char **);

struct line_row {
    const char *text;
    const char *why; /* NULL: taken */
    const char *serial;
    struct cert_record record;
};

static void check_rows(line_parser parse, const struct line_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct import_line line = {0};
        const char *why = NULL;
        enum err err = parse(span_text(rows[i].text), &line, &why);
        if (rows[i].why != NULL) {
            assert_int_not_equal(err, ERR_OK);
            if (why == NULL || strstr(why, rows[i].why) == NULL)
                fail_msg("row %zu: \"%s\", not \"%s\"", i, why ? why : "", rows[i].why);
            assert_int_equal(line.serial.size, 0);
            continue;
        }
        if (err != ERR_OK)
            fail_msg("row %zu: %s", i, why);
        char hex[SERIAL_HEX_MAX];
        serial_to_hex(&line.serial, hex);
        assert_string_equal(hex, rows[i].serial);
        assert_int_equal(line.record.status, rows[i].record.status);
        assert_int_equal(line.record.reason, rows[i].record.reason);
        assert_int_equal(line.record.revoked_at_s, rows[i].record.revoked_at_s);
        assert_int_equal(line.record.not_after_s, rows[i].record.not_after_s);
        assert_int_equal(line.record.sequence, 0);
        assert_int_equal(line.record.shard, 0);
    }
}

#define GOOD(not_after)                                \
    {                                                  \
        CERT_GOOD, REASON_ABSENT, 0, (not_after), 0, 0 \
    }
#define REVOKED(reason, at, not_after)                  \
    {                                                   \
        CERT_REVOKED, (reason), (at), (not_after), 0, 0 \
    }
#define LONG_SERIAL "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20"

static void test_csv_lines(void **state)
{
    (void)state;
    static const struct line_row rows[] = {
        {"0A,good,,,1900000000", NULL, "0A", GOOD(1900000000)},
        {"ff,good,,,1900000000\r", NULL, "FF", GOOD(1900000000)},
        {"0x00ff,good,,,1900000000", NULL, "FF", GOOD(1900000000)},
        {"\"0A\",\"good\",\"\",\"\",\"2030-03-17T17:46:40Z\"", NULL, "0A", GOOD(1900000000)},
        {LONG_SERIAL ",good,,,1900000000", NULL, LONG_SERIAL, GOOD(1900000000)},
        {"0A,revoked,1700000000,,1900000000", NULL, "0A",
         REVOKED(REASON_ABSENT, 1700000000, 1900000000)},
        {"0A,revoked,2023-11-14T22:13:20Z,keyCompromise,2030-03-17T17:46:40Z", NULL, "0A",
         REVOKED(REASON_KEY_COMPROMISE, 1700000000, 1900000000)},
        {"0A,revoked,1700000000,4,1900000000", NULL, "0A",
         REVOKED(REASON_SUPERSEDED, 1700000000, 1900000000)},
        {"0A,good,,,9999-12-31T23:59:59Z", NULL, "0A", GOOD(UINT32_MAX)},
        {"", "not five columns", NULL, {0}},
        {"0A,good,,", "not five columns", NULL, {0}},
        {"0A,good,,,1900000000,", NULL, "0A", GOOD(1900000000)},
        {"0A,good,,,1900000000,7,", "not five columns", NULL, {0}},
        {"0A,good,,,1900000000,\"7", "quote", NULL, {0}},
        {",good,,,1900000000", "serial is not", NULL, {0}},
        {"-1,good,,,1900000000", "serial is not", NULL, {0}},
        {"0G,good,,,1900000000", "serial is not", NULL, {0}},
        {" 0A,good,,,1900000000", "serial is not", NULL, {0}},
        {LONG_SERIAL "21,good,,,1900000000", "longer than 32", NULL, {0}},
        {"0A,Good,,,1900000000", "neither good nor revoked", NULL, {0}},
        {"0A,,,,1900000000", "neither good nor revoked", NULL, {0}},
        {"0A,unknown,,,1900000000", "neither good nor revoked", NULL, {0}},
        {"0A,good,1700000000,,1900000000", "no revoked_at", NULL, {0}},
        {"0A,good,,superseded,1900000000", "no revoked_at", NULL, {0}},
        {"0A,good,,,", "not_after is missing", NULL, {0}},
        {"0A,good,,,soon", "not_after is not a time", NULL, {0}},
        {"0A,good,,,2030-02-30T00:00:00Z", "not_after is not a time", NULL, {0}},
        {"0A,good,,,-5", "not_after is not a time", NULL, {0}},
        {"0A,revoked,,,1900000000", "without revoked_at", NULL, {0}},
        {"0A,revoked,soon,,1900000000", "revoked_at is not a time", NULL, {0}},
        {"0A,revoked,5000000000,,1900000000", "past 2106", NULL, {0}},
        {"0A,revoked,1700000000,7,1900000000", "not one of RFC 5280", NULL, {0}},
        {"0A,revoked,1700000000,stolen,1900000000", "not one of RFC 5280", NULL, {0}},
        {"0A,revoked,1700000000,removeFromCRL,1900000000", "removeFromCRL", NULL, {0}},
        {"0\"A,good,,,1900000000", "quote", NULL, {0}},
        {"\"0A,good,,,1900000000", "quote", NULL, {0}},
        {"\"0A\"\"\",good,,,1900000000", "quote", NULL, {0}},
    };
    check_rows(import_csv_line, rows, sizeof rows / sizeof *rows);
}

static void test_index_txt_lines(void **state)
{
    (void)state;
    static const struct line_row rows[] = {
        {"V\t300317174640Z\t\t0A\tunknown\t/CN=a", NULL, "0A", GOOD(1900000000)},
        {"V\t20300317174640Z\t\tFF01\tunknown\t/CN=a, b\r", NULL, "FF01", GOOD(1900000000)},
        {"E\t231114221320Z\t\t0A\tunknown\t/CN=a", NULL, "0A", GOOD(1700000000)},
        {"V\t99991231235959Z\t\t0A\tunknown\t", NULL, "0A", GOOD(UINT32_MAX)},
        {"R\t300317174640Z\t231114221320Z\t0A\tunknown\t/CN=a", NULL, "0A",
         REVOKED(REASON_ABSENT, 1700000000, 1900000000)},
        {"R\t300317174640Z\t231114221320Z,superseded\t0A\tunknown\t/CN=a", NULL, "0A",
         REVOKED(REASON_SUPERSEDED, 1700000000, 1900000000)},
        {"R\t300317174640Z\t231114221320Z,CACompromise\t0A\tunknown\t/CN=a", NULL, "0A",
         REVOKED(REASON_CA_COMPROMISE, 1700000000, 1900000000)},
        {"R\t300317174640Z\t231114221320Z,keyTime,20231101000000Z\t0A\tunknown\t/", NULL, "0A",
         REVOKED(REASON_KEY_COMPROMISE, 1700000000, 1900000000)},
        {"R\t300317174640Z\t231114221320Z,CAkeyTime,20231101000000Z\t0A\tunknown\t/", NULL, "0A",
         REVOKED(REASON_CA_COMPROMISE, 1700000000, 1900000000)},
        {"R\t300317174640Z\t231114221320Z,holdInstruction,1.2.3\t0A\tunknown\t/", NULL, "0A",
         REVOKED(REASON_CERTIFICATE_HOLD, 1700000000, 1900000000)},
        {"", "not six fields", NULL, {0}},
        {"V\t300317174640Z\t\t0A\tunknown", "not six fields", NULL, {0}},
        {"V\t300317174640Z\t\t0A\tunknown\t/CN=a\t", "not six fields", NULL, {0}},
        {"X\t300317174640Z\t\t0A\tunknown\t/CN=a", "none of V, R, E", NULL, {0}},
        {"v\t300317174640Z\t\t0A\tunknown\t/CN=a", "none of V, R, E", NULL, {0}},
        {"\t300317174640Z\t\t0A\tunknown\t/CN=a", "none of V, R, E", NULL, {0}},
        {"V\t\t\t0A\tunknown\t/CN=a", "expiry", NULL, {0}},
        {"V\t300317174640\t\t0A\tunknown\t/CN=a", "expiry", NULL, {0}},
        {"V\t301317174640Z\t\t0A\tunknown\t/CN=a", "expiry", NULL, {0}},
        {"V\t300317174640Z\t231114221320Z\t0A\tunknown\t/CN=a", "status is not R", NULL, {0}},
        {"R\t300317174640Z\t\t0A\tunknown\t/CN=a", "without a revocation time", NULL, {0}},
        {"R\t300317174640Z\tnever\t0A\tunknown\t/CN=a", "revocation time is not", NULL, {0}},
        {"R\t300317174640Z\t231114221320Z,\t0A\tunknown\t/CN=a", "reason", NULL, {0}},
        {"R\t300317174640Z\t231114221320Z,stolen\t0A\tunknown\t/CN=a", "reason", NULL, {0}},
        {"R\t300317174640Z\t231114221320Z,removeFromCRL\t0A\tunknown\t/", "removeFrom", NULL, {0}},
        {"V\t300317174640Z\t\t\tunknown\t/CN=a", "serial is not", NULL, {0}},
        {"V\t300317174640Z\t\t-0A\tunknown\t/CN=a", "serial is not", NULL, {0}},
    };
    check_rows(import_index_txt_line, rows, sizeof rows / sizeof *rows);
}

static void test_csv_header(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"serial,status,revoked_at,reason,not_after", ERR_OK},
        {"serial,status,revoked_at,reason,not_after\r", ERR_OK},
        {"\"serial\",\"status\",\"revoked_at\",\"reason\",\"not_after\"", ERR_OK},
        {"serial,status,revoked_at,reason,not_after,shard", ERR_OK},
        {"serial,status,revoked_at,reason,not_after,\"crldp\"", ERR_OK},
        {"serial,status,revoked_at,reason,not_after,more", ERR_UNSUPPORTED},
        {"serial,status,revoked_at,reason,not_after,shard,crldp", ERR_UNSUPPORTED},
        {"serial,status", ERR_UNSUPPORTED},
        {"serial,status,reason,revoked_at,not_after", ERR_UNSUPPORTED},
        {"0A,good,,,1900000000", ERR_NOT_FOUND},
        {"", ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *why = NULL;
        assert_int_equal(import_csv_header(span_text(rows[i].text), &why), rows[i].err);
        assert_int_equal(why != NULL, rows[i].err == ERR_UNSUPPORTED);
    }
}

static struct import_progress last_progress;

static void keep_progress(void *context, const struct import_progress *progress)
{
    *(struct import_progress *)context = *progress;
}

static enum err import(struct fixture *f, struct span content, size_t batch_count,
                       struct import_report *report)
{
    char path[SCRATCH_BYTES + 16];
    snprintf(path, sizeof path, "%s/list", f->dir);
    assert_int_equal(file_publish_lazy(path, content, 0600), ERR_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct import_options options = {
        .issuer_id = ISSUER,
        .now_s = NOW_S,
        .progress = keep_progress,
        .context = &last_progress,
        .temporary_dir = f->dir,
        .batch_count = batch_count,
        .step_count = batch_count < IMPORT_STEP_COUNT_MAX ? batch_count : 0,
    };
    enum err err = import_file(f->db, fd, &options, report);
    close(fd);
    return err;
}

static struct cert_record get(struct status_db *db, const char *hex)
{
    MDB_txn *txn;
    struct serial serial;
    struct cert_record record = {0};
    assert_int_equal(serial_from_hex(span_text(hex), &serial), ERR_OK);
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_get(db, txn, ISSUER, &serial, &record), ERR_OK);
    status_txn_abort(txn);
    return record;
}

static struct status_counts counts_of(struct status_db *db)
{
    MDB_txn *txn;
    struct status_counts counts;
    assert_int_equal(status_txn_read(db, &txn), ERR_OK);
    assert_int_equal(status_counts(db, txn, ISSUER, &counts), ERR_OK);
    status_txn_abort(txn);
    return counts;
}

#define HEADER "serial,status,revoked_at,reason,not_after\n"

static void test_files(void **state)
{
    struct fixture *f = *state;
    struct import_report report;
    const char *csv = HEADER "02,good,,,1900000000\n\n01,revoked,1700000000,4,1900000000\r\n\r\n"
                             "03,good,,,1900000000"; /* no newline at the end */
    assert_int_equal(import(f, span_text(csv), 0, &report), ERR_OK);
    assert_int_equal(report.cert_count, 3);
    assert_int_equal(report.changed_count, 3);
    assert_int_equal(report.last_sequence, 3);
    assert_int_equal(last_progress.read_bytes, strlen(csv));
    assert_true(last_progress.storing);
    assert_int_equal(last_progress.stored_count, 3);
    assert_int_equal(last_progress.cert_count, 3);
    assert_int_equal(get(f->db, "01").status, CERT_REVOKED);
    assert_int_equal(counts_of(f->db).good, 2);

    /* The same again, without a header: no news. */
    assert_int_equal(import(f, span_text(csv + strlen(HEADER)), 0, &report), ERR_OK);
    assert_int_equal(report.cert_count, 3);
    assert_int_equal(report.changed_count, 0);
    assert_int_equal(report.last_sequence, 3);

    /* index.txt, where a revoked one comes as valid: it stays revoked. */
    const char *index = "V\t300317174640Z\t\t01\tunknown\t/CN=a\n"
                        "R\t300317174640Z\t231114221320Z,keyCompromise\t02\tunknown\t/CN=b\n";
    assert_int_equal(import(f, span_text(index), 0, &report), ERR_OK);
    assert_int_equal(report.changed_count, 1);
    assert_int_equal(get(f->db, "01").status, CERT_REVOKED);
    assert_int_equal(get(f->db, "02").reason, REASON_KEY_COMPROMISE);
    assert_int_equal(get(f->db, "02").sequence, 4);

    assert_int_equal(import(f, SPAN_EMPTY, 0, &report), ERR_OK);
    assert_int_equal(report.cert_count, 0);
    assert_int_equal(report.last_sequence, 4);
}

/* Whatever the batch size, also when a serial comes again in another batch. */
static void test_serial_twice(void **state)
{
    struct fixture *f = *state;
    const char *csv = "05,revoked,1700000000,4,1900000000\n"
                      "06,good,,,1900000000\n"
                      "05,good,,,1900000000\n"
                      "06,revoked,1700000001,,1900000000\n"
                      "05,revoked,1600000000,,1900000000\n";
    for (size_t batch_count = 1; batch_count <= 6; batch_count++) {
        struct import_report report;
        char shifted[256];
        /* Serials of their own for each round. */
        snprintf(shifted, sizeof shifted, "%s", csv);
        for (char *line = shifted; line != NULL && *line != '\0';) {
            line[0] = (char)('0' + batch_count);
            line = strchr(line, '\n');
            line = line ? line + 1 : NULL;
        }
        assert_int_equal(import(f, span_text(shifted), batch_count, &report), ERR_OK);
        assert_int_equal(report.changed_count, 3);
        char five[] = {(char)('0' + batch_count), '5', '\0'};
        char six[] = {(char)('0' + batch_count), '6', '\0'};
        assert_int_equal(get(f->db, five).reason, REASON_SUPERSEDED);
        assert_int_equal(get(f->db, five).revoked_at_s, 1700000000);
        assert_int_equal(get(f->db, six).revoked_at_s, 1700000001);
        assert_int_equal(counts_of(f->db).revoked, 2 * batch_count);
        assert_int_equal(counts_of(f->db).good, 0);
    }
}

static void test_bad_line_takes_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        uint64_t line_no;
        const char *why;
        enum err err;
    } rows[] = {
        {HEADER "01,good,,,1900000000\n02,good,,,1900000000\n03,bad,,,1\n", 4, "neither",
         ERR_MALFORMED},
        {"01,good,,,1900000000\n02,good,,,1900000000\n\n\nx", 5, "not five", ERR_MALFORMED},
        {"serial,status,revoked_at,reason,not_after,more\n01,good,,,1900000000,1\n", 1, "columns",
         ERR_UNSUPPORTED},
        {"serial,status,revoked_at,reason,not_after,shard\n01,good,,,1900000000,1\n", 2, "no crl",
         ERR_UNSUPPORTED},
        {"01,good,,,1900000000\n" HEADER, 2, "serial is not", ERR_MALFORMED},
        {"01,good,,,1900000000\n02,revoked,1800086401,,1900000000\n", 2, "future", ERR_RANGE},
        {"V\t300317174640Z\t\t01\tunknown\t/\n02,good,,,1900000000\n", 2, "six", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t batch_count = 1; batch_count < 4; batch_count++) {
            struct import_report report;
            uint64_t sequence;
            assert_int_equal(import(f, span_text(rows[i].text), batch_count, &report), rows[i].err);
            assert_int_equal(report.line_no, rows[i].line_no);
            assert_non_null(strstr(report.why, rows[i].why));
            assert_int_equal(report.changed_count, 0);
            assert_int_equal(status_poll_sequence(f->db, &sequence), ERR_OK);
            assert_int_equal(sequence, 0);
            assert_int_equal(counts_of(f->db).good, 0);
        }
    }
}

static void test_long_lines(void **state)
{
    struct fixture *f = *state;
    struct import_report report;
    static const char start[] = "V\t300317174640Z\t\t01\tunknown\t";
    struct buffer b = {0};
    assert_int_equal(buffer_reserve(&b, IMPORT_LINE_BYTES_MAX + 2), ERR_OK);
    memset(b.data, 'x', IMPORT_LINE_BYTES_MAX + 2);
    memcpy(b.data, start, sizeof start - 1);
    assert_int_equal(import(f, span_of(b.data, IMPORT_LINE_BYTES_MAX), 0, &report), ERR_OK);
    assert_int_equal(report.cert_count, 1);
    assert_int_equal(import(f, span_of(b.data, IMPORT_LINE_BYTES_MAX + 1), 0, &report), ERR_LIMIT);
    assert_int_equal(report.line_no, 1);
    assert_string_equal(report.why, "the line is too long");
    b.data[IMPORT_LINE_BYTES_MAX + 1] = '\n';
    assert_int_equal(import(f, span_of(b.data, IMPORT_LINE_BYTES_MAX + 2), 0, &report), ERR_LIMIT);
    buffer_done(&b);
}

/* Lines lie across the reader's chunks, serials come in no order, batches overlap. */
static void test_many_lines(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 60000 };
    struct import_report report;
    struct buffer b = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        char line[96];
        uint32_t serial = i * 2654435761u | 1u << 31;
        int size = snprintf(line, sizeof line, "%08X,%s,1900000000\n", serial,
                            i % 100 == 1 ? "revoked,2023-11-14T22:13:20Z,superseded" : "good,,");
        assert_int_equal(buffer_append(&b, span_of(line, (size_t)size)), ERR_OK);
    }
    assert_true(b.size > (1u << 20));
    assert_int_equal(import(f, span_of(b.data, b.size), 7000, &report), ERR_OK);
    assert_int_equal(report.cert_count, COUNT);
    struct status_counts counts = counts_of(f->db);
    assert_int_equal(counts.good + counts.revoked, report.changed_count);
    assert_true(counts.revoked >= COUNT / 100);
    assert_int_equal(report.last_sequence, report.changed_count);
    for (uint32_t i = 1; i < COUNT; i += 100) {
        char hex[16];
        snprintf(hex, sizeof hex, "%08X", i * 2654435761u | 1u << 31);
        assert_int_equal(get(f->db, hex).status, CERT_REVOKED);
    }
    assert_int_equal(import(f, span_of(b.data, b.size), 0, &report), ERR_OK);
    assert_int_equal(report.changed_count, 0);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_lines),
        cmocka_unit_test(test_index_txt_lines),
        cmocka_unit_test(test_csv_header),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_serial_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_line_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_lines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
