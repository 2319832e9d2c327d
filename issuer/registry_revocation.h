/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations: rows are only ever added. See registry.h for what holds for every function.
 *
 * The lattice is the presigner's (presigner/cert_record.h): what is revoked stays so, with its time
 * and reason, but that a reason may become keyCompromise, and the time then the earlier of both
 * (CA/B Baseline Requirements 7.2.2). Such a row supersedes the one before, which stays. */
#pragma once

#include "issuer/registry_event.h"

struct registry_revocation {
    uint64_t issuer_id;
    struct serial serial;
    uint64_t seq;   /* of its event; set by registry_revoke() */
    uint8_t reason; /* enum reason; REASON_ABSENT: none said */
    uint64_t revoked_at_s;
    uint64_t at_s; /* when it was recorded */
    struct span actor;
    struct span evidence; /* a text; may be empty */
    uint64_t supersedes;  /* seq of the row before; 0: the first. Set by registry_revoke() */
};

typedef enum err (*registry_revocation_row)(void *context, const struct registry_revocation *row);

/** Revokes and writes the event. The serial must be ISSUED or ABANDONED (of the latter it is the
 * first event). Others of this CA wait from here to the commit.
 * ERR_EXISTS: it is revoked already, and the lattice has no way from there to here; nothing
 * changed. ERR_CONFLICT: the serial is in another state. ERR_NOT_FOUND: never reserved. ERR_RANGE:
 * a reason that is none, certificateHold or removeFromCRL; a revocation time of 0. */
MUST_CHECK enum err registry_revoke(struct registry *r,
                                    const struct registry_revocation *revocation,
                                    uint64_t *ret_seq);
/** All rows of a serial, oldest first; the last is what holds. */
MUST_CHECK enum err registry_revocations(struct registry *r, uint64_t issuer_id,
                                         const struct serial *serial, registry_revocation_row row,
                                         void *context);
