/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "format_fixture.h"
#include "unhex.h"

#include "lib/sig_alg.h"

/* OpenSSL names each AlgorithmIdentifier as we do. */
static const struct {
    enum sig_alg alg;
    int nid;
} known[] = {
    {SIG_ECDSA_P256_SHA256, NID_ecdsa_with_SHA256},
    {SIG_ECDSA_P384_SHA384, NID_ecdsa_with_SHA384},
    {SIG_RSA2048_SHA256, NID_sha256WithRSAEncryption},
    {SIG_RSA3072_SHA256, NID_sha256WithRSAEncryption},
    {SIG_RSA4096_SHA256, NID_sha256WithRSAEncryption},
    {SIG_ED25519, NID_ED25519},
};

static void test_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct sig_alg_info *info = sig_alg_info((uint8_t)known[i].alg);
        assert_non_null(info);
        assert_int_equal(info->alg, known[i].alg);
        const unsigned char *at = info->identifier.data;
        X509_ALGOR *algor = d2i_X509_ALGOR(NULL, &at, (long)info->identifier.size);
        assert_non_null(algor);
        assert_ptr_equal(at, info->identifier.data + info->identifier.size);
        assert_int_equal(OBJ_obj2nid(algor->algorithm), known[i].nid);
        bool rsa = known[i].nid == NID_sha256WithRSAEncryption;
        assert_int_equal(algor->parameter != NULL, rsa);
        X509_ALGOR_free(algor);
    }
    for (unsigned number = 0; number < 256; number++)
        assert_int_equal(sig_alg_info((uint8_t)number) != NULL, number >= 1 && number <= 6);
}

/* r and s of P-256 between blanks and zero octets that must go or come */
#define ZEROS_31 "00000000000000000000000000000000000000000000000000000000000000"

static void test_p256_forms(void **state)
{
    (void)state;
    struct span stored = UNHEX(ZEROS_31 "01 80" ZEROS_31);
    struct span want = UNHEX("3026 020101 0221 0080" ZEROS_31);
    uint8_t x509[SIG_X509_BYTES_MAX], back[64];
    size_t size = 0;
    assert_int_equal(sig_to_x509(SIG_ECDSA_P256_SHA256, stored, x509, sizeof x509, &size), ERR_OK);
    assert_true(span_equal(span_of(x509, size), want));
    assert_int_equal(sig_from_x509(SIG_ECDSA_P256_SHA256, want, back, sizeof back), ERR_OK);
    assert_true(span_equal(span_of(back, sizeof back), stored));
    for (size_t room = 0; room < want.size; room++)
        assert_int_equal(sig_to_x509(SIG_ECDSA_P256_SHA256, stored, x509, room, &size),
                         ERR_NO_SPACE);
    assert_int_equal(sig_from_x509(SIG_ECDSA_P256_SHA256, want, back, 63), ERR_NO_SPACE);
}

static const char *const bad_x509[] = {
    "",
    "3006 020101 0201",                    /* cut */
    "3006 020101 020101 00",               /* trailing */
    "3008 020101 020101 0500",             /* a third element */
    "3003 020101",                         /* no s */
    "3006 020100 020101",                  /* r = 0 */
    "3006 020101 020100",                  /* s = 0 */
    "3006 020181 020101",                  /* negative */
    "3007 02020001 020101",                /* not minimal */
    "308106 020101 020101",                /* long length */
    "3106 020101 020101",                  /* SET */
    "3027 0222 0101 80" ZEROS_31 "020101", /* r of 34 octets */
    "3026 0221 0180" ZEROS_31 "020101",    /* r of 257 bits */
};

static void test_bad_x509(void **state)
{
    (void)state;
    uint8_t stored[64], untouched[64];
    memset(untouched, 0xee, sizeof untouched);
    memset(stored, 0xee, sizeof stored);
    for (size_t i = 0; i < sizeof bad_x509 / sizeof bad_x509[0]; i++) {
        enum err err = sig_from_x509(SIG_ECDSA_P256_SHA256, UNHEX(bad_x509[i]), stored, 64);
        if (err != ERR_MALFORMED)
            fail_msg("%s: %s", bad_x509[i], err_name(err));
        assert_memory_equal(stored, untouched, sizeof stored);
    }
}

static void test_bad_stored(void **state)
{
    (void)state;
    uint8_t octets[SIGNATURE_BYTES_MAX + 1] = {0}, out[SIG_X509_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t right = sig_alg_info((uint8_t)known[i].alg)->size;
        memset(octets, 1, sizeof octets);
        assert_int_equal(
            sig_to_x509(known[i].alg, span_of(octets, right - 1), out, sizeof out, &size),
            ERR_MALFORMED);
        assert_int_equal(
            sig_to_x509(known[i].alg, span_of(octets, right + 1), out, sizeof out, &size),
            ERR_MALFORMED);
    }
    memset(octets, 0, 32);
    struct span no_r = span_of(octets, 64), no_s = UNHEX("80" ZEROS_31 "00" ZEROS_31);
    assert_int_equal(sig_to_x509(SIG_ECDSA_P256_SHA256, no_r, out, sizeof out, &size),
                     ERR_MALFORMED);
    assert_int_equal(sig_to_x509(SIG_ECDSA_P256_SHA256, no_s, out, sizeof out, &size),
                     ERR_MALFORMED);
}

/* Random signatures with runs of leading zero octets, there and back. */
static void test_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (size_t i = 0; i < 20000; i++) {
        enum sig_alg alg = known[i % (sizeof known / sizeof known[0])].alg;
        const struct sig_alg_info *info = sig_alg_info((uint8_t)alg);
        uint8_t stored[SIGNATURE_BYTES_MAX], x509[SIG_X509_BYTES_MAX], back[SIGNATURE_BYTES_MAX];
        for (size_t k = 0; k < info->size; k++)
            stored[k] = (uint8_t)fixture_random(&seed);
        size_t half = info->size / 2u;
        memset(stored, 0, fixture_below(&seed, (uint32_t)half));
        memset(stored + half, 0, fixture_below(&seed, (uint32_t)half));
        stored[half - 1] |= 1;
        stored[info->size - 1] |= 1;
        size_t size = 0;
        struct span whole = span_of(stored, info->size);
        assert_int_equal(sig_to_x509(alg, whole, x509, sizeof x509, &size), ERR_OK);
        assert_int_equal(sig_from_x509(alg, span_of(x509, size), back, sizeof back), ERR_OK);
        assert_memory_equal(back, stored, info->size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identifiers), cmocka_unit_test(test_p256_forms),
        cmocka_unit_test(test_bad_x509),    cmocka_unit_test(test_bad_stored),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
