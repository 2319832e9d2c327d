/* SPDX-License-Identifier: Apache-2.0 */
/* What the issuer counts and measures. Any thread adds (a certificate costs milliseconds: an atomic
 * addition is nothing beside that), the pages read. */
#pragma once

#include "issuer/issue_stage.h"
#include "issuer/problem.h"
#include "lib/metrics.h"
#include "lib/time_histogram.h"

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

/* What is timed: the stages of the cycle (issuer/issue_stage.h), and around them the two below. */
enum issuer_timed {
    ISSUER_TIMED_QUEUE = ISSUE_STAGE_COUNT, /* from the whole request to a worker */
    ISSUER_TIMED_TOTAL,                     /* from the whole request to the answer */
    ISSUER_TIMED_COUNT
};

#define ISSUER_REVOCATION_REASONS 11 /* CRLReason 0..10 (lib/facts.h) */

/* All zero: empty. One for the program. */
struct issuer_metrics {
    uint64_t counters[ISSUER_COUNTER_COUNT];
    struct time_histogram timed[ISSUER_TIMED_COUNT]; /* by enum issue_stage and issuer_timed */
    uint64_t revoked[ISSUER_REVOCATION_REASONS];
    uint64_t refused[PROBLEM_COUNT]; /* orders and revocations, by the problem's type */
};

void issuer_count(struct issuer_metrics *m, enum issuer_counter counter, uint64_t n);
/** An order or a revocation that was refused. */
void issuer_count_refused(struct issuer_metrics *m, enum problem_type problem);
/** Other reasons than 0..10 are counted as 0 (unspecified). */
void issuer_count_revoked(struct issuer_metrics *m, unsigned reason);

/** `timed` is of enum issue_stage or issuer_timed. */
void issuer_time(struct issuer_metrics *m, unsigned timed, uint64_t duration_ns);
/** The same for stages one after the other: takes the time since `*from_ns` (monotonic) and sets it
 * to `now_ns`. */
void issuer_time_since(struct issuer_metrics *m, unsigned timed, uint64_t *from_ns,
                       uint64_t now_ns);

/** All of the above as text for /metrics. */
void issuer_metrics_write(const struct issuer_metrics *m, struct text_writer *w);
