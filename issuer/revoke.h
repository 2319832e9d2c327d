/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation of an issued certificate: a row in the registry (append-only), an event in the feed
 * and an audit leaf, in one transaction; the leaf is durable before the commit.
 *
 * Which reasons there are: Baseline Requirements 7.2.2, table of reasons. Who may use which is in
 * REVOKE_REASON_TABLE. The lattice is presigner/cert_record.h's: revoked is for ever; only to
 * keyCompromise can a reason change, and its time then becomes the earlier one; that time stays.
 *
 * keyCompromise blocks the key: no certificate for it is issued again. One that is being issued at
 * that moment is refused, or is stored before and then among those that the log names as having the
 * key, too (BR 4.9.1.1: they have to be revoked as well). */
#pragma once

#include "issuer/issuer.h"
#include "issuer/problem.h"
#include "lib/facts.h"

#define REVOKE_EVIDENCE_MAX                                              \
    1024 /* octets of text, kept in the registry and by hash in the leaf \
          */

/* reason, whether a customer may use it (else only an operator). "unspecified" is written as no
 * reason at all (BR 7.2.2). */
#define REVOKE_REASON_TABLE(X)      \
    X(UNSPECIFIED, true)            \
    X(KEY_COMPROMISE, true)         \
    X(AFFILIATION_CHANGED, true)    \
    X(SUPERSEDED, true)             \
    X(CESSATION_OF_OPERATION, true) \
    X(PRIVILEGE_WITHDRAWN, false)

struct revoke_request {
    const struct sha256 *id; /* of the certificate; NULL: by the two below */
    const struct authority *authority;
    const struct serial *serial;
    enum reason reason;
    const char *customer;      /* NULL: an operator, who may revoke any; else only its own */
    struct span evidence;      /* may be empty */
    uint64_t compromised_at_s; /* 0: now; of keyCompromise, an earlier time if known */
    const char *actor;
    const char *request_id;
};

struct revoke_result {
    const struct authority *authority;
    struct serial serial;
    enum reason reason; /* what holds now */
    uint64_t revoked_at_s;
    uint64_t seq;   /* of the event that made it so */
    bool published; /* authority_published() has reached `seq` */
    bool repeated;  /* it was so before; nothing was done */
};

/** ERR_OK, also when the same was done before. Else the problem in `why`: not found (or not the
 * customer's), a reason that is not allowed, already revoked with another reason, expired. */
MUST_CHECK enum err revoke_certificate(struct issuer_worker *worker,
                                       const struct revoke_request *request,
                                       struct revoke_result *ret, struct problem *why);
