/* SPDX-License-Identifier: Apache-2.0 */
/* What a data set says of a serial: facts that follow from the seed, signatures of random octets.
 */
#pragma once

#include "lib/block.h"

#define DRAW_VALIDITY_S (7u * 86400u)
#define DRAW_BACKDATE_S 3600u
#define DRAW_REFRESH_S  (DRAW_VALIDITY_S / 2)

/** Whether a serial is among the revoked: always the same answer for a seed and a share. */
bool draw_revoked(uint64_t seed, double share, const struct serial *serial);
/** Its facts but for the template. */
struct facts draw_facts(uint64_t seed, double share, const struct serial *serial,
                        uint32_t this_update_s);

/* One more than a block has, as pack writers borrow them until the next block. */
#define DRAW_SIGNATURES (BLOCK_COUNT_MAX + 2)

struct draw_signatures {
    uint64_t random;
    uint32_t next;
    uint8_t octets[DRAW_SIGNATURES * SIGNATURE_BYTES_MAX];
};

/** A signature of random octets; it stays for DRAW_SIGNATURES - 1 further calls with this size. */
struct span draw_signature(struct draw_signatures *s, size_t size);
