/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_key_policy.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "lib/key_alg.h"
#include "lib/textline.h"

#define FERMAT_ROUNDS   100
#define SMALL_PRIME_MAX 751 /* as zlint's e_rsa_mod_factors_smaller_than_752 */
#define ROCA_PRIME_MAX  167
#define ROCA_GENERATOR  65537u

#define WHY(...) snprintf(why, CA_KEY_WHY_BYTES, __VA_ARGS__)

static bool is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n >= 2;
}

/* Keys of that generator are powers of 65537 modulo every small prime: by chance about one in
 * 2^27 would be. */
static bool power_of_generator(unsigned residue, unsigned prime)
{
    unsigned power = 1;
    do {
        if (power == residue)
            return true;
        power = (unsigned)((uint64_t)power * ROCA_GENERATOR % prime);
    } while (power != 1);
    return false;
}

static bool is_roca(const BIGNUM *n)
{
    for (unsigned prime = 3; prime <= ROCA_PRIME_MAX; prime++)
        if (is_prime(prime) && !power_of_generator((unsigned)BN_mod_word(n, prime), prime))
            return false;
    return true;
}

static bool has_small_factor(const BIGNUM *n)
{
    for (unsigned prime = 2; prime <= SMALL_PRIME_MAX; prime++)
        if (is_prime(prime) && BN_mod_word(n, prime) == 0)
            return true;
    return false;
}

/* Whether x^2 - n is a square for an x just above the root of n: p and q are close. ERR_KEY. */
static enum err fermat_rounds(BN_CTX *c, const BIGNUM *n, BIGNUM *x, BIGNUM *square, BIGNUM *root)
{
    /* Newton's way to the integer root from above. */
    if (BN_lshift(x, BN_value_one(), (BN_num_bits(n) + 1) / 2) != 1)
        return ERR_CRYPTO;
    for (;;) {
        if (BN_div(root, NULL, n, x, c) != 1 || BN_add(root, root, x) != 1 ||
            BN_rshift1(root, root) != 1)
            return ERR_CRYPTO;
        if (BN_cmp(root, x) >= 0)
            break;
        if (BN_copy(x, root) == NULL)
            return ERR_CRYPTO;
    }
    for (int i = 0; i < FERMAT_ROUNDS; i++) {
        /* x is at least the root; y is the root of x^2 - n, by the same way */
        if (BN_sqr(square, x, c) != 1 || BN_sub(square, square, n) != 1)
            return ERR_CRYPTO;
        if (!BN_is_negative(square)) {
            BIGNUM *y = BN_new();
            bool done = y != NULL && BN_lshift(y, BN_value_one(), BN_num_bits(square) / 2 + 1) == 1;
            while (done && !BN_is_zero(square)) {
                done = BN_div(root, NULL, square, y, c) == 1 && BN_add(root, root, y) == 1 &&
                       BN_rshift1(root, root) == 1;
                if (!done || BN_cmp(root, y) >= 0)
                    break;
                done = BN_copy(y, root) != NULL;
            }
            bool close = done && (BN_is_zero(square) ||
                                  (BN_sqr(root, y, c) == 1 && BN_cmp(root, square) == 0));
            BN_free(y);
            if (!done)
                return ERR_CRYPTO;
            if (close)
                return ERR_KEY;
        }
        if (BN_add_word(x, 1) != 1)
            return ERR_CRYPTO;
    }
    return ERR_OK;
}

static enum err fermat_check(const BIGNUM *n)
{
    BN_CTX *c = BN_CTX_new();
    if (c == NULL)
        return ERR_MEMORY;
    BN_CTX_start(c);
    BIGNUM *x = BN_CTX_get(c), *square = BN_CTX_get(c), *root = BN_CTX_get(c);
    enum err err = root == NULL ? ERR_MEMORY : fermat_rounds(c, n, x, square, root);
    BN_CTX_end(c);
    BN_CTX_free(c);
    return err;
}

static enum err rsa_judge(const BIGNUM *n, const BIGNUM *e, enum ca_kind kind, char *why)
{
    int bits = BN_num_bits(n);
    if (bits != 3072 && bits != 4096 && (bits != 2048 || kind != CA_RESPONDER)) {
        WHY("RSA of %d bits: %s3072 or 4096", bits, kind == CA_RESPONDER ? "2048, " : "");
        return ERR_KEY;
    }
    if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 256) {
        WHY("RSA exponent: odd, at least 65537 and below 2^256 (BR 6.1.6)");
        return ERR_KEY;
    }
    if (has_small_factor(n)) {
        WHY("RSA modulus: has a factor below 752 (BR 6.1.6)");
        return ERR_KEY;
    }
    if (is_roca(n)) {
        WHY("RSA modulus: of the ROCA generator, CVE-2017-15361 (BR 6.1.1.3)");
        return ERR_KEY;
    }
    enum err err = fermat_check(n);
    if (err == ERR_KEY)
        WHY("RSA modulus: its primes are close to each other (BR 6.1.1.3)");
    return err;
}

static enum err rsa_check(EVP_PKEY *key, enum ca_kind kind, char *why)
{
    BIGNUM *n = NULL, *e = NULL;
    enum err err = ERR_CRYPTO;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
        err = rsa_judge(n, e, kind, why);
    BN_free(n);
    BN_free(e);
    return err;
}

static enum err ec_check(EVP_PKEY *key, char *why)
{
    enum sig_alg alg;
    if (key_alg_of(key, &alg) != ERR_OK) {
        WHY("an elliptic curve that is neither P-256 nor P-384 by name");
        return ERR_KEY;
    }
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool valid = context != NULL && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    if (!valid)
        WHY("a point that is not on its curve");
    return valid ? ERR_OK : ERR_KEY;
}

enum err ca_key_check(EVP_PKEY *key, enum ca_kind kind, char why[static CA_KEY_WHY_BYTES])
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return rsa_check(key, kind, why);
    if (EVP_PKEY_is_a(key, "EC"))
        return ec_check(key, why);
    WHY("neither RSA nor ECDSA");
    return ERR_KEY;
}

enum err ca_key_blocked(struct span list, struct span public_key)
{
    struct sha256 own = sha256_of(public_key);
    bool found = false;
    while (list.size > 0) {
        struct span line;
        struct sha256 listed;
        TRY(text_line(&list, &line));
        if (line.size == 0 || line.data[0] == '#')
            continue;
        TRY(sha256_from_text(line, &listed));
        found |= sha256_equal(&own, &listed);
    }
    return found ? ERR_KEY : ERR_OK;
}
