/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crl_shard.h"
#include "lib/feed_event.h"

#define ISSUED                                                                                   \
    "{\"seq\":7,\"type\":\"issued\",\"serial\":\"1A2B\",\"not_after\":1811000000,\"shard\":\"1/" \
    "3\","                                                                                       \
    "\"time\":1795000000}"
#define REVOKED                                                                                  \
    "{\"seq\":8,\"type\":\"revoked\",\"serial\":\"FF\",\"not_after\":1811000000,\"shard\":\"\"," \
    "\"revoked_at\":1795000100,\"reason\":\"keyCompromise\",\"time\":1795000101}"

static struct feed_event read_good(const char *line)
{
    struct feed_event e;
    assert_int_equal(feed_event_read(span_text(line), &e), ERR_OK);
    return e;
}

static void assert_written(const struct feed_event *e, const char *line)
{
    uint8_t octets[FEED_LINE_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(feed_event_write(e, octets, &size), ERR_OK);
    assert_int_equal(size, strlen(line));
    assert_memory_equal(octets, line, size);
}

static void test_issued(void **state)
{
    (void)state;
    struct feed_event e = read_good(ISSUED);
    assert_int_equal(e.seq, 7);
    assert_int_equal(e.status, CERT_GOOD);
    assert_int_equal(e.reason, REASON_ABSENT);
    assert_int_equal(e.serial.size, 2);
    assert_int_equal(e.serial.octets[0], 0x1a);
    assert_int_equal(e.not_after_s, 1811000000);
    assert_int_equal(e.shard, crl_shard_pack(1, 3));
    assert_int_equal(e.revoked_at_s, 0);
    assert_int_equal(e.time_s, 1795000000);
    assert_written(&e, ISSUED);
}

static void test_revoked(void **state)
{
    (void)state;
    struct feed_event e = read_good(REVOKED);
    assert_int_equal(e.status, CERT_REVOKED);
    assert_int_equal(e.reason, REASON_KEY_COMPROMISE);
    assert_int_equal(e.serial.size, 2); /* with the octet that keeps it positive */
    assert_int_equal(e.serial.octets[1], 0xff);
    assert_int_equal(e.shard, CRL_SHARD_NONE);
    assert_int_equal(e.revoked_at_s, 1795000100);
    assert_written(&e, REVOKED);
}

/* The longest there can be fits. */
static void test_extremes(void **state)
{
    (void)state;
    struct feed_event e = {.seq = FEED_NUMBER_MAX,
                           .status = CERT_REVOKED,
                           .reason = REASON_CESSATION_OF_OPERATION,
                           .not_after_s = UINT32_MAX,
                           .shard = crl_shard_pack(65535, 65534),
                           .revoked_at_s = UINT32_MAX,
                           .time_s = FEED_NUMBER_MAX};
    struct feed_event again;
    uint8_t octets[FEED_LINE_BYTES_MAX];
    size_t size = 0;
    e.serial.size = SERIAL_BYTES_MAX;
    memset(e.serial.octets, 0x7f, sizeof e.serial.octets);
    assert_int_equal(feed_event_write(&e, octets, &size), ERR_OK);
    assert_int_equal(feed_event_read(span_of(octets, size), &again), ERR_OK);
    assert_int_equal(serial_compare(&e.serial, &again.serial), 0);
    assert_int_equal(again.shard, e.shard);
}

#define LINE(seq, type, serial, not_after, shard, more, time)                                   \
    "{\"seq\":" seq ",\"type\":\"" type "\",\"serial\":\"" serial "\",\"not_after\":" not_after \
    ",\"shard\":\"" shard "\"" more ",\"time\":" time "}"
#define GOOD(seq, serial, not_after, shard, time) \
    LINE(seq, "issued", serial, not_after, shard, "", time)
#define BAD(revoked_at, reason)            \
    LINE("1", "revoked", "41", "9", "1/0", \
         ",\"revoked_at\":" revoked_at ",\"reason\":\"" reason "\"", "9")

static const struct {
    const char *what;
    const char *line;
    enum err err;
} refused[] = {
    {"nothing", "", ERR_MALFORMED},
    {"seq 0", GOOD("0", "41", "9", "1/0", "9"), ERR_RANGE},
    {"a leading zero", GOOD("01", "41", "9", "1/0", "9"), ERR_MALFORMED},
    {"a sign", GOOD("-1", "41", "9", "1/0", "9"), ERR_MALFORMED},
    {"no number", GOOD("", "41", "9", "1/0", "9"), ERR_MALFORMED},
    {"above 2^53", GOOD("9007199254740992", "41", "9", "1/0", "9"), ERR_RANGE},
    {"far above 2^64", GOOD("99999999999999999999999999", "41", "9", "1/0", "9"), ERR_RANGE},
    {"lower case", GOOD("1", "4a", "9", "1/0", "9"), ERR_MALFORMED},
    {"leading zeros", GOOD("1", "0041", "9", "1/0", "9"), ERR_MALFORMED},
    {"a colon", GOOD("1", "41:42", "9", "1/0", "9"), ERR_MALFORMED},
    {"0x", GOOD("1", "0x41", "9", "1/0", "9"), ERR_MALFORMED},
    {"no serial", GOOD("1", "", "9", "1/0", "9"), ERR_MALFORMED},
    {"serial zero", GOOD("1", "00", "9", "1/0", "9"), ERR_RANGE},
    {"a serial of 33 octets",
     GOOD("1", "414141414141414141414141414141414141414141414141414141414141414141", "9", "1/0",
          "9"),
     ERR_LIMIT},
    {"past 2106", GOOD("1", "41", "4294967296", "1/0", "9"), ERR_RANGE},
    {"set 0", GOOD("1", "41", "9", "0/1", "9"), ERR_RANGE},
    {"a place too far", GOOD("1", "41", "9", "1/65535", "9"), ERR_RANGE},
    {"a set too far", GOOD("1", "41", "9", "65536/1", "9"), ERR_RANGE},
    {"no place", GOOD("1", "41", "9", "1", "9"), ERR_MALFORMED},
    {"an unknown type", LINE("1", "held", "41", "9", "1/0", "", "9"), ERR_MALFORMED},
    {"issued with a reason",
     LINE("1", "issued", "41", "9", "1/0", ",\"revoked_at\":1,\"reason\":\"\"", "9"),
     ERR_MALFORMED},
    {"revoked without a time", LINE("1", "revoked", "41", "9", "1/0", "", "9"), ERR_MALFORMED},
    {"an unknown reason", BAD("9", "weather"), ERR_MALFORMED},
    {"a reason by number", BAD("9", "1"), ERR_MALFORMED},
    {"a reason in another case", BAD("9", "keycompromise"), ERR_MALFORMED},
    {"removeFromCRL", BAD("9", "removeFromCRL"), ERR_RANGE},
    {"a blank", "{ " ISSUED, ERR_MALFORMED},
    {"a blank after", ISSUED " ", ERR_MALFORMED},
    {"two events", ISSUED ISSUED, ERR_MALFORMED},
    {"a newline", ISSUED "\n", ERR_MALFORMED},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct feed_event e = {.seq = 99};
        enum err err = feed_event_read(span_text(refused[i].line), &e);
        if (err != refused[i].err)
            fail_msg("%s: %s", refused[i].what, err_name(err));
        assert_int_equal(e.seq, 99);
    }
    /* The table's macros make lines that are taken. */
    read_good(GOOD("1", "41", "9", "1/0", "9"));
    read_good(BAD("9", ""));
}

/* Torn at any octet, a line is none. */
static void test_torn(void **state)
{
    (void)state;
    struct feed_event e;
    const char *lines[] = {ISSUED, REVOKED};
    for (size_t i = 0; i < 2; i++)
        for (size_t size = 0; size < strlen(lines[i]); size++)
            assert_int_equal(feed_event_read(span_of(lines[i], size), &e), ERR_MALFORMED);
    char line[FEED_LINE_BYTES_MAX + 1];
    memset(line, ' ', sizeof line);
    assert_int_equal(feed_event_read(span_of(line, sizeof line), &e), ERR_LIMIT);
}

static void test_not_written(void **state)
{
    (void)state;
    uint8_t octets[FEED_LINE_BYTES_MAX];
    size_t size = 99;
    struct feed_event good = read_good(ISSUED), e;
#define REFUSE(change)                                                    \
    do {                                                                  \
        e = good;                                                         \
        change;                                                           \
        assert_int_equal(feed_event_write(&e, octets, &size), ERR_RANGE); \
    } while (0)
    REFUSE(e.seq = 0);
    REFUSE(e.seq = FEED_NUMBER_MAX + 1);
    REFUSE(e.serial.size = 0);
    REFUSE(e.serial.octets[0] = 0x80);
    REFUSE(e.revoked_at_s = 1);
    REFUSE(e.reason = REASON_SUPERSEDED);
    REFUSE(e.status = 2);
    REFUSE(e.shard = 3);
    REFUSE(e.shard = CRL_SHARD_FULL);
    REFUSE((e.status = CERT_REVOKED, e.reason = 7));
#undef REFUSE
    assert_int_equal(size, 99);
}

static void test_crl_link(void **state)
{
    (void)state;
    static const struct {
        const char *link, *url;
    } rows[] = {
        {"<http://a.example/1/0.crl>; rel=\"urn:statim:crl\"", "http://a.example/1/0.crl"},
        {"<>; rel=\"urn:statim:crl\"", ""},
        {">; rel=\"urn:statim:crl\"", ""},
        {"<http://a.example/1/0.crl>; rel=\"up\"", ""},
        {"<http://a.example/1/0.crl>; rel=\"urn:statim:crl\";", ""},
        {"x<http://a.example/1/0.crl>; rel=\"urn:statim:crl\"", ""},
        {"<", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(span_equal(feed_crl_link_url(span_text(rows[i].link)), span_text(rows[i].url)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issued),   cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_torn),     cmocka_unit_test(test_not_written),
        cmocka_unit_test(test_crl_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
