/* SPDX-License-Identifier: Apache-2.0 */
/* What the issuer counts and measures. Any thread adds (a certificate costs milliseconds: an atomic
 * addition is nothing beside that), the pages read. */
#pragma once

#include "lib/histogram.h"

/* name, kind, help */
#define ISSUER_COUNTER_TABLE(X)                                                                   \
    X(certificates_issued, COUNTER, "certificates signed and stored")                             \
    X(certificates_abandoned, COUNTER, "serials given up after a failure")                        \
    X(certificates_in_doubt, COUNTER, "given up ones that may have been signed: now revoked")     \
    X(certificates_unpublished, COUNTER,                                                          \
      "certificates handed out before the presigner had published their status")                  \
    X(orders_repeated, COUNTER, "orders that were answered from what they got before")            \
    X(approvals_recorded, COUNTER, "decisions of operators about orders")                         \
    X(validations_recorded, COUNTER, "domain validations recorded")                               \
    X(feed_requests, COUNTER, "requests of the feed")                                             \
    X(feed_events_sent, COUNTER, "status events sent to a presigner")                             \
    X(feed_rejected, COUNTER, "requests of the feed that were refused")                           \
    X(database_reconnects, COUNTER, "lost connections to the database that were opened again")    \
    X(database_errors, COUNTER, "transactions that the database refused or lost")                 \
    X(database_retries, COUNTER, "transactions tried again: deadlock, serialization, lock")       \
    X(database_in_doubt, COUNTER, "commits whose outcome had to be looked up")                    \
    X(linter_failures, COUNTER, "times the external linter did not answer: nothing was issued")   \
    X(linter_refusals, COUNTER, "certificates that the external linter refused")                  \
    X(api_key_failures, COUNTER, "requests with an API key that is unknown, expired or disabled") \
    X(client_failures, COUNTER, "requests of clients without the role for them")                  \
    X(certificates_reloaded, COUNTER, "times the listeners' certificates were loaded again")      \
    X(reload_failures, COUNTER, "times they could not be; the old ones stay")

enum issuer_counter {
#define X(name, kind, help) ISSUER_##name,
    ISSUER_COUNTER_TABLE(X)
#undef X
        ISSUER_COUNTER_COUNT
};

/* Stages of an issuance: name, what it is. `total` is from the whole request to the answer. */
#define ISSUER_STAGE_TABLE(X)                                                        \
    X(queue, "from the whole request to a worker")                                   \
    X(csr, "reading the CSR, its signature and key policy")                          \
    X(checks, "order, names, validations and approvals")                             \
    X(reserve, "the transaction that reserves the serial")                           \
    X(lint, "planning and linting the octets to be signed, and the external linter") \
    X(audit, "waiting for the audit log")                                            \
    X(sign, "the CA's signature and its verification")                               \
    X(store, "the transaction that stores the certificate")                          \
    X(publish, "waiting until the presigner has published the status")               \
    X(total, "all of it")

enum issuer_stage {
#define X(name, help) ISSUER_STAGE_##name,
    ISSUER_STAGE_TABLE(X)
#undef X
        ISSUER_STAGE_COUNT
};

#define ISSUER_REVOCATION_REASONS 11 /* CRLReason 0..10 (lib/facts.h) */
#define ISSUER_REFUSALS_MAX       96

struct issuer_metrics {
    uint64_t counters[ISSUER_COUNTER_COUNT];
    struct histogram stages[ISSUER_STAGE_COUNT];
    uint64_t revoked[ISSUER_REVOCATION_REASONS];
    uint64_t refused[ISSUER_REFUSALS_MAX]; /* by the number of the problem's type */
    const char *const *refusal_words;      /* of each; letters, digits and hyphens */
    unsigned refusal_count;
};

/** The words stay borrowed; at most ISSUER_REFUSALS_MAX (CHECK). */
void issuer_metrics_start(struct issuer_metrics *m, const char *const *refusal_words,
                          unsigned refusal_count);

void issuer_count(struct issuer_metrics *m, enum issuer_counter counter, uint64_t n);
/** An order or a revocation that was refused, by the number of the problem's type. */
void issuer_count_refused(struct issuer_metrics *m, unsigned problem);
/** Other reasons than 0..10 are counted as 0 (unspecified). */
void issuer_count_revoked(struct issuer_metrics *m, unsigned reason);

/** Adds the time since `*from_ns` to a stage and sets `*from_ns` to now: for stages one after the
 * other. Monotonic nanoseconds. */
void issuer_stage_end(struct issuer_metrics *m, enum issuer_stage stage, uint64_t *from_ns,
                      uint64_t now_ns);

/** All of the above as text for /metrics. */
void issuer_metrics_write(const struct issuer_metrics *m, struct text_writer *w);
