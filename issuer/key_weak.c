/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/key_weak.h"

#include <openssl/bn.h>

#define FERMAT_ROUNDS   100
#define SMALL_PRIME_MAX 751 /* as zlint's e_rsa_mod_factors_smaller_than_752 */
#define ROCA_PRIME_MAX  167
#define ROCA_GENERATOR  65537u

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

bool key_weak_roca(const BIGNUM *n)
{
    for (unsigned prime = 3; prime <= ROCA_PRIME_MAX; prime++)
        if (is_prime(prime) && !power_of_generator((unsigned)BN_mod_word(n, prime), prime))
            return false;
    return true;
}

bool key_weak_small_factor(const BIGNUM *n)
{
    for (unsigned prime = 2; prime <= SMALL_PRIME_MAX; prime++)
        if (is_prime(prime) && BN_mod_word(n, prime) == 0)
            return true;
    return false;
}

/* Whether the number is a square modulo a few small numbers: one in a hundred that is none is. */
static bool may_be_square(const BIGNUM *number)
{
    static const unsigned moduli[] = {64, 63, 65, 11};
    BN_ULONG rest = BN_mod_word(number, 64 * 63 * 65 * 11);
    for (size_t i = 0; i < sizeof moduli / sizeof moduli[0]; i++) {
        unsigned root = 0, m = moduli[i];
        while (root < m && root * root % m != rest % m)
            root++;
        if (root == m)
            return false;
    }
    return true;
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
        if (!BN_is_negative(square) && may_be_square(square)) {
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

enum err key_weak_fermat(const BIGNUM *n)
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
