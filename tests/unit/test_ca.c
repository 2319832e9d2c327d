/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of a ceremony: names, serials, validity, URLs, the transcript. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "issuer/ca_key_policy.h"
#include "issuer/ca_name.h"
#include "issuer/ca_profile.h"
#include "issuer/ca_transcript.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why; /* NULL: good */
    } rows[] = {
        {"C=GB,O=X,CN=Y", NULL},
        {"CN=Y,O=X,C=GB", NULL},
        {"C=GB,ST=S,L=L,O=X\\,\\=\\\\,CN=\xc3\xa4", NULL},
        {"C=GB,O=X", "no CN="},
        {"C=GBR,O=X,CN=Y", "C: 3 characters"},
        {"C=G1,O=X,CN=Y", "two capital letters"},
        {"C=GB,O=X,CN=\xc0\x80", "not UTF-8"},
        {"C=GB,O=X,CN=\xed\xa0\x80", "not UTF-8"},
        {"C=GB,O=X,CN=\xf4\x90\x80\x80", "not UTF-8"},
        {"C=GB,O=X,CN=\xc2\x85", "control character"},
        {"C=GB,O=X,CN=\xe2\x82", "not UTF-8"},
        {"C=GB,O=X,CN=\x7f", "control character"},
        {"C=GB,,O=X,CN=Y", "does not begin"},
        {"c=GB,O=X,CN=Y", "does not begin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ca_name name;
        char why[CA_NAME_WHY_BYTES] = "";
        enum err err = ca_name_read(rows[i].text, &name, why);
        assert_int_equal(err, rows[i].why == NULL ? ERR_OK : ERR_MALFORMED);
        if (rows[i].why != NULL && strstr(why, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, why);
    }
}

static void serials_are_positive_and_long(void **state)
{
    (void)state;
    uint8_t octets[CERT_SERIAL_BYTES];
    struct serial serial;
    for (unsigned first = 0; first < 256; first++) {
        memset(octets, 0xff, sizeof octets);
        octets[0] = (uint8_t)first;
        cert_serial_shape(octets, &serial);
        assert_int_equal(serial.size, CERT_SERIAL_BYTES);
        assert_in_range(serial.octets[0], 1, 0x7f);
        assert_memory_equal(serial.octets + 1, octets + 1, CERT_SERIAL_BYTES - 1);
    }
}

static void validity_goes_by_its_table(void **state)
{
    (void)state;
    uint32_t least, most;
    const char *why;
    uint64_t day = 1694736000;
    assert_int_equal(ca_validity_check(CA_ROOT, day - 1, 1, &least, &most, &why), ERR_OK);
    assert_int_equal(ca_validity_check(CA_ROOT, day, 2921, &least, &most, &why), ERR_RANGE);
    assert_int_equal(ca_validity_check(CA_ROOT, day, 2922, &least, &most, &why), ERR_OK);
    assert_int_equal(ca_validity_check(CA_ROOT, day, 9132, &least, &most, &why), ERR_OK);
    assert_int_equal(ca_validity_check(CA_ROOT, day, 9133, &least, &most, &why), ERR_RANGE);
    assert_int_equal(ca_validity_check(CA_RESPONDER, day, 398, &least, &most, &why), ERR_RANGE);
    assert_int_equal(most, 397);
}

static void urls(void **state)
{
    (void)state;
    assert_true(cert_url_valid("http://a/b%20c?d=e"));
    static const char *const bad[] = {"",           "http://",    "http:///x",       "https://a",
                                      "http://a b", "http://a\n", "http://\xc3\xa4", "http://a\"",
                                      "a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cert_url_valid(bad[i]));
}

static void blocked_keys(void **state)
{
    (void)state;
    struct span key = span_text("abc");
    static const char has[] =
        "# abc\n\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_int_equal(ca_key_blocked(span_text(has), key), ERR_KEY);
    assert_int_equal(ca_key_blocked(span_text(has), span_text("abd")), ERR_OK);
    assert_int_equal(ca_key_blocked(span_text("ba78\n"), key), ERR_MALFORMED);
    assert_int_equal(ca_key_blocked(span_text("# no end"), key), ERR_TRUNCATED);
}

static void append(char *text, size_t size, struct ca_transcript_end *end)
{
    char *line = NULL;
    json_t *event = json_pack("{s:s,s:s,s:s}", "did", "x", "time", "t", "operator", "o");
    assert_int_equal(ca_transcript_line(end, event, &line), ERR_OK);
    json_decref(event);
    end->head = ca_transcript_hash(span_text(line));
    end->line_count++;
    assert_true(strlen(text) + strlen(line) < size);
    memcpy(text + strlen(text), line, strlen(line) + 1);
    free(line);
}

static void a_transcript_is_a_chain(void **state)
{
    (void)state;
    char text[4096] = "";
    struct ca_transcript_end end = {0}, read;
    struct sha256 first = {0};
    uint64_t bad = 0;
    for (int i = 0; i < 3; i++) {
        append(text, sizeof text, &end);
        if (i == 0)
            first = end.head;
    }
    assert_int_equal(ca_transcript_read(span_text(text), &first, &read, &bad), ERR_OK);
    assert_true(read.line_count == 3 && sha256_equal(&read.head, &end.head));
    struct span rest = span_text(strchr(text, '\n') + 1);
    assert_int_equal(ca_transcript_read(rest, NULL, &read, &bad), ERR_CHAIN);
    assert_int_equal(bad, 1);
    struct sha256 other = sha256_of(SPAN_EMPTY);
    assert_int_equal(ca_transcript_read(span_text(text), &other, &read, &bad), ERR_HASH);
    for (size_t i = 0; i + 1 < strlen(text); i++) {
        char kept = text[i];
        text[i] ^= 1;
        enum err err = ca_transcript_read(span_text(text), &end.head, &read, &bad);
        text[i] = kept;
        assert_int_not_equal(err, ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(serials_are_positive_and_long),
        cmocka_unit_test(validity_goes_by_its_table),
        cmocka_unit_test(urls),
        cmocka_unit_test(blocked_keys),
        cmocka_unit_test(a_transcript_is_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
