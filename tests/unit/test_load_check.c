/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's judgement of OCSP answers: right ones of every kind pass, and every single
 * flipped bit of one is seen, by the structure, by what is compared, or by the signature. */
#include "ocsp_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bench/load/reply_check.h"
#include "bench/load/request_write.h"
#include "bench/load/signature_judge.h"

#define NOW_S  1700000000u
#define DAY_S  86400u
#define SERIAL "4a00112233445566778899aabbccddeeff"

static struct {
    struct fixture_signer signer;
    struct serial serial;
    struct request_issuer id[2];
    uint8_t der[OCSP_RESPONSE_BYTES_MAX];
    size_t size;
} t;

static struct facts facts_of(enum cert_status status)
{
    struct facts facts = {.status = (uint8_t)status,
                          .reason = REASON_ABSENT,
                          .this_update_s = NOW_S - DAY_S,
                          .next_update_s = NOW_S + DAY_S};
    if (status == CERT_REVOKED) {
        facts.reason = REASON_SUPERSEDED;
        facts.revoked_at_s = NOW_S - 2 * DAY_S;
    }
    return facts;
}

static void encode(const struct facts *facts)
{
    uint8_t signature[SIGNATURE_BYTES_MAX];
    struct span signed_by =
        fixture_sign(&t.signer, &t.serial, facts, facts->this_update_s, signature);
    assert_int_equal(ocsp_response_encode(&t.signer.t, &t.serial, facts, facts->this_update_s,
                                          signed_by, t.der, sizeof t.der, &t.size),
                     ERR_OK);
}

static void make(enum sig_alg alg, bool delegated, enum certid_set set)
{
    fixture_signer_make(alg, delegated, &t.signer);
    t.signer.t.certid_set = (uint8_t)set;
    assert_int_equal(serial_from_hex(span_text(SERIAL), &t.serial), ERR_OK);
    const struct ocsp_template *template = &t.signer.t;
    t.id[0] = (struct request_issuer){CERTID_HASH_SHA1, span_of(template->name_sha1, 20),
                                      span_of(template->key_sha1, 20)};
    t.id[1] = (struct request_issuer){CERTID_HASH_SHA256, span_of(template->name_sha256, 32),
                                      span_of(template->key_sha256, 32)};
}

static enum reply_verdict check_at(struct span der, const struct request_issuer *id,
                                   struct span serial, uint64_t now_s)
{
    uint8_t prefix[QUESTION_PREFIX_MAX];
    size_t size = 0;
    assert_int_equal(request_certid_prefix(id, serial.size, prefix, &size), ERR_OK);
    struct reply_question q = {.certid = {id->hash, id->name_hash, id->key_hash, serial},
                               .certid_prefix = span_of(prefix, size)};
    enum reply_verdict verdict = reply_check(der, &q, now_s, now_s);
    /* The short way and the general one agree. */
    q.certid_prefix = span_of("?", 1);
    assert_int_equal(reply_check(der, &q, now_s, now_s), verdict);
    return verdict;
}

static enum reply_verdict check(struct span der, unsigned hash)
{
    return check_at(der, &t.id[hash], span_of(t.serial.octets, t.serial.size), NOW_S);
}

static void right_answers(void **state)
{
    (void)state;
    for (unsigned delegated = 0; delegated < 2; delegated++) {
        for (unsigned set = CERTID_SHA1; set <= CERTID_BOTH; set++) {
            make(SIG_ECDSA_P256_SHA256, delegated, (enum certid_set)set);
            for (unsigned status = CERT_GOOD; status <= CERT_REVOKED; status++) {
                struct facts facts = facts_of((enum cert_status)status);
                encode(&facts);
                for (unsigned hash = 0; hash < 2; hash++)
                    assert_int_equal(check(span_of(t.der, t.size), hash),
                                     !(set & (1u << hash)) ? REPLY_WRONG_SERIAL
                                     : status == CERT_GOOD ? REPLY_GOOD
                                                           : REPLY_REVOKED);
            }
            fixture_signer_free(&t.signer);
        }
    }
}

static void published_vector(void **state)
{
    (void)state;
    uint8_t request[FIXTURE_VECTOR_BYTES], response[FIXTURE_VECTOR_BYTES];
    struct ocsp_request asked;
    size_t request_size = fixture_vector("rfc9919-request.b64", request);
    size_t size = fixture_vector("rfc9919-response.b64", response);
    assert_int_equal(ocsp_request_decode(span_of(request, request_size), &asked), ERR_OK);
    struct request_issuer id = {asked.hash, asked.name_hash, asked.key_hash};
    enum reply_verdict verdict = check_at(span_of(response, size), &id, asked.serial, NOW_S);
    assert_int_equal(verdict, REPLY_NOT_FRESH); /* it is of another year */
}

static void times(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, false, CERTID_BOTH);
    struct facts facts = facts_of(CERT_GOOD);
    encode(&facts);
    struct span der = span_of(t.der, t.size), serial = span_of(t.serial.octets, t.serial.size);
    static const struct {
        int64_t offset_s;
        bool fresh;
    } rows[] = {{-(int64_t)DAY_S - 1, false},
                {-(int64_t)DAY_S, true},
                {0, true},
                {DAY_S, true},
                {DAY_S + 1, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(check_at(der, &t.id[0], serial, NOW_S + (uint64_t)rows[i].offset_s),
                         rows[i].fresh ? REPLY_GOOD : REPLY_NOT_FRESH);
    fixture_signer_free(&t.signer);
}

static void other_certificates(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, false, CERTID_BOTH);
    struct facts facts = facts_of(CERT_GOOD);
    encode(&facts);
    struct span der = span_of(t.der, t.size);
    for (size_t bit = 0; bit < 8u * t.serial.size; bit++) {
        struct serial other = t.serial;
        other.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(check_at(der, &t.id[0], span_of(other.octets, other.size), NOW_S),
                         REPLY_WRONG_SERIAL);
    }
    assert_int_equal(check_at(der, &t.id[0], span_of(t.serial.octets, t.serial.size - 1u), NOW_S),
                     REPLY_WRONG_SERIAL);
    struct request_issuer swapped = {t.id[0].hash, t.id[0].key_hash, t.id[0].name_hash};
    assert_int_equal(check_at(der, &swapped, span_of(t.serial.octets, t.serial.size), NOW_S),
                     REPLY_WRONG_SERIAL);
    fixture_signer_free(&t.signer);
}

static void error_answers(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, false, CERTID_BOTH);
    static const enum ocsp_response_status statuses[] = {
        OCSP_MALFORMED_REQUEST, OCSP_INTERNAL_ERROR, OCSP_TRY_LATER, OCSP_UNAUTHORIZED};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(check(ocsp_error_response(statuses[i]), 0), REPLY_OCSP_ERROR);
    static const uint8_t reserved[] = {0x30, 3, 0x0a, 1, 4}, seven[] = {0x30, 3, 0x0a, 1, 7},
                         bare[] = {0x30, 3, 0x0a, 1, 0}, more[] = {0x30, 3, 0x0a, 1, 1, 0};
    assert_int_equal(check(span_of(reserved, 5), 0), REPLY_NOT_DER);
    assert_int_equal(check(span_of(seven, 5), 0), REPLY_NOT_DER);
    assert_int_equal(check(span_of(bare, 5), 0), REPLY_NOT_DER);
    assert_int_equal(check(span_of(more, 6), 0), REPLY_NOT_DER);
    assert_int_equal(check(SPAN_EMPTY, 0), REPLY_NOT_DER);
    fixture_signer_free(&t.signer);
}

static void truncated(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, true, CERTID_BOTH);
    struct facts facts = facts_of(CERT_REVOKED);
    encode(&facts);
    for (size_t size = 0; size < t.size; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, t.der, size);
        assert_int_equal(check(span_of(copy, size), 0), REPLY_NOT_DER);
        free(copy);
    }
    t.der[t.size] = 0;
    assert_int_equal(check(span_of(t.der, t.size + 1), 0), REPLY_NOT_DER);
    fixture_signer_free(&t.signer);
}

static struct signature_judge *judge_of(struct ocsp_issuer *issuer)
{
    struct signature_judge *judge = NULL;
    *issuer = (struct ocsp_issuer){.certificate = t.signer.cert};
    assert_int_equal(signature_judge_new(issuer, &judge), ERR_OK);
    return judge;
}

/* Signed by the CA itself. The only octets whose change may pass both are none: the signature is
 * over all that is said, and the rest is compared or has one way to be written. */
static void flipped_bits(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, false, CERTID_BOTH);
    struct facts facts = facts_of(CERT_GOOD);
    facts.this_update_s =
        (uint32_t)time(NULL) - DAY_S; /* OpenSSL asks the clock for certificates */
    facts.next_update_s = facts.this_update_s + 2 * DAY_S;
    encode(&facts);
    struct ocsp_issuer issuer;
    struct signature_judge *judge = judge_of(&issuer);
    struct span der = span_of(t.der, t.size), serial = span_of(t.serial.octets, t.serial.size);
    uint64_t now_s = facts.this_update_s + DAY_S;
    assert_int_equal(check_at(der, &t.id[0], serial, now_s), REPLY_GOOD);
    assert_true(signature_judge_accepts(judge, der));
    unsigned seen_by_check = 0, seen_by_signature = 0;
    for (size_t bit = 0; bit < 8 * t.size; bit++) {
        t.der[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool check_accepts = check_at(der, &t.id[0], serial, now_s) == REPLY_GOOD;
        bool judge_accepts = signature_judge_accepts(judge, der);
        if (check_accepts && judge_accepts)
            fail_msg("bit %zu of %zu is not seen", bit, 8 * t.size);
        seen_by_check += !check_accepts;
        seen_by_signature += !judge_accepts;
        t.der[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(seen_by_check > 8 * t.size / 4 && seen_by_signature > 8 * t.size * 9 / 10);
    signature_judge_free(judge);
    fixture_signer_free(&t.signer);
}

static void other_signers(void **state)
{
    (void)state;
    make(SIG_ECDSA_P256_SHA256, false, CERTID_BOTH);
    struct facts facts = facts_of(CERT_GOOD);
    encode(&facts);
    struct ocsp_issuer issuer;
    struct signature_judge *judge = judge_of(&issuer);
    assert_true(signature_judge_accepts(judge, span_of(t.der, t.size)));
    X509 *cert = t.signer.cert;
    EVP_PKEY *key = t.signer.key;
    t.signer.key = fixture_key(SIG_ECDSA_P256_SHA256); /* somebody else in the same name */
    encode(&facts);
    assert_int_equal(check(span_of(t.der, t.size), 0), REPLY_GOOD);
    assert_false(signature_judge_accepts(judge, span_of(t.der, t.size)));
    assert_false(signature_judge_accepts(judge, ocsp_error_response(OCSP_TRY_LATER)));
    assert_false(signature_judge_accepts(judge, SPAN_EMPTY));
    signature_judge_free(judge);
    EVP_PKEY_free(key);
    t.signer.cert = cert;
    fixture_signer_free(&t.signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_answers), cmocka_unit_test(published_vector),
        cmocka_unit_test(times),         cmocka_unit_test(other_certificates),
        cmocka_unit_test(error_answers), cmocka_unit_test(truncated),
        cmocka_unit_test(flipped_bits),  cmocka_unit_test(other_signers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
