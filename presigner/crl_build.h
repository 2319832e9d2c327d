/* SPDX-License-Identifier: Apache-2.0 */
/* One CRL: from the revoked index through the CA's key and the gates to octets that may go out.
 * Memory is bounded by the shard. */
#pragma once

#include "presigner/crl_issuer.h"

struct crl_made {
    struct buffer der;
    struct crl_record record; /* all but the blob's hash */
    /* With the issuer's deltas on: */
    struct crl_delta delta;  /* with the bases moved on; its blob's hash that of the one before */
    struct buffer delta_der; /* empty: there is none to this CRL */
    enum err delta_err;      /* why not, when there should be */
};
void crl_made_done(struct crl_made *made);

/** Reads the entries and the covered sequence in one read transaction, signs, and asks the gates.
 *  `number` was taken before. A delta that cannot be made does not hold up its complete CRL.
 *  ERR_CONFLICT: a gate is shut (counted and logged); ERR_EXPIRED: the
 *  CA's certificate has ended; errors of the key and the databases. */
MUST_CHECK enum err crl_build(struct publisher *p, struct crl_issuer *ci, struct crl_slot *slot,
                              uint64_t number, struct crl_made *ret);
