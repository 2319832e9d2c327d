/* SPDX-License-Identifier: Apache-2.0 */
#include "ocsp_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "edge/trust.h"

/* Three CAs: ours (P-256) with a responder, another one, and a responder that ours certified for
 * something else. */
static EVP_PKEY *ca_key, *other_key, *responder_key;
static X509 *ca, *other, *responder, *no_eku;
static struct ocsp_template by_ca, by_responder, by_other, by_no_eku;
static char directory[FIXTURE_PATH_BYTES], ca_file[FIXTURE_PATH_BYTES],
    both_file[FIXTURE_PATH_BYTES], bad_file[FIXTURE_PATH_BYTES], empty_file[FIXTURE_PATH_BYTES];

static void make_template(X509 *issuer, X509 *signer, struct ocsp_template *ret)
{
    uint8_t ca_der[4096], der[4096];
    struct span ca_span = span_of(ca_der, fixture_der(issuer, ca_der, sizeof ca_der));
    struct span span = SPAN_EMPTY;
    if (signer != NULL)
        span = span_of(der, fixture_der(signer, der, sizeof der));
    *ret = (struct ocsp_template){
        .template_no = 1, .certid_set = CERTID_BOTH, .refresh_interval_s = 9};
    CHECK(template_from_certificates(ca_span, span, ret) == ERR_OK);
}

static void write_pem(const char *path, X509 *a, X509 *b)
{
    FILE *file = fopen(path, "we");
    CHECK(file != NULL && PEM_write_X509(file, a) == 1);
    CHECK(b == NULL || PEM_write_X509(file, b) == 1);
    fclose(file);
}

static int start(void **state)
{
    (void)state;
    ca_key = fixture_key(SIG_ECDSA_P256_SHA256);
    other_key = fixture_key(SIG_ECDSA_P256_SHA256);
    responder_key = fixture_key(SIG_ECDSA_P256_SHA256);
    ca = fixture_certificate(ca_key, "CA", ca_key, "CA");
    other = fixture_certificate(other_key, "Other", other_key, "Other");
    responder = fixture_certificate(responder_key, "Responder", ca_key, "CA");
    /* Without extensions: what fixture_certificate() makes for a CA, signed anew by ours. */
    no_eku = fixture_certificate(responder_key, "CA", responder_key, "CA");
    CHECK(X509_sign(no_eku, ca_key, EVP_sha256()) > 0);
    make_template(ca, NULL, &by_ca);
    make_template(ca, responder, &by_responder);
    make_template(other, NULL, &by_other);
    make_template(ca, no_eku, &by_no_eku);
    fixture_directory(directory);
    write_pem(fixture_path(directory, "ca.pem", ca_file), ca, NULL);
    write_pem(fixture_path(directory, "both.pem", both_file), ca, other);
    fixture_text(fixture_path(directory, "empty.pem", empty_file), "nothing here\n");
    fixture_text(fixture_path(directory, "bad.pem", bad_file),
                 "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    EVP_PKEY_free(ca_key), EVP_PKEY_free(other_key), EVP_PKEY_free(responder_key);
    X509_free(ca), X509_free(other), X509_free(responder), X509_free(no_eku);
    fixture_remove(directory);
    return 0;
}

static struct trust *load(char *file)
{
    struct trust *trust = NULL;
    assert_int_equal(trust_load(&file, file == NULL ? 0 : 1, &trust, NULL), ERR_OK);
    return trust;
}

static void who_is_trusted(void **state)
{
    (void)state;
    static const struct {
        char *file; /* NULL: no CA is configured */
        const struct ocsp_template *t;
        enum err err;
    } rows[] = {
        {NULL, &by_ca, ERR_OK},           {NULL, &by_responder, ERR_OK},
        {NULL, &by_other, ERR_OK},        {NULL, &by_no_eku, ERR_OK},
        {ca_file, &by_ca, ERR_OK},        {ca_file, &by_responder, ERR_OK},
        {ca_file, &by_other, ERR_KEY},    {ca_file, &by_no_eku, ERR_KEY},
        {both_file, &by_other, ERR_OK},   {both_file, &by_responder, ERR_OK},
        {both_file, &by_no_eku, ERR_KEY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct trust *trust = load(rows[i].file);
        assert_int_equal(trust_check(trust, rows[i].t), rows[i].err);
        trust_free(trust);
    }
}

/* Names and hashes of our CA over the key of another one. */
static void another_key_under_our_name(void **state)
{
    (void)state;
    struct ocsp_template t = by_ca;
    memcpy(t.signer_spki, by_other.signer_spki, sizeof t.signer_spki);
    t.signer_spki_size = by_other.signer_spki_size;
    memcpy(t.responder_key_sha1, by_other.responder_key_sha1, sizeof t.responder_key_sha1);
    struct trust *any = load(NULL);
    struct trust *ours = load(ca_file);
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    memcpy(t.key_sha1, by_other.key_sha1, sizeof t.key_sha1);
    memcpy(t.key_sha256, by_other.key_sha256, sizeof t.key_sha256);
    assert_int_equal(trust_check(any, &t), ERR_OK); /* consistent, and somebody's */
    assert_int_equal(trust_check(ours, &t), ERR_KEY);
    trust_free(any);
    trust_free(ours);
}

/* A responder certificate with the right names that another key has signed. */
static void forged_responder(void **state)
{
    (void)state;
    X509 *forged = fixture_certificate(responder_key, "Responder", other_key, "CA");
    struct ocsp_template t;
    make_template(ca, forged, &t);
    struct trust *any = load(NULL);
    struct trust *ours = load(ca_file);
    assert_int_equal(trust_check(any, &t), ERR_OK);
    assert_int_equal(trust_check(ours, &t), ERR_SIGNATURE);
    trust_free(any);
    trust_free(ours);
    X509_free(forged);
}

/* Each octet of the fields that must fit one another. */
static void contradictions(void **state)
{
    (void)state;
    struct trust *any = load(NULL);
    const struct ocsp_template *good[] = {&by_ca, &by_responder};
    for (size_t k = 0; k < 2; k++) {
        struct ocsp_template t = *good[k];
        t.responder_key_sha1[3] ^= 1;
        assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
        t = *good[k];
        t.signer_spki[t.signer_spki_size - 1] ^= 1;
        assert_int_not_equal(trust_check(any, &t), ERR_OK);
        t = *good[k];
        t.sig_alg = SIG_RSA2048_SHA256;
        assert_int_not_equal(trust_check(any, &t), ERR_OK);
    }
    struct ocsp_template t = by_ca;
    t.key_sha1[0] ^= 1;
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    t = by_ca;
    t.key_sha256[31] ^= 1;
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    t = by_responder;
    t.name_sha1[0] ^= 1;
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    t = by_responder;
    t.name_sha256[9] ^= 1;
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    t = by_responder;
    t.responder_cert_size--;
    assert_int_equal(trust_check(any, &t), ERR_MALFORMED);
    trust_free(any);
}

static void files_that_are_refused(void **state)
{
    (void)state;
    static char missing[] = "/nonexistent/ca.pem";
    const struct {
        char *file;
        enum err err;
    } rows[] = {{missing, ERR_NOT_FOUND}, {bad_file, ERR_MALFORMED}, {empty_file, ERR_MALFORMED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *files[] = {ca_file, rows[i].file};
        struct trust *trust = NULL;
        unsigned bad = 9;
        assert_int_equal(trust_load(files, 2, &trust, &bad), rows[i].err);
        assert_int_equal(bad, 1);
        assert_null(trust);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_trusted),         cmocka_unit_test(another_key_under_our_name),
        cmocka_unit_test(forged_responder),       cmocka_unit_test(contradictions),
        cmocka_unit_test(files_that_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
