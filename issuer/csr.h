/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber's certification request (RFC 2986): who has which key, and what he would like.
 *
 * csr_read() judges all that does not depend on a profile: one request and nothing besides,
 * version, key, proof of possession, well-formed attributes, names. Nothing is copied from it into
 * a certificate but the public key and, once validated, the names: the subject of an OV or EV
 * certificate comes from an approval, and all other asked extensions are listed only. */
#pragma once

#include <openssl/types.h>

#include "issuer/key_policy.h"
#include "issuer/leaf_names.h"
#include "lib/digest.h"

#define CSR_BYTES_MAX       16384 /* PEM or DER: RSA-8192 with 100 names of 100 octets stays below */
#define CSR_ATTRIBUTES_MAX  16
#define CSR_EXTENSIONS_MAX  16
#define CSR_ASKED_BYTES_MAX 256

struct csr {
    uint8_t *der; /* owned; the spans below point into it */
    size_t der_size;
    EVP_PKEY *key;        /* owned */
    enum key_alg key_alg; /* what kind of key (key_policy.h) */
    struct span subject;  /* Name */
    struct span spki;     /* SubjectPublicKeyInfo, octet for octet as asked */
    struct sha256 spki_sha256;
    struct sha256 sha256;    /* of the DER */
    struct leaf_names names; /* of subjectAltName; may be none */
    bool has_common_name;
    struct leaf_name common_name; /* when it has one and it has the form of a name */
    bool must_staple;             /* asks for it (RFC 7633) */
    bool asks_client_auth;
    char asked[CSR_ASKED_BYTES_MAX]; /* the asked extensions, for people: dotted or known names */
};

/** Reads one request: a PEM block ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST") with only
 *  blanks around it, or DER. Each refusal has its reason in `why`, whose error is
 *  returned: ERR_MALFORMED, ERR_KEY, ERR_SIGNATURE; ERR_IO when memory or the library failed. */
MUST_CHECK enum err csr_read(struct span pem_or_der, struct csr *ret, struct problem *why);
/** Takes what csr_read() gave, or zeros. */
void csr_done(struct csr *csr);

/** The names to issue for: those of the order if it has any, which have to be all that the request
 *  has when it has any; else those of the request. A common name has to be one of them. NAMES_NONE,
 *  NAMES_DIFFER, CSR_COMMON_NAME_OTHER; ERR_MALFORMED. */
MUST_CHECK enum err csr_names(const struct csr *csr, const struct leaf_names *ordered,
                              struct leaf_names *ret, struct problem *why);

/** Whether the key, which csr_read() has found sound, is of one of these kinds (bits 1 << enum
 *  key_alg) and in no list; `lists` may be NULL. Keys blocked in the registry are the caller's to
 * ask for, by spki_sha256. ERR_KEY. */
MUST_CHECK enum err csr_key_check(const struct csr *csr, unsigned key_algs,
                                  const struct key_lists *lists, struct problem *why);
