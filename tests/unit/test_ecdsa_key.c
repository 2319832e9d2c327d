/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA through ecdsa_key.h, judged by EVP_PKEY_verify(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/sig_alg.h"
#include "lib/os/ecdsa_key.h"

#define HALF_BYTES_MAX 48
#define ROUNDS         200

static const struct {
    const char *curve;
    enum sig_alg alg;
    size_t hash_bytes;
    size_t signature_bytes;
} curves[] = {
    {"P-256", SIG_ECDSA_P256_SHA256, 32, 64},
    {"P-384", SIG_ECDSA_P384_SHA384, 48, 96},
};
#define CURVE_COUNT (sizeof curves / sizeof curves[0])

static bool verifies(EVP_PKEY *pkey, enum sig_alg alg, struct span hash, struct span signature)
{
    uint8_t der[SIG_X509_BYTES_MAX];
    size_t der_size = 0;
    if (sig_to_x509(alg, signature, der, sizeof der, &der_size) != ERR_OK)
        return false;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    assert_non_null(context);
    assert_int_equal(EVP_PKEY_verify_init(context), 1);
    bool good = EVP_PKEY_verify(context, der, der_size, hash.data, hash.size) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

static void signs_what_openssl_verifies(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVE_COUNT; c++) {
        EVP_PKEY *pkey = EVP_EC_gen(curves[c].curve);
        struct ecdsa_key *key = NULL;
        assert_int_equal(ecdsa_key_new(pkey, &key), ERR_OK);
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint8_t hash[HALF_BYTES_MAX];
            uint8_t signature[2 * HALF_BYTES_MAX];
            size_t size = curves[c].signature_bytes;
            memset(hash, (int)round, sizeof hash);
            struct span hashed = span_of(hash, curves[c].hash_bytes);
            assert_int_equal(ecdsa_key_sign(key, hashed, signature, size), ERR_OK);
            assert_true(verifies(pkey, curves[c].alg, hashed, span_of(signature, size)));
            hash[round % curves[c].hash_bytes] ^= 1;
            assert_false(verifies(pkey, curves[c].alg, hashed, span_of(signature, size)));
        }
        ecdsa_key_free(key);
        EVP_PKEY_free(pkey);
    }
}

/* r is the nonce's: the same twice would give the key away. */
static void every_nonce_is_new(void **state)
{
    (void)state;
    static uint8_t seen[ROUNDS][32];
    static const uint8_t hash[32] = {7};
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    struct ecdsa_key *key = NULL;
    assert_int_equal(ecdsa_key_new(pkey, &key), ERR_OK);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t signature[64];
        assert_int_equal(ecdsa_key_sign(key, span_of(hash, 32), signature, 64), ERR_OK);
        memcpy(seen[i], signature, 32);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], 32);
    }
    ecdsa_key_free(key);
    EVP_PKEY_free(pkey);
}

static void refuses_what_it_cannot_sign_with(void **state)
{
    (void)state;
    struct ecdsa_key *key = NULL;
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    assert_int_equal(ecdsa_key_new(rsa, &key), ERR_KEY);
    EVP_PKEY_free(rsa);
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    uint8_t *octets = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(pkey, &octets);
    EVP_PKEY *public_only = EVP_PKEY_new();
    assert_int_equal(EVP_PKEY_copy_parameters(public_only, pkey), 1);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(public_only, octets, size), 1);
    assert_int_equal(ecdsa_key_new(public_only, &key), ERR_KEY);
    assert_null(key);
    /* Halves too narrow for r and s are an error, not a cut number. */
    assert_int_equal(ecdsa_key_new(pkey, &key), ERR_OK);
    uint8_t narrow[20];
    static const uint8_t hash[32] = {1};
    assert_int_equal(ecdsa_key_sign(key, span_of(hash, 32), narrow, sizeof narrow), ERR_CRYPTO);
    ecdsa_key_free(key);
    assert_null(ecdsa_key_free(NULL));
    OPENSSL_free(octets);
    EVP_PKEY_free(public_only);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_what_openssl_verifies),
        cmocka_unit_test(every_nonce_is_new),
        cmocka_unit_test(refuses_what_it_cannot_sign_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
