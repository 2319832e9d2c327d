/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that turn (serial, facts) into signatures.
 *
 * A source is a signer with the template its statements are made under; it holds one worker and one
 * verifier for each thread of the pool. The caller hands over an array, may do other work while
 * it is signed, and has all signatures, in the same order, when it has waited for the run. */
#pragma once

#include "lib/os/signer.h"

#define SIGN_THREADS_MAX 256
/* Statements a thread takes at a time, at most: about 5 ms of P-256. */
#define SIGN_BATCH_COUNT 256
/* Verified at random is one in so many signatures, beside each thread's first of a run. A P-256
 * verification costs as much as three signatures: this is 1.2 % of the work; one in 64 was 4.7 %.
 */
#define SIGN_SAMPLE_RATE 256

enum sign_verify { SIGN_VERIFY_NONE, SIGN_VERIFY_SAMPLE, SIGN_VERIFY_ALL };

struct sign_item {
    struct serial serial;
    struct facts facts; /* template_no is the source's */
};

/** Totals since the pool was made; any thread may read. */
struct sign_totals {
    uint64_t signatures;
    uint64_t verified;
    uint64_t verify_failures;
    uint64_t sign_failures;
};

struct sign_pool;
struct sign_source;

/** 1..SIGN_THREADS_MAX threads. ERR_RANGE, ERR_MEMORY. */
MUST_CHECK enum err sign_pool_new(unsigned thread_count, enum sign_verify verify,
                                  struct sign_pool **ret);
/** All sources must be freed before. Takes NULL, returns NULL. */
struct sign_pool *sign_pool_free(struct sign_pool *pool);
void sign_pool_totals(const struct sign_pool *pool, struct sign_totals *ret);

/** `signer` and `t` stay borrowed. Errors of signer_worker_new() and template_verifier_new(). */
MUST_CHECK enum err sign_source_new(struct sign_pool *pool, struct signer *signer,
                                    const struct ocsp_template *t, struct sign_source **ret);
struct sign_source *sign_source_free(struct sign_source *source);
const struct ocsp_template *sign_source_template(const struct sign_source *source);
/** Octets of each signature. */
size_t sign_source_signature_size(const struct sign_source *source);

/** Starts such a run and returns; items and signatures stay borrowed until sign_pool_wait(), which
 *  must be called before the next start. The caller can prepare what comes next meanwhile. With
 *  `each`, a pool that verifies a sample verifies every signature of this run. */
void sign_pool_start(struct sign_pool *pool, struct sign_source *source,
                     const struct sign_item *items, size_t count, bool each, uint8_t *signatures);
/** The outcome of the run, as of sign_pool_run(). */
MUST_CHECK enum err sign_pool_wait(struct sign_pool *pool);

/** Signs `count` items into `signatures` (count x signature size). ERR_SIGNATURE: a signature did
 *  not verify, so nothing of the batch may be published; ERR_CRYPTO and the errors of
 *  ocsp_tbs_encode() likewise. One caller at a time. */
MUST_CHECK enum err sign_pool_run(struct sign_pool *pool, struct sign_source *source,
                                  const struct sign_item *items, size_t count, uint8_t *signatures);
