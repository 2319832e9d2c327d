/* SPDX-License-Identifier: Apache-2.0 */
/* OCSPRequest decoder (RFC 6960 4.1.1). Pure: borrows the input, allocates nothing.
 *
 * Strict DER. That has one consequence worth knowing: version [0] is refused whatever it holds, as
 * v1 is the default, which DER never encodes (X.690 11.5), and there is no other version. What is
 * ignored (extensions, names, signatures) is checked for its framing only. All Requests of the list
 * must be well formed, not only the first. */
#pragma once

#include "lib/certid.h"

struct ocsp_request {
    enum certid_hash hash; /* CertID.hashAlgorithm of the first Request */
    struct span name_hash; /* sizes are as sent: compare, never assume */
    struct span key_hash;
    struct span serial;      /* content octets of a minimally encoded INTEGER, any sign and size */
    uint32_t request_count;  /* how many Requests the requestList has; only the first is given */
    bool has_nonce;          /* present and ignored (RFC 9919 3.2.1) */
    bool has_requestor_name; /* ignored (RFC 9919 3.1.2) */
    bool has_signature;      /* ignored (RFC 9919 3.1.2) */
};

/** Decodes exactly one OCSPRequest. Spans in `ret` point into `der`.
 *  ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED (all answered with malformedRequest). */
MUST_CHECK enum err ocsp_request_decode(struct span der, struct ocsp_request *ret);

/** The same without the short way for what nearly all clients send (lib/ocsp_request_plain.h): for
 *  tests, which compare the two. */
MUST_CHECK enum err ocsp_request_decode_any(struct span der, struct ocsp_request *ret);

/** Encodes a request with one CertID and no extensions (RFC 9919 3.1.1). ERR_NO_SPACE,
 *  ERR_UNSUPPORTED (CERTID_HASH_OTHER), ERR_MALFORMED (the serial is no INTEGER content). */
MUST_CHECK enum err ocsp_request_encode(enum certid_hash hash, struct span name_hash,
                                        struct span key_hash, struct span serial, uint8_t *out,
                                        size_t out_size, size_t *ret_size);
