/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of statim-issuer share, and what each worker thread has of its own. Every
 * handler of a route gets a struct issuer_worker as its worker_context and reaches the rest from
 * there. */
#pragma once

#include "issuer/authority.h"
#include "issuer/config.h"
#include "issuer/issue_stage.h"
#include "issuer/registry.h"
#include "lib/limit.h"

struct https_server;   /* issuer/https.h */
struct journal;        /* issuer/journal.h */
struct keeper;         /* issuer/keeper.h */
struct key_lists;      /* issuer/key_policy.h */
struct leaf_suffixes;  /* issuer/leaf_names.h */
struct linter_hook;    /* issuer/linter_hook.h */
struct registry_owner; /* issuer/registry_owner.h */

/* The two clocks as functions, so that tests have their own. */
struct issuer_clock {
    uint64_t (*wall_s)(void *context);
    uint64_t (*monotonic_ns)(void *context);
    void *context;
};

/* Called as each stage of a cycle begins: crash tests end the process there. Its function is NULL
 * in production. */
struct issuer_probe {
    void (*stage)(void *context, enum issue_stage stage);
    void *context;
};

/* Shared by all threads. Nothing in it changes after the start but what its owner says is safe for
 * any thread. */
struct issuer {
    const struct issuing_config *config;
    const struct authority_set *authorities;
    struct journal *journal;
    struct sha256 audit_log; /* audit_log_id() of the journal's log */
    struct issuer_clock clock;
    struct issuer_probe probe;
    struct issuer_metrics *metrics;
    const struct leaf_suffixes *suffixes;
    const struct key_lists *key_lists; /* known keys, from files */
    struct keeper *keeper;             /* issuer/keeper.h; NULL: not started (recovery, tests) */
    struct registry_owner *owner;      /* that we are the registry's only issuer; the keeper's */
    bool is_displaced;                 /* atomic: we are not any more, and end */
    struct https_server *server;       /* of both listeners; NULL: the same */
};

/* One worker thread's own. */
struct issuer_worker {
    struct issuer *issuer;
    struct registry *registry;                             /* this thread's connection */
    struct signer_worker *signers[ISSUER_AUTHORITIES_MAX]; /* by authority_index() */
    struct linter_hook *linter;                            /* NULL: none is configured */
};

/** Opens the connection (again) and a signer of each CA. The registry has to be migrated. Errors of
 * registry_open() and signer_worker_new(). */
MUST_CHECK enum err issuer_worker_open(struct issuer *issuer, struct issuer_worker *ret);
void issuer_worker_close(struct issuer_worker *worker);

static inline uint64_t issuer_now_s(const struct issuer *issuer)
{
    return issuer->clock.wall_s(issuer->clock.context);
}
static inline uint64_t issuer_now_ns(const struct issuer *issuer)
{
    return issuer->clock.monotonic_ns(issuer->clock.context);
}

/** The registry's address and time limits. Strings are the configuration's. */
struct registry_options issuer_registry_options(const struct issuing_config *config);

/** Wakes the parked requests: new events in the feed, or news from the presigner.
 * Any thread. */
void issuer_ring(struct issuer *issuer);
