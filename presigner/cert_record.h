/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one certificate, its stored form, and the lattice of its states.
 *
 * Cert record: version 1 (= 1), status 1, reason 1, revoked_at 4, not_after 4, sequence 8, shard 4.
 * All integers big-endian. */
#pragma once

#include "lib/facts.h"

#define CERT_RECORD_VERSION 1
#define CERT_RECORD_BYTES   23

/* No record: unknown. */
struct cert_record {
    uint8_t status; /* enum cert_status */
    uint8_t reason; /* enum reason */
    uint32_t revoked_at_s;
    uint32_t not_after_s;
    uint64_t sequence; /* of the change that made it so */
    uint32_t shard;    /* CRL shard, fixed when first set; 0: none */
};

void cert_record_write(const struct cert_record *record, uint8_t ret[static CERT_RECORD_BYTES]);
/** ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED (version), ERR_MALFORMED (cert_record_valid()). */
MUST_CHECK enum err cert_record_read(struct span value, struct cert_record *ret);
/** Known status and reason; good has neither a revocation time nor a reason. */
bool cert_record_valid(const struct cert_record *record);

/** Whether the statement of a certificate may be dropped: `grace_s` have passed since notAfter. */
static inline bool cert_expired(const struct cert_record *record, uint64_t grace_s, uint64_t now_s)
{
    return now_s > record->not_after_s + grace_s;
}

/** The state lattice, pure: joins what is claimed into what is known (NULL: unknown) and tells
 *  whether anything changed. Unknown < good < revoked: a revoked certificate never becomes good,
 * and the first accepted revocation keeps its time and reason, with one exception: a reason may
 * become keyCompromise, and the time then becomes the earlier of both (CA/B Baseline
 * Requirements 7.2.2). notAfter becomes the later of both; a shard once set stays. `sequence` is
 * left as known. */
bool cert_record_join(const struct cert_record *known, const struct cert_record *claimed,
                      struct cert_record *ret);
