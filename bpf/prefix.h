/* SPDX-License-Identifier: Apache-2.0 */
/* Address prefixes of both IP versions, as people write them. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/span.h"

#define PREFIX_TEXT_BYTES 52 /* "xxxx:...:xxxx/128" and the zero */

struct prefix {
    uint8_t address[16]; /* IPv4 in the first four; octets behind the prefix are zero */
    uint8_t version;     /* 4 or 6 */
    uint8_t bits;
};

/** "192.0.2.0/24", "2001:db8::/32", a bare address for one of full length. ERR_MALFORMED: also
 * IPv4 within IPv6 ("::ffff:192.0.2.0/120"), of which no packet is; ERR_RANGE: bits set behind the
 * prefix. */
MUST_CHECK enum err prefix_parse(struct span text, struct prefix *ret);
void prefix_text(const struct prefix *prefix, char out[static PREFIX_TEXT_BYTES]);
bool prefix_same(const struct prefix *a, const struct prefix *b);
/** The prefix of `bits` (at most 32 or 128) that an address is in; IPv4 in the first four octets.
 */
struct prefix prefix_of(unsigned version, const uint8_t address[static 16], unsigned bits);
