/* SPDX-License-Identifier: Apache-2.0 */
/* CertID (RFC 6960 4.1.1): how OCSP names a certificate. Read from requests, written into requests
 * and responses. */
#pragma once

#include "lib/der_write.h"

enum certid_hash { CERTID_HASH_SHA1, CERTID_HASH_SHA256, CERTID_HASH_OTHER };

/** Borrows; the sizes are as sent: compare, never assume. */
struct certid {
    enum certid_hash hash;
    struct span name_hash;
    struct span key_hash;
    struct span serial; /* content octets of a minimally encoded INTEGER, any sign and size */
};

/** Takes one CertID. The parameters of SHA-1 and SHA-256 may be absent or NULL, those of any other
 *  hash anything. Errors stay with the reader. */
struct certid certid_take(struct der_reader *r);

/** Puts one CertID, hash parameters NULL as everybody sends them (RFC 9919 appendix B). The hash
 *  must be SHA-1 or SHA-256. */
void certid_put(struct der_writer *w, const struct certid *certid);
