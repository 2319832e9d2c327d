/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys are certified, and which are known to be weak (BR 6.1.1.3, 6.1.5, 6.1.6): for
 * the CAs of a ceremony and for leaves. Pure but for OpenSSL's arithmetic and the lists, which are
 * read once. */
#pragma once

#include <openssl/types.h>

#include "lib/der_read.h"
#include "lib/digest.h"

/* kind of key, text */
#define KEY_ALG_TABLE(X) \
    X(RSA, "rsa")        \
    X(P256, "p256")      \
    X(P384, "p384")      \
    X(ED25519, "ed25519")

enum key_alg {
#define X(name, text) KEY_##name,
    KEY_ALG_TABLE(X)
#undef X
        KEY_ALG_COUNT
};

/* What is wrong with a key: name, what a person reads. */
#define KEY_FLAW_TABLE(X)                                                              \
    X(NONE, "nothing")                                                                 \
    X(ALGORITHM, "a kind of key that is not allowed")                                  \
    X(CURVE, "an elliptic curve that is neither P-256 nor P-384 by name")              \
    X(FORM, "an encoding that BR 7.1.3.1 does not have")                               \
    X(POINT, "a point that is no key on its curve")                                    \
    X(RSA_SIZE, "RSA of a size that is not allowed")                                   \
    X(RSA_EXPONENT, "RSA exponent: odd, at least 65537 and below 2^256 (BR 6.1.6)")    \
    X(SMALL_FACTOR, "RSA modulus: has a factor below 752 (BR 6.1.6)")                  \
    X(ROCA, "RSA modulus: of the ROCA generator, CVE-2017-15361 (BR 6.1.1.3)")         \
    X(FERMAT, "RSA modulus: its primes are close to each other (BR 6.1.1.3)")          \
    X(DEBIAN, "RSA modulus: of Debian's broken generator, CVE-2008-0166 (BR 6.1.1.3)") \
    X(BLOCKED, "a blocked key (BR 6.1.1.3)")

enum key_flaw {
#define X(name, text) KEY_FLAW_##name,
    KEY_FLAW_TABLE(X)
#undef X
        KEY_FLAW_COUNT
};

#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MAX 8192 /* a longer one is only there to make the other side work */

struct key_policy {
    unsigned algs; /* bits 1 << enum key_alg */
    uint16_t rsa_bits_min, rsa_bits_max, rsa_bits_step;
};
/* Of leaves: BR 6.1.5 asks for at least 2048 and a multiple of 8. */
#define KEY_POLICY_LEAF(kinds)                             \
    ((struct key_policy){.algs = (kinds),                  \
                         .rsa_bits_min = KEY_RSA_BITS_MIN, \
                         .rsa_bits_max = KEY_RSA_BITS_MAX, \
                         .rsa_bits_step = 8})

/* Lists of known keys, each sorted; read-only once loaded. */
struct key_lists;
/** `blocked`: SHA-256 of SubjectPublicKeyInfo, 64 hex digits a line; `debian`: as openssl-blacklist
 *  has them, 20 hex digits a line (the end of the SHA-1 of "Modulus=<HEX>\n"); # begins a remark.
 *  Either may be empty. ERR_MALFORMED, ERR_MEMORY. */
MUST_CHECK enum err key_lists_load(struct span blocked, struct span debian, struct key_lists **ret);
struct key_lists *key_lists_free(struct key_lists *lists);

/** What kind of key it is. ERR_KEY with the flaw: none of the table. */
MUST_CHECK enum err key_alg_kind(EVP_PKEY *key, enum key_alg *ret, enum key_flaw *ret_flaw);
/** Whether the SubjectPublicKeyInfo is written as it has to be: the AlgorithmIdentifier octet for
 *  octet (BR 7.1.3.1), a point with both coordinates, RSA's numbers in DER. ERR_KEY with the flaw.
 */
MUST_CHECK enum err key_form_check(enum key_alg alg, struct span spki, enum key_flaw *ret_flaw);
const char *key_alg_text(enum key_alg alg);
/** The kind with that text. ERR_NOT_FOUND. */
MUST_CHECK enum err key_alg_from_text(struct span text, enum key_alg *ret);

/** Kind, size, exponent, point, and the known weaknesses: small factors, close primes (Fermat, 100
 *  rounds), ROCA. ERR_KEY with the flaw; ERR_CRYPTO, ERR_MEMORY: could not be judged. */
MUST_CHECK enum err key_policy_check(EVP_PKEY *key, const struct key_policy *policy,
                                     enum key_flaw *ret_flaw);
/** Whether a list has it. `key` may be NULL when there is no list of Debian's. ERR_KEY with the
 * flaw.
 */
MUST_CHECK enum err key_lists_check(const struct key_lists *lists, EVP_PKEY *key, struct span spki,
                                    enum key_flaw *ret_flaw);
const char *key_flaw_text(enum key_flaw flaw);
