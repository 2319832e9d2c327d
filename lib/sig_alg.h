/* SPDX-License-Identifier: Apache-2.0 */
/* Signature algorithms of statements.
 *
 * Stored form: ECDSA as r||s, each half fixed-width big-endian (half of `size`); RSA and Ed25519
 * as they are. The OCSPResponse carries the X.509 form: ECDSA as SEQUENCE { r, s } (RFC 3279
 * 2.2.3), the others unchanged. */
#pragma once

#include "lib/der_write.h"

/* name, wire number, stored size in octets, text */
#define SIG_ALG_TABLE(X)                             \
    X(ECDSA_P256_SHA256, 1, 64, "ecdsa-p256-sha256") \
    X(ECDSA_P384_SHA384, 2, 96, "ecdsa-p384-sha384") \
    X(RSA2048_SHA256, 3, 256, "rsa2048-sha256")      \
    X(RSA3072_SHA256, 4, 384, "rsa3072-sha256")      \
    X(RSA4096_SHA256, 5, 512, "rsa4096-sha256")      \
    X(ED25519, 6, 64, "ed25519")

enum sig_alg {
#define X(name, number, size, text) SIG_##name = number,
    SIG_ALG_TABLE(X)
#undef X
};

struct sig_alg_info {
    enum sig_alg alg;
    uint16_t size; /* stored form, octets */
    const char *text;
    struct span identifier; /* the whole AlgorithmIdentifier in DER (RFC 5758, 8017, 8410) */
    bool ecdsa;
};

/** The row of an algorithm, or NULL when the number is not in the table. */
const struct sig_alg_info *sig_alg_info(uint8_t number);

/* X.509 form of an ECDSA signature: SEQUENCE of two INTEGERs of at most 49 octets. */
#define SIG_X509_BYTES_MAX       (SIGNATURE_X509_ECDSA_MAX > 512 ? SIGNATURE_X509_ECDSA_MAX : 512)
#define SIGNATURE_X509_ECDSA_MAX 108

/** Stored form -> X.509 form. ERR_MALFORMED when the size does not fit the algorithm or r or s is
 *  zero, ERR_NO_SPACE. */
MUST_CHECK enum err sig_to_x509(enum sig_alg alg, struct span stored, uint8_t *out, size_t out_size,
                                size_t *ret_size);
/** The same into a DER writer, without a copy. ERR_MALFORMED; the writer's own error stays with it.
 */
MUST_CHECK enum err sig_put_x509(struct der_writer *w, enum sig_alg alg, struct span stored);
/** X.509 form -> stored form (exactly info->size octets). ERR_MALFORMED when it is not DER or does
 *  not fit, ERR_NO_SPACE. */
MUST_CHECK enum err sig_from_x509(enum sig_alg alg, struct span x509, uint8_t *out,
                                  size_t out_size);
