/* SPDX-License-Identifier: Apache-2.0 */
/* The issuance cycle: from an order to a certificate that has an audit leaf, a row in the registry
 * and an event in the feed, or to a named refusal.
 *
 *   look at the order · CSR, key policy, names · validated domains, approvals · serial, shard,
 *   TBSCertificate · lint · T1: claim the order, reserve the serial · audit leaves up to
 * cert.signing · sign · same octets, lint, verify · audit leaf cert.issued · T2: certificate,
 * names, order, event `issued` · commit of T2
 *
 * A refusal before T1 leaves nothing behind but a leaf cert.refused: the order may come again, in
 * another form too. After T1 the serial is used up: whatever happens, it is never signed again, and
 * it ends as issued, as refused (nothing was signed) or as abandoned with an event `revoked`
 * (something may have been signed). What a crash leaves in between is brought to its end by
 * issuer/recover.h.
 *
 * The leaf cert.issued is durable before T2 begins: a leaf without a certificate may be, a
 * certificate without a leaf never. It stands before T2 and not within so that no lock is held
 * while the disk works. */
#pragma once

#include "issuer/issuer.h"
#include "issuer/problem.h"
#include "lib/serial.h"

#define ISSUE_ORDER_ID_MAX 128 /* octets of an order_id: printable ASCII */
#define ISSUE_CUSTOMER_MAX 64
#define ISSUE_ACTOR_MAX    128
#define ISSUE_NAMES_MAX    100 /* names that a request may give beside its CSR */

/* Everything is borrowed for the call. */
struct issue_request {
    struct span csr;                   /* one PEM block, or DER */
    struct span order_id;              /* with `customer` the key of idempotency */
    struct span profile;               /* its name */
    const char *customer;              /* whose order; from the API key */
    const struct authority *authority; /* NULL: authority_for_profile() */
    struct span dcv_method;   /* by which the names have to be validated; empty: any method */
    const struct span *names; /* if any: exactly these have to be the CSR's names, in any order */
    size_t name_count;
    const char *actor; /* for the audit log: "key:<id>" */
    const char *request_id;
};

struct issue_result {
    struct sha256 id; /* of the DER */
    struct serial serial;
    const struct authority *authority;
    char profile[64];
    struct buffer der; /* the caller's: issue_result_done() */
    uint64_t not_before_s, not_after_s;
    uint32_t shard; /* CRL_SHARD_NONE: a short-lived one without CRL */
    uint64_t seq;   /* of its event `issued` */
    bool published; /* authority_published() has reached `seq` */
    bool repeated;  /* the order had been fulfilled before; nothing was done */
};

/** Runs the cycle. ERR_OK with a certificate; else the refusal's problem document in `why` and an
 * error for the log. The same (customer, order_id) again gives the same certificate, the names in
 * any order; with another content PROBLEM_ORDER_CONFLICT; while another thread works on it
 * PROBLEM_ORDER_PENDING. Does not wait for the presigner: see issue_is_published(). */
MUST_CHECK enum err issue_certificate(struct issuer_worker *worker,
                                      const struct issue_request *request, struct issue_result *ret,
                                      struct problem *why);
/** Frees what a result holds. */
void issue_result_done(struct issue_result *result);

/** Whether the presigner has the event in its log: then the edge answers for the certificate. Cheap
 * (no database): a handler parks until this is true or publish_wait_ms have passed, and answers
 * either way. Call issue_wait_done() once then, so that the stage `publish` is timed and what was
 * not published in time is counted. */
bool issue_is_published(const struct authority *authority, uint64_t seq);
void issue_wait_done(struct issuer_worker *worker, bool is_published, uint64_t waited_ns);
