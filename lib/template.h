/* SPDX-License-Identifier: Apache-2.0 */
/* A template: what the statements of one issuer have in common, so that a statement is only facts
 * and a signature. Numbered per issuer from 1; a number is never used for other content.
 *
 * Issuer id: the leading 8 octets of SHA-256(DER of the issuer's subject Name || content of its
 * subjectPublicKey BIT STRING): the same on every machine, nothing to assign. */
#pragma once

#include "lib/facts.h"
#include "lib/sig_alg.h"

enum certid_set { CERTID_SHA1 = 1, CERTID_SHA256 = 2, CERTID_BOTH = 3 };

struct ocsp_template {
    uint64_t issuer_id;
    uint16_t template_no;
    uint8_t certid_set; /* which SingleResponses a response carries, SHA-1 first (RFC 9919 3.2.1) */
    uint8_t sig_alg;    /* enum sig_alg */
    uint32_t refresh_interval_s; /* next planned signing = thisUpdate + this */
    uint8_t name_sha1[20];       /* CertID.issuerNameHash and issuerKeyHash, both algorithms */
    uint8_t key_sha1[20];
    uint8_t name_sha256[32];
    uint8_t key_sha256[32];
    uint8_t responder_key_sha1[20]; /* ResponderID byKey (RFC 9919 3.2.2) */
    uint16_t signer_spki_size;      /* SubjectPublicKeyInfo that verifies the signatures */
    uint16_t responder_cert_size;   /* 0: signed by the CA itself */
    uint8_t signer_spki[SPKI_BYTES_MAX];
    uint8_t responder_cert[RESPONDER_CERT_BYTES_MAX];
};

/* Wire form (docs/formats.md, "Template"), integers big-endian:
 *
 *   magic "STTM" 4 | version 1 | issuer id 8 | template number 2 | CertID set 1 | signature
 *   algorithm 1 | refresh interval in seconds 4 | name hash SHA-1 20 | key hash SHA-1 20 |
 *   name hash SHA-256 32 | key hash SHA-256 32 | responder key hash SHA-1 20 |
 *   SubjectPublicKeyInfo size 2, octets | responder certificate size 2 (0: none), octets */
#define TEMPLATE_VERSION     1
#define TEMPLATE_FIXED_BYTES 149
#define TEMPLATE_BYTES_MAX   (TEMPLATE_FIXED_BYTES + SPKI_BYTES_MAX + RESPONDER_CERT_BYTES_MAX)

/** ERR_NO_SPACE. */
MUST_CHECK enum err template_write(const struct ocsp_template *t, uint8_t *out, size_t out_size,
                                   size_t *ret_size);
/** Reads exactly one template and validates it: known CertID set (ERR_MALFORMED) and algorithm
 *  (ERR_UNSUPPORTED), a template number, a key, and a responder certificate that is none or one
 *  DER SEQUENCE (it is sent as it is). ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED, ERR_MALFORMED,
 *  ERR_LIMIT. */
MUST_CHECK enum err template_read(struct span wire, struct ocsp_template *ret);

/** Fills the issuer's part (issuer_id, hashes) from the CA certificate in DER, and the signer's
 *  part (sig_alg, responder hash, spki, responder_cert) from `responder_cert` or, when it is
 *  empty, from the CA certificate. template_no, certid_set and refresh_interval_s are the
 *  caller's and left as they are. That the one certificate was issued by the other is not checked
 * here (lib/responder_cert.h). ERR_MALFORMED (not exactly one certificate in DER each),
 * ERR_UNSUPPORTED (key type or size), ERR_LIMIT. */
MUST_CHECK enum err template_from_certificates(struct span ca_cert, struct span responder_cert,
                                               struct ocsp_template *ret);

/** Verifies statements under a template's signer key. Made once per template, which it copies, and
 *  used by one thread at a time. ERR_MALFORMED when the key cannot be read or is not one for the
 *  template's algorithm, ERR_CRYPTO. */
struct template_verifier;
MUST_CHECK enum err template_verifier_new(const struct ocsp_template *t,
                                          struct template_verifier **ret);
/** Takes NULL; returns NULL. */
struct template_verifier *template_verifier_free(struct template_verifier *v);
/** Slow (OpenSSL). ERR_SIGNATURE; ERR_MALFORMED when the statement cannot be encoded or its
 *  signature has another size. */
MUST_CHECK enum err template_verify(struct template_verifier *v, const struct statement *statement);
