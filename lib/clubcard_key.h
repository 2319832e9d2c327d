/* SPDX-License-Identifier: Apache-2.0 */
/* What a clubcard asks of a certificate: a row of 256 coefficients over GF(2), and where it starts
 * (docs/formats.md, "Filter").
 *
 * A row of coefficients a is laid over the bits of a filter from bit s on: coefficient i meets bit
 * s + i. Coefficient i is bit i mod 64 of a[i / 64], and so are the bits of a filter's words. */
#pragma once

#include "lib/digest.h"

#define CLUBCARD_WORDS      4u
#define CLUBCARD_ROW_BITS   (64u * CLUBCARD_WORDS)
#define CLUBCARD_SERIAL_MAX 255u /* a serial in a file has its size in one octet */

struct clubcard_key {
    uint64_t a[CLUBCARD_WORDS]; /* the first coefficient is one */
};

/** From the issuer's block id, the SHA-256 of its SubjectPublicKeyInfo, and the content octets of
 *  the serial. ERR_LIMIT (serial). */
MUST_CHECK enum err clubcard_key_make(const struct sha256 *block, struct span serial,
                                      struct clubcard_key *ret);

/** Where the row starts in a filter of m starts. */
static inline uint64_t clubcard_key_start(const struct clubcard_key *key, uint32_t m)
{
    return key->a[3] % (m > 0 ? m : 1);
}
