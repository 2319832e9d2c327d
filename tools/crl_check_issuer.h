/* SPDX-License-Identifier: Apache-2.0 */
/* The CA whose CRL is judged, and the shards it has disclosed. */
#pragma once

#include <jansson.h>
#include <openssl/x509.h>

#include "lib/crl_read.h"

struct crl_check_issuer {
    X509 *certificate;
    EVP_PKEY *key;       /* of the certificate; borrowed */
    uint8_t *name;       /* its subject in DER */
    struct span subject; /* the same */
    struct span key_id;  /* subjectKeyIdentifier; empty: none */
};

/** A certificate in PEM or DER. ERR_NOT_FOUND, ERR_IO, ERR_MALFORMED, ERR_KEY, ERR_MEMORY. */
MUST_CHECK enum err crl_check_issuer_load(const char *path, struct crl_check_issuer *ret);
void crl_check_issuer_done(struct crl_check_issuer *issuer);

/** Whether the CRL's signature is of the issuer's key: RSA (PKCS #1 or PSS), ECDSA, EdDSA. */
bool crl_check_verifies(const struct crl_check_issuer *issuer, const struct crl *crl);
/** Whether the signature algorithm's hash is SHA-1 or MD5. */
bool crl_check_weak(const struct crl *crl);

/* URLs of a "JSON Array of Partitioned CRLs". */
struct crl_shards {
    json_t *list; /* array of strings */
    json_t *set;  /* object with the same as keys */
};
#define CRL_SHARDS_MAX 1000000u /* far above what any CA has */

/** A file with the array; the placeholder [""] is no shard. ERR_MALFORMED, ERR_LIMIT, ERR_MEMORY;
 *  `why` says what is wrong. */
MUST_CHECK enum err crl_shards_load(const char *path, struct crl_shards *ret, char why[static 256]);
void crl_shards_done(struct crl_shards *shards);
bool crl_shards_has(const struct crl_shards *shards, struct span url);
