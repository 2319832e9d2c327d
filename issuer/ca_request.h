/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and certification requests as files of a ceremony: one PEM block or one DER value,
 * and nothing besides. */
#pragma once

#include <openssl/x509.h>

#include "issuer/ca_name.h"
#include "issuer/ca_profile.h"
#include "issuer/ca_refusal.h"
#include "lib/os/file.h"

#define CA_INPUT_BYTES_MAX 65536
#define CA_ASKED_BYTES     256

/** Reads a file and parses it. The octets of the file stay in `file`. */
MUST_CHECK enum err ca_certificate_read(const char *path, struct buffer *file, X509 **ret,
                                        struct ca_refusal *why);
/** Appends a certificate in PEM. ERR_MEMORY. */
MUST_CHECK enum err ca_certificate_pem(X509 *certificate, struct buffer *pem);

struct ca_request {
    X509_REQ *request;
    EVP_PKEY *key; /* borrowed from the request */
    uint8_t *spki; /* of OpenSSL */
    size_t spki_size;
    struct span subject;        /* Name in DER, borrowed */
    struct sha256 hash;         /* of the file */
    char asked[CA_ASKED_BYTES]; /* what it asks for besides: names of extensions; none is granted */
};

/** Reads a request and checks what does not depend on who signs: version, proof of possession
 *  (RFC 2986 4.2) by SHA-256 or better, key policy. */
MUST_CHECK enum err ca_request_read(const char *path, enum ca_kind kind, struct buffer *file,
                                    struct ca_request *ret, struct ca_refusal *why);
void ca_request_done(struct ca_request *request);
