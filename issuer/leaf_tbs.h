/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a leaf: TBSCertificate (RFC 5280 4.1, BR 7.1.2.7), written once. What is linted,
 * logged and signed are these same octets; cert_signed_encode() (cert_der.h) puts the signature
 * around them. Pure. */
#pragma once

#include "issuer/cert_der.h"
#include "issuer/leaf_profile.h"

#define LEAF_TBS_BYTES_MAX  32768 /* 100 names of 253 octets are 26 KB */
#define LEAF_CERT_BYTES_MAX (LEAF_TBS_BYTES_MAX + 1024)

/** ERR_NO_SPACE, ERR_MALFORMED (the key). */
MUST_CHECK enum err leaf_tbs_encode(const struct leaf *leaf, uint8_t *out, size_t out_size,
                                    size_t *ret_size);
/** A whole certificate with a made-up signature of the right size, for the linters before anything
 *  is signed. It verifies under no key. ERR_NO_SPACE, ERR_MALFORMED. */
MUST_CHECK enum err leaf_draft(const struct leaf *leaf, struct span tbs, uint8_t *out,
                               size_t out_size, size_t *ret_size);
/** What came from the signer: its TBSCertificate is octet for octet `tbs`, and its signature
 *  verifies under the CA's key. TBS_DIFFERS, ERR_SIGNATURE. */
MUST_CHECK enum err leaf_signed_check(struct span der, struct span tbs, const struct leaf_ca *ca,
                                      struct problem *why);
