/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unhex.h"

/* Offsets in the wire form, as lib/template.h has it. */
enum { AT_VERSION = 4, AT_NUMBER = 13, AT_CERTID_SET = 15, AT_SIG_ALG = 16, AT_SPKI_SIZE = 145 };

static struct fixture_signer plain, delegated;

static int make_signers(void **state)
{
    (void)state;
    fixture_signer_make(SIG_ECDSA_P256_SHA256, false, &plain);
    fixture_signer_make(SIG_ECDSA_P384_SHA384, true, &delegated);
    return 0;
}

static int free_signers(void **state)
{
    (void)state;
    fixture_signer_free(&plain);
    fixture_signer_free(&delegated);
    return 0;
}

static size_t write_ok(const struct ocsp_template *t, uint8_t out[static TEMPLATE_BYTES_MAX])
{
    size_t size = 0;
    assert_int_equal(template_write(t, out, TEMPLATE_BYTES_MAX, &size), ERR_OK);
    assert_int_equal(size,
                     (size_t)TEMPLATE_FIXED_BYTES + t->signer_spki_size + t->responder_cert_size);
    return size;
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct ocsp_template *templates[] = {&plain.t, &delegated.t};
    for (size_t i = 0; i < 2; i++) {
        uint8_t wire[TEMPLATE_BYTES_MAX + 1] = {0}, short_out[TEMPLATE_BYTES_MAX];
        size_t size = write_ok(templates[i], wire), none = 0;
        struct ocsp_template back;
        memset(&back, 0, sizeof back);
        assert_int_equal(template_read(span_of(wire, size), &back), ERR_OK);
        assert_memory_equal(&back, templates[i], sizeof back);
        assert_int_equal(template_read(span_of(wire, size + 1), &back), ERR_TRAILING);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(template_read(span_of(wire, cut), &back), ERR_TRUNCATED);
        assert_int_equal(template_write(templates[i], short_out, size - 1, &none), ERR_NO_SPACE);
    }
    assert_int_equal(plain.t.responder_cert_size, 0);
    assert_true(delegated.t.responder_cert_size > 200);
}

static const struct {
    size_t at;
    const char *octets;
    enum err err;
} broken[] = {
    {0, "00", ERR_MALFORMED},
    {AT_VERSION, "00", ERR_UNSUPPORTED},
    {AT_VERSION, "02", ERR_UNSUPPORTED},
    {AT_NUMBER, "0000", ERR_MALFORMED},
    {AT_CERTID_SET, "00", ERR_MALFORMED},
    {AT_CERTID_SET, "04", ERR_MALFORMED},
    {AT_SIG_ALG, "00", ERR_UNSUPPORTED},
    {AT_SIG_ALG, "07", ERR_UNSUPPORTED},
    {AT_SPKI_SIZE, "0401", ERR_LIMIT},
};

static void test_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint8_t wire[TEMPLATE_BYTES_MAX];
        size_t size = write_ok(&plain.t, wire);
        struct span octets = UNHEX(broken[i].octets);
        memcpy(wire + broken[i].at, octets.data, octets.size);
        struct ocsp_template t = {.template_no = 77};
        enum err err = template_read(span_of(wire, size), &t);
        if (err != broken[i].err)
            fail_msg("%zu %s: %s", broken[i].at, broken[i].octets, err_name(err));
        assert_int_equal(t.template_no, 77);
    }
}

static void test_broken_parts(void **state)
{
    (void)state;
    uint8_t wire[TEMPLATE_BYTES_MAX];
    struct ocsp_template t = plain.t, back;
    t.signer_spki_size = 0;
    assert_int_equal(template_read(span_of(wire, write_ok(&t, wire)), &back), ERR_MALFORMED);
    t = delegated.t;
    t.responder_cert_size--;
    assert_int_equal(template_read(span_of(wire, write_ok(&t, wire)), &back), ERR_MALFORMED);
    t = delegated.t;
    t.responder_cert[t.responder_cert_size++] = 0;
    assert_int_equal(template_read(span_of(wire, write_ok(&t, wire)), &back), ERR_MALFORMED);
}

/* OpenSSL makes the CertIDs of the same certificates. */
static void test_hashes_against_openssl(void **state)
{
    (void)state;
    const EVP_MD *mds[] = {EVP_sha1(), EVP_sha256()};
    const uint8_t *names[] = {plain.t.name_sha1, plain.t.name_sha256};
    const uint8_t *keys[] = {plain.t.key_sha1, plain.t.key_sha256};
    for (size_t i = 0; i < 2; i++) {
        ASN1_OCTET_STRING *name, *key;
        OCSP_CERTID *id = OCSP_cert_to_id(mds[i], NULL, plain.cert);
        assert_int_equal(OCSP_id_get0_info(&name, NULL, &key, NULL, id), 1);
        assert_memory_equal(names[i], ASN1_STRING_get0_data(name),
                            (size_t)ASN1_STRING_length(name));
        assert_memory_equal(keys[i], ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key));
        OCSP_CERTID_free(id);
    }
    assert_memory_equal(plain.t.responder_key_sha1, plain.t.key_sha1, 20);
    assert_memory_not_equal(delegated.t.responder_key_sha1, delegated.t.key_sha1, 20);
    assert_int_not_equal(plain.t.issuer_id, 0);
    assert_int_not_equal(plain.t.issuer_id, delegated.t.issuer_id);
}

static void expect_from_key(EVP_PKEY *key, enum err want)
{
    uint8_t der[RESPONDER_CERT_BYTES_MAX];
    struct ocsp_template t = {.template_no = 77};
    X509 *cert = fixture_certificate(key, "CA", key, "CA");
    size_t size = fixture_der(cert, der, sizeof der);
    assert_int_equal(template_from_certificates(span_of(der, size), SPAN_EMPTY, &t), want);
    assert_int_equal(t.template_no, 77);
    assert_int_equal(t.signer_spki_size != 0, want == ERR_OK);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void test_key_types(void **state)
{
    (void)state;
    expect_from_key(EVP_RSA_gen(1024), ERR_UNSUPPORTED);
    expect_from_key(EVP_RSA_gen(2056), ERR_UNSUPPORTED);
    expect_from_key(EVP_EC_gen("P-521"), ERR_UNSUPPORTED);
    expect_from_key(EVP_EC_gen("secp256k1"), ERR_UNSUPPORTED);
    expect_from_key(EVP_RSA_gen(3072), ERR_OK);
    expect_from_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ERR_OK);
}

static void test_bad_certificates(void **state)
{
    (void)state;
    static uint8_t der[RESPONDER_CERT_BYTES_MAX + 1];
    struct ocsp_template t = {.template_no = 77};
    size_t size = fixture_der(plain.cert, der, sizeof der);
    struct span good = span_of(der, size);
    assert_int_equal(template_from_certificates(SPAN_EMPTY, SPAN_EMPTY, &t), ERR_MALFORMED);
    assert_int_equal(template_from_certificates(span_of(der, size - 1), SPAN_EMPTY, &t),
                     ERR_MALFORMED);
    assert_int_equal(template_from_certificates(span_of(der, size + 1), SPAN_EMPTY, &t),
                     ERR_MALFORMED);
    assert_int_equal(template_from_certificates(good, span_of(der, size - 1), &t), ERR_MALFORMED);
    assert_int_equal(template_from_certificates(good, span_of(der, sizeof der), &t), ERR_LIMIT);
    assert_int_equal(t.template_no, 77);
    assert_int_equal(t.issuer_id, 0);
}

static void verify_both_ways(enum sig_alg alg)
{
    struct fixture_signer signer;
    struct ocsp_template other;
    EVP_PKEY *other_key = fixture_key(alg);
    struct template_verifier *v = NULL, *wrong = NULL;
    uint8_t octets[SIGNATURE_BYTES_MAX];
    fixture_signer_make(alg, true, &signer);
    fixture_template(other_key, "CA", &other);
    EVP_PKEY_free(other_key);
    assert_int_equal(template_verifier_new(&signer.t, &v), ERR_OK);
    assert_int_equal(template_verifier_new(&other, &wrong), ERR_OK);
    struct statement s = {.serial = {.size = 2, .octets = {0x01, 0x80}},
                          .facts = {.status = CERT_GOOD,
                                    .reason = REASON_ABSENT,
                                    .this_update_s = 1700000000,
                                    .next_update_s = 1700600000}};
    s.signature = fixture_sign(&signer, &s.serial, &s.facts, s.facts.this_update_s, octets);
    /* Again and again with the same contexts, a failure between. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(template_verify(v, &s), ERR_OK);
        assert_int_equal(template_verify(wrong, &s), ERR_SIGNATURE);
        octets[s.signature.size - 1] ^= 1;
        assert_int_equal(template_verify(v, &s), ERR_SIGNATURE);
        octets[s.signature.size - 1] ^= 1;
        s.facts.next_update_s++;
        assert_int_equal(template_verify(v, &s), ERR_SIGNATURE);
        s.facts.next_update_s--;
        s.signature.size--;
        assert_int_equal(template_verify(v, &s), ERR_MALFORMED);
        s.signature.size++;
    }
    memset(octets, 0xff, sizeof octets); /* r, s and the RSA number above the modulus */
    assert_int_equal(template_verify(v, &s), ERR_SIGNATURE);
    assert_null(template_verifier_free(v));
    template_verifier_free(wrong);
    fixture_signer_free(&signer);
}

static void test_verify(void **state)
{
    (void)state;
#define X(name, number, size, text) verify_both_ways(SIG_##name);
    SIG_ALG_TABLE(X)
#undef X
    assert_null(template_verifier_free(NULL));
}

static void test_verifier_needs_its_key(void **state)
{
    (void)state;
    struct template_verifier *v = NULL;
    struct ocsp_template t = plain.t;
    t.sig_alg = SIG_ECDSA_P384_SHA384;
    assert_int_equal(template_verifier_new(&t, &v), ERR_MALFORMED);
    t = plain.t;
    t.signer_spki_size--;
    assert_int_equal(template_verifier_new(&t, &v), ERR_MALFORMED);
    t = plain.t;
    t.signer_spki[t.signer_spki_size++] = 0;
    assert_int_equal(template_verifier_new(&t, &v), ERR_MALFORMED);
    assert_null(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_broken),
        cmocka_unit_test(test_broken_parts), cmocka_unit_test(test_hashes_against_openssl),
        cmocka_unit_test(test_key_types),    cmocka_unit_test(test_bad_certificates),
        cmocka_unit_test(test_verify),       cmocka_unit_test(test_verifier_needs_its_key),
    };
    return cmocka_run_group_tests(tests, make_signers, free_signers);
}
