/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/outlive.h"

static struct ocsp_template by_ca, by_responder;
static uint64_t end_s;

static int start(void **state)
{
    (void)state;
    static uint8_t ca_der[4096], der[4096];
    EVP_PKEY *key = fixture_key(SIG_ECDSA_P256_SHA256);
    X509 *ca = fixture_certificate(key, "CA", key, "CA");
    X509 *responder = fixture_certificate(key, "Responder", key, "CA");
    struct span ca_span = span_of(ca_der, fixture_der(ca, ca_der, sizeof ca_der));
    struct span span = span_of(der, fixture_der(responder, der, sizeof der));
    struct tm tm;
    CHECK(ASN1_TIME_to_tm(X509_get0_notAfter(responder), &tm) == 1);
    end_s = (uint64_t)timegm(&tm);
    by_ca = by_responder = (struct ocsp_template){.certid_set = CERTID_BOTH};
    by_ca.template_no = 1;
    by_responder.template_no = 2;
    CHECK(template_from_certificates(ca_span, SPAN_EMPTY, &by_ca) == ERR_OK);
    CHECK(template_from_certificates(ca_span, span, &by_responder) == ERR_OK);
    X509_free(ca), X509_free(responder), EVP_PKEY_free(key);
    return 0;
}

static void ends(void **state)
{
    (void)state;
    struct ocsp_template bad = by_responder;
    bad.responder_cert[0] ^= 1;
    assert_int_equal(outlive_signer_end_s(&by_responder), end_s);
    assert_true(outlive_signer_end_s(&by_ca) == UINT64_MAX);
    assert_int_equal(outlive_signer_end_s(&bad), 0);
}

static void counted(void **state)
{
    (void)state;
    static const struct {
        uint16_t template_no;
        int past; /* nextUpdate behind the certificate's end */
    } rows[] = {{1, -5}, {1, 5}, {2, -1}, {2, 0}, {2, 1}, {2, 1000}};
    static const uint8_t signature[64] = {1};
    static struct pack_writer w;
    static uint8_t out[65536];
    const struct ocsp_template *templates[] = {&by_ca, &by_responder};
    struct pack_info info = {.issuer_id = by_ca.issuer_id,
                             .kind = PACK_RANGE,
                             .after = SERIAL_BEFORE_ALL,
                             .until = SERIAL_AFTER_ALL};
    pack_writer_start(&w, &info, templates, 2, out, sizeof out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct statement s = {.serial = {.size = 1, .octets = {(uint8_t)(i + 1)}},
                              .facts = {.template_no = rows[i].template_no,
                                        .reason = REASON_ABSENT,
                                        .this_update_s = (uint32_t)end_s - 100000},
                              .signature = span_of(signature, sizeof signature)};
        s.facts.next_update_s = (uint32_t)(end_s + (uint64_t)(int64_t)rows[i].past);
        pack_writer_add(&w, &s);
    }
    size_t size;
    struct pack_reader pack;
    assert_int_equal(pack_writer_finish(&w, &info, &size), ERR_OK);
    assert_int_equal(pack_open(span_of(out, size), &pack), ERR_OK);
    assert_int_equal(outlive_count(&pack), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(counted)};
    return cmocka_run_group_tests(tests, start, NULL);
}
