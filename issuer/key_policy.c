/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/key_policy.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "issuer/key_weak.h"
#include "lib/check.h"

#define EXPONENT_BITS_MIN 17 /* 65537 is the least odd number of that many */
#define EXPONENT_BITS_MAX 256

static const char *const alg_texts[KEY_ALG_COUNT] = {
#define X(name, text) text,
    KEY_ALG_TABLE(X)
#undef X
};

static const char *const flaw_texts[KEY_FLAW_COUNT] = {
#define X(name, text) text,
    KEY_FLAW_TABLE(X)
#undef X
};

const char *key_alg_text(enum key_alg alg)
{
    CHECK((size_t)alg < KEY_ALG_COUNT);
    return alg_texts[alg];
}

const char *key_flaw_text(enum key_flaw flaw)
{
    CHECK((size_t)flaw < KEY_FLAW_COUNT);
    return flaw_texts[flaw];
}

enum err key_alg_from_text(struct span text, enum key_alg *ret)
{
    for (size_t i = 0; i < KEY_ALG_COUNT; i++) {
        if (span_equal(text, span_text(alg_texts[i]))) {
            *ret = (enum key_alg)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err flawed(enum key_flaw flaw, enum key_flaw *ret_flaw)
{
    *ret_flaw = flaw;
    return ERR_KEY;
}

enum err key_alg_kind(EVP_PKEY *key, enum key_alg *ret, enum key_flaw *ret_flaw)
{
    char curve[64] = "";
    if (EVP_PKEY_is_a(key, "RSA")) {
        *ret = KEY_RSA;
    } else if (EVP_PKEY_is_a(key, "ED25519")) {
        *ret = KEY_ED25519;
    } else if (EVP_PKEY_is_a(key, "EC")) {
        bool named = EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1;
        bool p256 = named && strcmp(curve, "prime256v1") == 0;
        if (!p256 && (!named || strcmp(curve, "secp384r1") != 0))
            return flawed(KEY_FLAW_CURVE, ret_flaw);
        *ret = p256 ? KEY_P256 : KEY_P384;
    } else {
        return flawed(KEY_FLAW_ALGORITHM, ret_flaw);
    }
    return ERR_OK;
}

/* RSAPublicKey in DER (RFC 8017 A.1.1): two positive numbers and nothing behind them. OpenSSL reads
 * others too, each with a hash that no list of blocked keys has. */
static bool rsa_form_valid(struct span octets)
{
    struct der_reader r;
    der_reader_init(&r, octets);
    der_enter(&r, DER_SEQUENCE);
    struct span modulus = der_take_integer(&r);
    struct span exponent = der_take_integer(&r);
    der_leave(&r);
    return der_end(&r) == ERR_OK && modulus.data[0] < 0x80 && exponent.data[0] < 0x80;
}

enum err key_form_check(enum key_alg alg, struct span spki, enum key_flaw *ret_flaw)
{
    static const uint8_t rsa[] = {0x30, 0x0d, 0x06, 9, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7, 0x0d, 1,    1, 1,    5,    0};
    static const uint8_t p256[] = {0x30, 0x13, 0x06, 7,    0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
                                   0x06, 8,    0x2a, 0x86, 0x48, 0xce, 0x3d, 3,    1,    7};
    static const uint8_t p384[] = {0x30, 0x10, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                   2,    1,    0x06, 5, 0x2b, 0x81, 0x04, 0,    0x22};
    static const uint8_t ed25519[] = {0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70};
    static const struct span identifiers[KEY_ALG_COUNT] = {
        [KEY_RSA] = {rsa, sizeof rsa},
        [KEY_P256] = {p256, sizeof p256},
        [KEY_P384] = {p384, sizeof p384},
        [KEY_ED25519] = {ed25519, sizeof ed25519},
    };
    /* no octets unused, and of a point 0x04: both of its coordinates */
    static const uint8_t sizes[KEY_ALG_COUNT] = {
        [KEY_P256] = 2 + 64, [KEY_P384] = 2 + 96, [KEY_ED25519] = 1 + 32};
    struct der_reader r;
    der_reader_init(&r, spki);
    der_enter(&r, DER_SEQUENCE);
    const uint8_t *from = r.at;
    (void)der_take(&r, DER_SEQUENCE);
    struct span identifier = span_of(from, r.err == ERR_OK ? (size_t)(r.at - from) : 0);
    struct span bits = der_take(&r, DER_BIT_STRING);
    der_leave(&r);
    bool point = alg == KEY_P256 || alg == KEY_P384;
    if (der_end(&r) != ERR_OK || !span_equal(identifier, identifiers[alg]) || bits.size < 2 ||
        bits.data[0] != 0 || (point && bits.data[1] != 0x04) ||
        (sizes[alg] != 0 && bits.size != sizes[alg]) ||
        (alg == KEY_RSA && !rsa_form_valid(span_of(bits.data + 1, bits.size - 1))))
        return flawed(KEY_FLAW_FORM, ret_flaw);
    return ERR_OK;
}

static enum err rsa_judge(const BIGNUM *n, const BIGNUM *e, const struct key_policy *policy,
                          enum key_flaw *ret_flaw)
{
    int bits = BN_num_bits(n);
    if (bits < policy->rsa_bits_min || bits > policy->rsa_bits_max ||
        (bits - policy->rsa_bits_min) % policy->rsa_bits_step != 0)
        return flawed(KEY_FLAW_RSA_SIZE, ret_flaw);
    if (!BN_is_odd(e) || BN_num_bits(e) < EXPONENT_BITS_MIN || BN_num_bits(e) > EXPONENT_BITS_MAX)
        return flawed(KEY_FLAW_RSA_EXPONENT, ret_flaw);
    if (key_weak_small_factor(n))
        return flawed(KEY_FLAW_SMALL_FACTOR, ret_flaw);
    if (key_weak_roca(n))
        return flawed(KEY_FLAW_ROCA, ret_flaw);
    enum err err = key_weak_fermat(n);
    return err == ERR_KEY ? flawed(KEY_FLAW_FERMAT, ret_flaw) : err;
}

static enum err rsa_check(EVP_PKEY *key, const struct key_policy *policy, enum key_flaw *ret_flaw)
{
    BIGNUM *n = NULL, *e = NULL;
    enum err err = ERR_CRYPTO;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
        err = rsa_judge(n, e, policy, ret_flaw);
    BN_free(n);
    BN_free(e);
    return err;
}

static enum err point_check(EVP_PKEY *key, enum key_flaw *ret_flaw)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL)
        return ERR_MEMORY;
    /* Both curves are of prime order: a point that is on one, and not infinity, has that order. */
    bool valid = EVP_PKEY_public_check_quick(context) == 1;
    EVP_PKEY_CTX_free(context);
    return valid ? ERR_OK : flawed(KEY_FLAW_POINT, ret_flaw);
}

/* A point whose order is 8 or less: everybody can make signatures that such a key verifies, the
 * proof of possession first. Both signs of x, and numbers that are not reduced, are among them. */
static enum err ed25519_check(EVP_PKEY *key, enum key_flaw *ret_flaw)
{
    static const uint8_t y_of_order_8[2][32] = {
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
    uint8_t y[32], zeros[31] = {0}, ones[31];
    size_t size = sizeof y;
    if (EVP_PKEY_get_raw_public_key(key, y, &size) != 1 || size != sizeof y)
        return ERR_CRYPTO;
    y[31] &= 0x7f; /* the sign */
    memset(ones, 0xff, sizeof ones);
    ones[30] = 0x7f;
    /* 0 and 1; -1, and 0 and 1 with the modulus added */
    bool small = (y[0] <= 1 && memcmp(y + 1, zeros, sizeof zeros) == 0) ||
                 (y[0] >= 0xec && y[0] <= 0xee && memcmp(y + 1, ones, sizeof ones) == 0) ||
                 memcmp(y, y_of_order_8[0], sizeof y) == 0 ||
                 memcmp(y, y_of_order_8[1], sizeof y) == 0;
    return small ? flawed(KEY_FLAW_POINT, ret_flaw) : ERR_OK;
}

enum err key_policy_check(EVP_PKEY *key, const struct key_policy *policy, enum key_flaw *ret_flaw)
{
    enum key_alg alg;
    TRY(key_alg_kind(key, &alg, ret_flaw));
    if ((policy->algs & 1u << alg) == 0)
        return flawed(KEY_FLAW_ALGORITHM, ret_flaw);
    switch (alg) {
    case KEY_RSA:
        return rsa_check(key, policy, ret_flaw);
    case KEY_P256:
    case KEY_P384:
        return point_check(key, ret_flaw);
    case KEY_ED25519: /* octets that are no point at all fail the proof of possession */
        return ed25519_check(key, ret_flaw);
    case KEY_ALG_COUNT:
        break;
    }
    return ERR_OK;
}
