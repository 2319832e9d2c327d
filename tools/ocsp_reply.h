/* SPDX-License-Identifier: Apache-2.0 */
/* What a relying party makes of an OCSP answer, through OpenSSL: deliberately not through the
 * encoder and decoders of lib/, so that the judge and the judged share no code. */
#pragma once

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "lib/err.h"
#include "lib/ocsp_request.h"
#include "lib/serial.h"

/* The issuer as CertIDs name it. */
struct ocsp_issuer {
    X509 *certificate;
    uint8_t name_hash[2][32]; /* by enum certid_hash: SHA-1, SHA-256 */
    uint8_t key_hash[2][32];
};

/** Reads a CA certificate (PEM or DER). ERR_NOT_FOUND, ERR_IO, ERR_MALFORMED. */
MUST_CHECK enum err ocsp_issuer_load(const char *path, struct ocsp_issuer *ret);
void ocsp_issuer_done(struct ocsp_issuer *issuer);

/** The serial of a certificate file (PEM or DER). */
MUST_CHECK enum err certificate_serial(const char *path, struct serial *ret);

/** Request for one certificate. ERR_NO_SPACE. */
MUST_CHECK enum err ocsp_issuer_request(const struct ocsp_issuer *issuer, enum certid_hash hash,
                                        struct span serial, uint8_t *out, size_t out_size,
                                        size_t *ret_size);

struct ocsp_reply {
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic; /* NULL when not successful */
    int response_status;   /* OCSPResponseStatus */
    bool canonical;        /* re-encodes to the same octets, nothing follows */
    /* of the SingleResponse that matches the question: */
    bool matched;
    int cert_status; /* V_OCSP_CERTSTATUS_* */
    int reason;      /* -1 without */
    uint64_t revoked_at_s;
    uint64_t this_update_s;
    uint64_t next_update_s; /* 0 without */
    uint64_t produced_at_s;
    int single_count;
    bool verified; /* the signature and the signer's authority */
    char why[200]; /* why not, else "" */
};

/** Parses, finds the SingleResponse for (hash, serial), verifies under the issuer. ERR_MALFORMED
 * when it is no OCSPResponse at all. Freed by ocsp_reply_done(). */
MUST_CHECK enum err ocsp_reply_read(const struct ocsp_issuer *issuer, enum certid_hash hash,
                                    struct span serial, struct span der, struct ocsp_reply *ret);
void ocsp_reply_done(struct ocsp_reply *reply);
