/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA_sign_setup() and what goes with it is marked deprecated since OpenSSL 3.0 and has no
 * successor that takes a prepared context; it is here to the end of the 3.x series. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/os/ecdsa_key.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

struct ecdsa_key {
    EC_KEY *ec;
    BN_CTX *numbers; /* scratch of this thread; in secure memory where there is any */
};

enum err ecdsa_key_new(const EVP_PKEY *pkey, struct ecdsa_key **ret)
{
    const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(pkey);
    if (ec == NULL || EC_KEY_get0_private_key(ec) == NULL)
        return ERR_KEY;
    struct ecdsa_key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return ERR_MEMORY;
    key->ec = EC_KEY_dup(ec);
    key->numbers = BN_CTX_secure_new();
    if (key->ec == NULL || key->numbers == NULL) {
        ecdsa_key_free(key);
        return ERR_CRYPTO;
    }
    *ret = key;
    return ERR_OK;
}

struct ecdsa_key *ecdsa_key_free(struct ecdsa_key *key)
{
    if (key == NULL)
        return NULL;
    BN_CTX_free(key->numbers);
    EC_KEY_free(key->ec);
    free(key);
    return NULL;
}

static bool write_halves(const ECDSA_SIG *signature, uint8_t *out, size_t out_size)
{
    int half = (int)(out_size / 2);
    return BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + half, half) == half;
}

enum err ecdsa_key_sign(struct ecdsa_key *key, struct span hash, uint8_t *out, size_t out_size)
{
    /* The inverse of the nonce, and the x coordinate of its point: good for one signature only. */
    BIGNUM *inverse = NULL;
    BIGNUM *r = NULL;
    ECDSA_SIG *signature = NULL;
    bool done = false;
    if (ECDSA_sign_setup(key->ec, key->numbers, &inverse, &r) == 1)
        signature = ECDSA_do_sign_ex(hash.data, (int)hash.size, inverse, r, key->ec);
    if (signature != NULL)
        done = write_halves(signature, out, out_size);
    ECDSA_SIG_free(signature);
    BN_clear_free(inverse);
    BN_clear_free(r);
    return done ? ERR_OK : ERR_CRYPTO;
}
