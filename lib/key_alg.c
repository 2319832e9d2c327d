/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/key_alg.h"

#include <openssl/evp.h>

/* key type, elliptic curve or "", bits, algorithm, digest */
#define KEY_ALG_TABLE(X)                                               \
    X(EVP_PKEY_EC, "prime256v1", 256, SIG_ECDSA_P256_SHA256, "SHA256") \
    X(EVP_PKEY_EC, "secp384r1", 384, SIG_ECDSA_P384_SHA384, "SHA384")  \
    X(EVP_PKEY_RSA, "", 2048, SIG_RSA2048_SHA256, "SHA256")            \
    X(EVP_PKEY_RSA, "", 3072, SIG_RSA3072_SHA256, "SHA256")            \
    X(EVP_PKEY_RSA, "", 4096, SIG_RSA4096_SHA256, "SHA256")            \
    X(EVP_PKEY_ED25519, "", 256, SIG_ED25519, NULL)

static const struct {
    int type;
    const char *curve;
    int bits;
    enum sig_alg alg;
    const char *digest;
} rows[] = {
#define X(type, curve, bits, alg, digest) {type, curve, bits, alg, digest},
    KEY_ALG_TABLE(X)
#undef X
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

enum err key_alg_of(const EVP_PKEY *key, enum sig_alg *ret)
{
    char curve[64] = "";
    int type = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
    if (type == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1)
        return ERR_UNSUPPORTED; /* a curve by its parameters has no name */
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].type == type && rows[i].bits == bits && strcmp(rows[i].curve, curve) == 0) {
            *ret = rows[i].alg;
            return ERR_OK;
        }
    }
    return ERR_UNSUPPORTED;
}

const char *key_alg_digest(enum sig_alg alg)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].alg == alg)
            return rows[i].digest;
    return NULL;
}
