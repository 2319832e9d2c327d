/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys a CA certifies (BR 6.1.1.3, 6.1.5, 6.1.6). Pure but for OpenSSL's arithmetic.
 */
#pragma once

#include <openssl/types.h>

#include "issuer/ca_profile.h"

#define CA_KEY_WHY_BYTES 112

/** RSA of 3072 or 4096 bits (2048 too for a responder) with an odd exponent from 65537 to below
 *  2^256, no small factor, no primes close to each other (Fermat, 100 rounds), not of the ROCA
 *  generator (CVE-2017-15361); P-256 or P-384 by name with a point on the curve. ERR_KEY with the
 *  reason. */
MUST_CHECK enum err ca_key_check(EVP_PKEY *key, enum ca_kind kind,
                                 char ret_why[static CA_KEY_WHY_BYTES]);
/** Whether the list has the SHA-256 of the SubjectPublicKeyInfo: one in hex a line, # for remarks.
 *  ERR_KEY: it has; ERR_MALFORMED: no such list. */
MUST_CHECK enum err ca_key_blocked(struct span list, struct span public_key);
