/* SPDX-License-Identifier: Apache-2.0 */
/* What the certificates of a ceremony are, and how their octets are made: TBSCertificate
 * (RFC 5280 4.1) and CertificationRequestInfo (RFC 2986 4.1); what goes around both is in
 * cert_der.h.
 *
 * Pure: facts in, DER out. What stands in a certificate is decided here, never copied from a
 * request. */
#pragma once

#include "issuer/cert_der.h"

#define CA_KINDS(X)                             \
    X(ROOT, "root", "ca", 7305)                 \
    X(INTERMEDIATE, "intermediate", "ca", 1825) \
    X(RESPONDER, "responder", "responder", 30)

enum ca_kind {
#define X(name, text, stem, days) CA_##name,
    CA_KINDS(X)
#undef X
        CA_KIND_COUNT
};

/* How long a certificate may be valid, by the day it begins: kind, from, least and most days, why.
 * The last row of a kind whose day has come counts. */
#define CA_VALIDITY_TABLE(X)                                           \
    X(ROOT, 0, 1, 9132, "none")                                        \
    X(ROOT, 1694736000 /* 2023-09-15 */, 2922, 9132, "BR 7.1.2.1.1")   \
    X(INTERMEDIATE, 0, 1, 3653, "a policy of this program: ten years") \
    X(RESPONDER, 0, 1, 397, "a policy of this program: a lost responder key is not revoked")

#define CA_DAY_S          86400u
#define CA_BACKDATE_S     300u
#define CA_POLICIES_MAX   8
#define CA_TBS_BYTES_MAX  16384
#define CA_CERT_BYTES_MAX (CA_TBS_BYTES_MAX + 1024)

struct ca_profile {
    enum ca_kind kind;
    struct serial serial;
    enum sig_alg alg;       /* of the CA's key */
    struct span issuer;     /* Name in DER, octet for octet the CA's subject */
    struct span subject;    /* Name in DER */
    struct span public_key; /* SubjectPublicKeyInfo in DER */
    struct span
        issuer_key_id; /* the CA's subjectKeyIdentifier; of a root: empty, its own is taken */
    uint64_t not_before_s;
    uint64_t not_after_s; /* the last second */
    int path_length;      /* of an intermediate; -1: none */
    bool client_auth;     /* of an intermediate: clientAuth besides serverAuth */
    bool signs_ocsp;      /* of an intermediate: digitalSignature, for OCSP responses of its own */
    struct span policies[CA_POLICIES_MAX]; /* OID elements in DER */
    size_t policy_count;
    const char *ocsp_url; /* NULL: none, these three */
    const char *ca_issuers_url;
    const char *crl_url;
};

/** The rows of CA_VALIDITY_TABLE. ERR_RANGE. */
MUST_CHECK enum err ca_validity_check(enum ca_kind kind, uint64_t not_before_s, uint32_t days,
                                      uint32_t *ret_least, uint32_t *ret_most,
                                      const char **ret_why);
/** ERR_NO_SPACE, ERR_MALFORMED (public_key). */
MUST_CHECK enum err ca_tbs_encode(const struct ca_profile *p, uint8_t *out, size_t out_size,
                                  size_t *ret_size);
/** CertificationRequestInfo without attributes. ERR_NO_SPACE. */
MUST_CHECK enum err ca_request_encode(struct span subject, struct span public_key, uint8_t *out,
                                      size_t out_size, size_t *ret_size);
