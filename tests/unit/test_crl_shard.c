/* SPDX-License-Identifier: Apache-2.0 */
/* Which CRL a certificate is on: words, sets, and what the status database keeps of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/file.h"
#include "presigner/import.h"
#include "presigner/status_writer.h"
#include "tests/unit/status_fixture.h"

#define ISSUER            0x0123456789abcdefu
#define BASE              "http://crl.example/7"
#define SHARD(set, place) ((uint32_t)(set) << 16 | (place))

static const struct crl_set one = {.number = 1, .count = 4};
static const struct crl_set two = {.number = 2, .count = 7};
static const struct crl_set full = {.number = 3, .count = 1, .full = true};

static void texts_of_shards(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        uint32_t shard;
    } rows[] = {
        {"0", ERR_OK, SHARD(2, 0)},
        {"6", ERR_OK, SHARD(2, 6)},
        {"7", ERR_NOT_FOUND, 0},
        {"1/3", ERR_OK, SHARD(1, 3)},
        {"1/4", ERR_NOT_FOUND, 0},
        {"0/0", ERR_NOT_FOUND, 0},
        {"4/0", ERR_NOT_FOUND, 0},
        {"", ERR_MALFORMED, 0},
        {"x", ERR_MALFORMED, 0},
        {"01", ERR_MALFORMED, 0},
        {"1/", ERR_MALFORMED, 0},
        {"1/2/3", ERR_MALFORMED, 0},
        {"65536", ERR_MALFORMED, 0},
        {BASE "/1/3.crl", ERR_OK, SHARD(1, 3)},
        {BASE "/2/6.crl", ERR_OK, SHARD(2, 6)},
        {BASE "/full.crl", ERR_OK, SHARD(3, 0)},
        {BASE "/2/7.crl", ERR_NOT_FOUND, 0},
        {BASE "/2/06.crl", ERR_NOT_FOUND, 0},
        {BASE "/2/6.crl?", ERR_NOT_FOUND, 0},
        {BASE "/2/6", ERR_NOT_FOUND, 0},
        {BASE, ERR_NOT_FOUND, 0},
        {"http://crl.example/70/1/3.crl", ERR_NOT_FOUND, 0},
        {"https://crl.example/7/1/3.crl", ERR_NOT_FOUND, 0},
    };
    struct crl_sets sets = {0};
    assert_int_equal(crl_sets_use(&sets, &one), ERR_OK);
    assert_int_equal(crl_sets_use(&sets, &full), ERR_OK);
    assert_int_equal(crl_sets_use(&sets, &two), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t shard = 0;
        enum err err = crl_shard_from_text(&sets, BASE, span_text(rows[i].text), &shard);
        if (err != rows[i].err || shard != rows[i].shard)
            fail_msg("%s: %s, %x", rows[i].text, err_name(err), shard);
    }
    char url[CRL_SHARD_URL_MAX];
    assert_int_equal(crl_shard_url(BASE, SHARD(2, 6), url), ERR_OK);
    assert_string_equal(url, BASE "/2/6.crl");
    assert_string_equal(crl_url_path(url), "/7/2/6.crl");
    assert_string_equal(crl_url_path("http://crl.example"), "");
    assert_null(crl_url_path("ldap://crl.example/x"));
    assert_int_equal(crl_shard_url(BASE, CRL_SHARD_FULL, url), ERR_OK);
    assert_string_equal(url, BASE "/full.crl");
}

static void serials_modulo_count(void **state)
{
    (void)state;
    static const struct crl_set odd = {.number = 5, .count = 65535};
    struct serial s = {.size = 9, .octets = {0, 0xff, 1, 2, 3, 4, 5, 6, 7}};
    uint64_t value = 0xff01020304050607u;
    assert_int_equal(crl_shard_of(&one, &s), SHARD(1, value % 4));
    assert_int_equal(crl_shard_of(&two, &s), SHARD(2, value % 7));
    assert_int_equal(crl_shard_of(&odd, &s), SHARD(5, value % 65535));
    assert_int_equal(crl_shard_of(&full, &s), SHARD(3, 0));
}

static void sets_stay_as_they_are(void **state)
{
    (void)state;
    struct crl_sets sets = {.indexed = true}, back;
    struct crl_set other = {.number = 1, .count = 5};
    uint8_t wire[CRL_SETS_BYTES_MAX];
    assert_int_equal(crl_sets_use(&sets, &one), ERR_OK);
    assert_int_equal(crl_sets_use(&sets, &two), ERR_OK);
    assert_int_equal(crl_sets_use(&sets, &other), ERR_CONFLICT);
    assert_int_equal(crl_sets_use(&sets, &one), ERR_OK);
    assert_int_equal(sets.current, 0);
    size_t size = crl_sets_write(&sets, wire);
    assert_int_equal(crl_sets_read(span_of(wire, size), &back), ERR_OK);
    assert_memory_equal(&back, &sets, sizeof sets);
    for (size_t i = 0; i < size; i++)
        assert_true((i - 3) % 7 == 0 || crl_sets_read(span_of(wire, i), &back) != ERR_OK);
    for (uint16_t i = 10; sets.count < CRL_SETS_MAX; i++) {
        other.number = i;
        assert_int_equal(crl_sets_use(&sets, &other), ERR_OK);
    }
    other.number = 9;
    assert_int_equal(crl_sets_use(&sets, &other), ERR_LIMIT);
}

static struct import_report report;

static enum err import(struct fixture *f, const struct crl_sets *sets, const char *text)
{
    char path[SCRATCH_BYTES + 16];
    snprintf(path, sizeof path, "%s/list", f->dir);
    assert_int_equal(file_publish_lazy(path, span_text(text), 0600), ERR_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct import_options options = {.issuer_id = ISSUER,
                                     .now_s = 1800000000,
                                     .temporary_dir = f->dir,
                                     .crl_sets = sets,
                                     .crl_url_base = BASE};
    enum err err = import_file(f->db, fd, &options, &report);
    close(fd);
    return err;
}

static struct cert_record get(struct fixture *f, uint8_t number)
{
    MDB_txn *txn;
    struct cert_record record;
    struct serial serial = {.size = 1, .octets = {number}};
    assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
    assert_int_equal(status_get(f->db, txn, ISSUER, &serial, &record), ERR_OK);
    status_txn_abort(txn);
    return record;
}

/* The serials of a shard's revoked certificates, each one octet. */
static size_t revoked(struct fixture *f, uint32_t shard, uint8_t ret[static 256])
{
    MDB_txn *txn;
    struct revoked_cursor c;
    struct status_cert cert;
    size_t count = 0;
    assert_int_equal(status_txn_read(f->db, &txn), ERR_OK);
    assert_int_equal(revoked_begin(f->db, txn, ISSUER, shard, &c), ERR_OK);
    enum err err;
    while ((err = revoked_next(&c, &cert)) == ERR_OK) {
        struct cert_record known = get(f, cert.serial.octets[0]);
        assert_int_equal(known.status, CERT_REVOKED);
        assert_int_equal(known.shard, cert.record.shard);
        assert_int_equal(known.reason, cert.record.reason);
        assert_int_equal(known.revoked_at_s, cert.record.revoked_at_s);
        assert_int_equal(known.not_after_s, cert.record.not_after_s);
        assert_int_equal(known.sequence, cert.record.sequence);
        ret[count++] = cert.serial.octets[0];
    }
    assert_int_equal(err, ERR_NOT_FOUND);
    revoked_end(&c);
    status_txn_abort(txn);
    return count;
}

#define GOOD_LINE(serial)    serial ",good,,,1900000000\n"
#define REVOKED_LINE(serial) serial ",revoked,1700000000,4,1900000000\n"

static void imported_shards_stay(void **state)
{
    struct fixture *f = *state;
    struct crl_sets sets;
    uint8_t found[256];
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &one, &sets), ERR_OK);
    assert_true(sets.indexed);
    assert_int_equal(import(f, &sets,
                            "serial,status,revoked_at,reason,not_after,crldp\n"
                            "05,good,,,1900000000,\n"
                            "06,good,,,1900000000,1/1\n"
                            "07,revoked,1700000000,4,1900000000," BASE
                            "/1/0.crl\n" REVOKED_LINE("08")),
                     ERR_OK);
    assert_int_equal(get(f, 5).shard, SHARD(1, 1));
    assert_int_equal(get(f, 6).shard, SHARD(1, 1));
    assert_int_equal(get(f, 7).shard, SHARD(1, 0));
    assert_int_equal(get(f, 8).shard, SHARD(1, 0));
    assert_int_equal(revoked(f, SHARD(1, 0), found), 2);
    assert_memory_equal(found, "\7\10", 2);
    assert_int_equal(revoked(f, SHARD(1, 1), found), 0);
    /* Another set: those there are stay where they are, whatever is said of them. */
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &two, &sets), ERR_OK);
    assert_int_equal(import(f, &sets, "05,revoked,1700000000,,1900000000,2/3\n" GOOD_LINE("09")),
                     ERR_OK);
    assert_int_equal(get(f, 5).shard, SHARD(1, 1));
    assert_int_equal(get(f, 5).status, CERT_REVOKED);
    assert_int_equal(get(f, 9).shard, SHARD(2, 2));
    assert_int_equal(report.conflicts.count, 1);
    assert_int_equal(report.conflicts.serial.octets[0], 5);
    assert_int_equal(report.conflicts.known, SHARD(1, 1));
    assert_int_equal(report.conflicts.claimed, SHARD(2, 3));
    /* No news, and contradictions within one file, are told as well; what is equal or silent not.
     */
    assert_int_equal(
        import(f, &sets,
               "05,revoked,1700000000,,1900000000,2/4\n"
               "06,good,,,1900000000,1/1\n" GOOD_LINE("09") "0b,good,,,1900000000,2/1\n"
                                                            "0b,good,,,1900000000,2/2\n"),
        ERR_OK);
    assert_int_equal(report.conflicts.count, 2);
    assert_int_equal(report.conflicts.claimed, SHARD(2, 4));
    assert_int_equal(get(f, 11).shard, SHARD(2, 1));
    assert_int_equal(revoked(f, SHARD(1, 1), found), 1);
    assert_int_equal(revoked(f, CRL_SHARD_FULL, found), 3);
    assert_int_equal(import(f, &sets, "0a,good,,,1900000000,2/7\n"), ERR_RANGE);
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &(struct crl_set){2, false, 8}, &sets),
                     ERR_CONFLICT);
}

static void certificates_from_before(void **state)
{
    struct fixture *f = *state;
    struct crl_sets sets;
    struct serial after = SERIAL_BEFORE_ALL;
    uint8_t found[256];
    bool done = false;
    assert_int_equal(import(f, NULL, GOOD_LINE("05") REVOKED_LINE("06") GOOD_LINE("07")), ERR_OK);
    assert_int_equal(get(f, 6).shard, CRL_SHARD_NONE);
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &one, &sets), ERR_OK);
    assert_false(sets.indexed);
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &two, &sets), ERR_OK);
    /* Revoked before the index is made. */
    assert_int_equal(import(f, &sets, REVOKED_LINE("05")), ERR_OK);
    assert_int_equal(get(f, 5).shard, SHARD(1, 1));
    while (!done)
        assert_int_equal(revoked_index_step(f->db, ISSUER, &after, &done), ERR_OK);
    assert_int_equal(get(f, 6).shard, SHARD(1, 2));
    assert_int_equal(get(f, 7).shard, CRL_SHARD_NONE);
    assert_int_equal(revoked(f, SHARD(1, 1), found), 1);
    assert_int_equal(revoked(f, SHARD(1, 2), found), 1);
    assert_int_equal(crl_sets_configure(f->db, ISSUER, &two, &sets), ERR_OK);
    assert_true(sets.indexed);
    assert_int_equal(import(f, &sets, REVOKED_LINE("07")), ERR_OK);
    assert_int_equal(get(f, 7).shard, SHARD(1, 3));
    assert_int_equal(revoked(f, SHARD(1, 3), found), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_shards),
        cmocka_unit_test(serials_modulo_count),
        cmocka_unit_test(sets_stay_as_they_are),
        cmocka_unit_test_setup_teardown(imported_shards_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(certificates_from_before, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
