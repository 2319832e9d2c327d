/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-1 of octets (through OpenSSL), and the text form of a SHA-256 name. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

#define SHA256_BYTES 32
#define SHA1_BYTES   20

struct sha256 {
    uint8_t octets[SHA256_BYTES];
};

/** Aborts when OpenSSL cannot hash (no memory at start): nothing could go on. */
struct sha256 sha256_of(struct span data);
/** Of two pieces one after the other. */
struct sha256 sha256_of_two(struct span first, struct span second);
void sha1_of(struct span data, uint8_t ret[static SHA1_BYTES]);
bool sha256_equal(const struct sha256 *a, const struct sha256 *b);

/** Lower-case hex, NUL-terminated: the name of a pack, index or blob. */
#define SHA256_TEXT_BYTES 65
void sha256_to_text(const struct sha256 *hash, char ret[static SHA256_TEXT_BYTES]);
/** Exactly 64 lower-case hex digits. ERR_MALFORMED. */
MUST_CHECK enum err sha256_from_text(struct span text, struct sha256 *ret);
