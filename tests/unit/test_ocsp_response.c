/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unhex.h"

#include "lib/ocsp_request.h"

static const struct serial serial = {.size = 4, .octets = {0x01, 0xaa, 0xf0, 0x0d}};

/* The template of the published response: its hashes from the published request, its certificate
 * from the response. */
static void rfc9919_template(const OCSP_BASICRESP *basic, struct ocsp_template *ret)
{
    uint8_t der[FIXTURE_VECTOR_BYTES];
    size_t size = fixture_vector("rfc9919-request.b64", der);
    struct ocsp_request request;
    assert_int_equal(ocsp_request_decode(span_of(der, size), &request), ERR_OK);
    *ret = (struct ocsp_template){
        .template_no = 1, .certid_set = CERTID_SHA256, .sig_alg = SIG_ECDSA_P384_SHA384};
    assert_int_equal(request.name_hash.size, 32);
    memcpy(ret->name_sha256, request.name_hash.data, 32);
    memcpy(ret->key_sha256, request.key_hash.data, 32);
    const ASN1_OCTET_STRING *key_hash;
    const X509_NAME *name;
    assert_int_equal(OCSP_resp_get0_id(basic, &key_hash, &name), 1);
    assert_null(name);
    memcpy(ret->responder_key_sha1, ASN1_STRING_get0_data(key_hash), 20);
    X509 *cert = sk_X509_value(OCSP_resp_get0_certs(basic), 0);
    ret->responder_cert_size =
        (uint16_t)fixture_der(cert, ret->responder_cert, sizeof ret->responder_cert);
}

#define RFC9919_PRODUCED_AT_S 1712061467 /* a day before thisUpdate */
static const struct facts rfc9919_facts = {.status = CERT_GOOD,
                                           .reason = REASON_ABSENT,
                                           .this_update_s = 1712147867,
                                           .next_update_s = 1712752667};

struct published {
    uint8_t der[FIXTURE_VECTOR_BYTES];
    size_t size;
    OCSP_BASICRESP *basic;
    struct ocsp_template t;
    uint8_t signature[96];
};

static void published_read(struct published *p)
{
    p->size = fixture_vector("rfc9919-response.b64", p->der);
    assert_int_equal(p->size, 931);
    const unsigned char *at = p->der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)p->size);
    assert_non_null(response);
    p->basic = OCSP_response_get1_basic(response);
    OCSP_RESPONSE_free(response);
    rfc9919_template(p->basic, &p->t);
    const ASN1_OCTET_STRING *bits = OCSP_resp_get0_signature(p->basic);
    struct span x509 = span_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits));
    assert_int_equal(sig_from_x509(SIG_ECDSA_P384_SHA384, x509, p->signature, 96), ERR_OK);
}

static void test_rfc9919_bytes(void **state)
{
    (void)state;
    struct published p;
    published_read(&p);
    uint8_t out[OCSP_RESPONSE_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(ocsp_response_encode(&p.t, &serial, &rfc9919_facts, RFC9919_PRODUCED_AT_S,
                                          span_of(p.signature, 96), out, sizeof out, &size),
                     ERR_OK);
    assert_int_equal(size, 931);
    assert_memory_equal(out, p.der, size);
    OCSP_BASICRESP_free(p.basic);
}

/* The published signature is over the to-be-signed part as we write it. */
static void test_rfc9919_signature(void **state)
{
    (void)state;
    struct published p;
    published_read(&p);
    uint8_t tbs[OCSP_TBS_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(ocsp_tbs_encode(&p.t, &serial, &rfc9919_facts, RFC9919_PRODUCED_AT_S, tbs,
                                     sizeof tbs, &size),
                     ERR_OK);
    const ASN1_OCTET_STRING *bits = OCSP_resp_get0_signature(p.basic);
    EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(OCSP_resp_get0_certs(p.basic), 0));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, ASN1_STRING_get0_data(bits),
                                      (size_t)ASN1_STRING_length(bits), tbs, size),
                     1);
    EVP_MD_CTX_free(ctx);
    OCSP_BASICRESP_free(p.basic);
}

/* ---- one CertStatus after another, in hexadecimal ---- */

#define REVOKED_AT "180f 32303234303430323132333734375a" /* 20240402123747Z */

static const struct {
    struct facts facts;
    const char *status;
} status_cases[] = {
    {{.status = CERT_GOOD, .reason = REASON_ABSENT}, "8000 18"},
    {{.status = CERT_REVOKED, .reason = REASON_ABSENT, .revoked_at_s = 1712061467},
     "a111" REVOKED_AT},
    {{.status = CERT_REVOKED, .reason = REASON_UNSPECIFIED, .revoked_at_s = 1712061467},
     "a116" REVOKED_AT "a003 0a0100"},
    {{.status = CERT_REVOKED, .reason = REASON_AA_COMPROMISE, .revoked_at_s = 1712061467},
     "a116" REVOKED_AT "a003 0a010a"},
};

static void test_status(void **state)
{
    (void)state;
    struct ocsp_template t = {.certid_set = CERTID_BOTH};
    for (size_t i = 0; i < sizeof status_cases / sizeof status_cases[0]; i++) {
        uint8_t tbs[OCSP_TBS_BYTES_MAX];
        size_t size = 0, found = 0;
        struct span want = UNHEX(status_cases[i].status);
        assert_int_equal(
            ocsp_tbs_encode(&t, &serial, &status_cases[i].facts, 0, tbs, sizeof tbs, &size),
            ERR_OK);
        for (const uint8_t *at = tbs; at != NULL; found += at != NULL) {
            at = memmem(at, size - (size_t)(at - tbs), want.data, want.size);
            at = at == NULL ? NULL : at + 1;
        }
        if (found != 2)
            fail_msg("%s: %zu times", status_cases[i].status, found);
    }
}

/* The order of the SingleResponses. */
static void test_certid_sets(void **state)
{
    (void)state;
    static const uint8_t sha1_id[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
    static const uint8_t sha256_id[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
    for (uint8_t set = CERTID_SHA1; set <= CERTID_BOTH; set++) {
        struct ocsp_template t = {.certid_set = set};
        uint8_t tbs[OCSP_TBS_BYTES_MAX];
        size_t size = 0;
        assert_int_equal(ocsp_tbs_encode(&t, &serial, &rfc9919_facts, 0, tbs, sizeof tbs, &size),
                         ERR_OK);
        const uint8_t *sha1 = memmem(tbs, size, sha1_id, sizeof sha1_id);
        const uint8_t *sha256 = memmem(tbs, size, sha256_id, sizeof sha256_id);
        assert_int_equal(sha1 != NULL, (set & CERTID_SHA1) != 0);
        assert_int_equal(sha256 != NULL, (set & CERTID_SHA256) != 0);
        if (set == CERTID_BOTH)
            assert_true(sha1 < sha256);
    }
}

/* The to-be-signed part is in the response, octet by octet; each smaller buffer is refused. */
static void test_tbs_within_and_space(void **state)
{
    (void)state;
    struct ocsp_template t = {.certid_set = CERTID_BOTH, .sig_alg = SIG_ED25519};
    uint8_t tbs[OCSP_TBS_BYTES_MAX], out[OCSP_RESPONSE_BYTES_MAX], signature[64] = {1};
    size_t tbs_size = 0, size = 0, none = 77;
    assert_int_equal(ocsp_tbs_encode(&t, &serial, &rfc9919_facts, 5, tbs, sizeof tbs, &tbs_size),
                     ERR_OK);
    struct span s = span_of(signature, sizeof signature);
    assert_int_equal(
        ocsp_response_encode(&t, &serial, &rfc9919_facts, 5, s, out, sizeof out, &size), ERR_OK);
    assert_non_null(memmem(out, size, tbs, tbs_size));
    for (size_t room = 0; room < size; room++)
        assert_int_equal(ocsp_response_encode(&t, &serial, &rfc9919_facts, 5, s, out, room, &none),
                         ERR_NO_SPACE);
    for (size_t room = 0; room < tbs_size; room++)
        assert_int_equal(ocsp_tbs_encode(&t, &serial, &rfc9919_facts, 5, tbs, room, &none),
                         ERR_NO_SPACE);
    assert_int_equal(none, 77);
    size_t measured = 0;
    assert_int_equal(ocsp_response_encode(&t, &serial, &rfc9919_facts, 5, s, NULL, 0, &measured),
                     ERR_OK);
    assert_int_equal(measured, size);
}

/* The largest of everything stays below the limits of lib/limit.h. */
static void test_limits_hold(void **state)
{
    (void)state;
    static struct ocsp_template t = {.certid_set = CERTID_BOTH,
                                     .sig_alg = SIG_RSA4096_SHA256,
                                     .responder_cert_size = RESPONDER_CERT_BYTES_MAX};
    struct serial longest = {.size = SERIAL_BYTES_MAX};
    memset(longest.octets, 0x7f, sizeof longest.octets);
    struct facts facts = {.status = CERT_REVOKED,
                          .reason = REASON_SUPERSEDED,
                          .revoked_at_s = UINT32_MAX,
                          .this_update_s = UINT32_MAX - 1,
                          .next_update_s = UINT32_MAX};
    uint8_t out[OCSP_RESPONSE_BYTES_MAX], tbs[OCSP_TBS_BYTES_MAX], signature[512] = {0xff};
    size_t size;
    assert_int_equal(ocsp_tbs_encode(&t, &longest, &facts, UINT32_MAX, tbs, sizeof tbs, &size),
                     ERR_OK);
    assert_int_equal(ocsp_response_encode(&t, &longest, &facts, UINT32_MAX,
                                          span_of(signature, sizeof signature), out, sizeof out,
                                          &size),
                     ERR_OK);
}

static void test_unsayable(void **state)
{
    (void)state;
    const struct ocsp_template t = {.certid_set = CERTID_BOTH, .sig_alg = SIG_ED25519};
    struct ocsp_template no_set = t, no_alg = t;
    struct facts no_status = rfc9919_facts, no_reason = rfc9919_facts;
    const struct serial none = {.size = 0}, bound = SERIAL_AFTER_ALL;
    no_set.certid_set = 0;
    no_alg.sig_alg = 0;
    no_status.status = 2;
    no_reason.reason = 7;
    const struct {
        const struct ocsp_template *t;
        const struct serial *serial;
        const struct facts *facts;
        size_t signature;
        enum err err;
    } unsayable[] = {
        {&t, &serial, &rfc9919_facts, 64, ERR_OK},
        {&t, &serial, &rfc9919_facts, 63, ERR_MALFORMED},
        {&t, &serial, &rfc9919_facts, 0, ERR_MALFORMED},
        {&no_set, &serial, &rfc9919_facts, 64, ERR_MALFORMED},
        {&no_alg, &serial, &rfc9919_facts, 64, ERR_MALFORMED},
        {&t, &none, &rfc9919_facts, 64, ERR_MALFORMED},
        {&t, &bound, &rfc9919_facts, 64, ERR_MALFORMED},
        {&t, &serial, &no_status, 64, ERR_MALFORMED},
        {&t, &serial, &no_reason, 64, ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof unsayable / sizeof unsayable[0]; i++) {
        uint8_t out[OCSP_RESPONSE_BYTES_MAX], signature[64] = {1};
        size_t size = 77;
        assert_int_equal(ocsp_response_encode(
                             unsayable[i].t, unsayable[i].serial, unsayable[i].facts, 0,
                             span_of(signature, unsayable[i].signature), out, sizeof out, &size),
                         unsayable[i].err);
        assert_int_equal(size == 77, unsayable[i].err != ERR_OK);
    }
}

static void test_error_responses(void **state)
{
    (void)state;
    const enum ocsp_response_status statuses[] = {OCSP_MALFORMED_REQUEST, OCSP_INTERNAL_ERROR,
                                                  OCSP_TRY_LATER, OCSP_UNAUTHORIZED};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct span der = ocsp_error_response(statuses[i]);
        const unsigned char *at = der.data;
        OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.size);
        assert_non_null(response);
        assert_int_equal(OCSP_response_status(response), statuses[i]);
        OCSP_RESPONSE_free(response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9919_bytes),
        cmocka_unit_test(test_rfc9919_signature),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_certid_sets),
        cmocka_unit_test(test_tbs_within_and_space),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_unsayable),
        cmocka_unit_test(test_error_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
