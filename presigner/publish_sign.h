/* SPDX-License-Identifier: Apache-2.0 */
/* From certificate records to signed statements: facts, runs of the pool, and how fast they go. */
#pragma once

#include "presigner/publish_core.h"

/** The facts of a statement made at `now_s`. ERR_EXPIRED when the responder's certificate leaves no
 *  time for one. */
MUST_CHECK enum err publish_facts(const struct publish_issuer *issuer,
                                  const struct cert_record *record, uint64_t now_s,
                                  struct facts *ret);

/** Whether statements of this issuer can be made at all now: the responder's certificate lasts, and
 *  its key has not failed just now. What they wait for makes their ranges dirty. */
bool publish_issuer_able(const struct publish_issuer *issuer, uint64_t now_s);

/** Signs for a log entry, and keeps the measured rate and the counters. Edges verify each statement
 *  of an entry and cannot pass over one, so each is verified here first (unless verify is none). */
MUST_CHECK enum err publish_sign(struct publisher *p, struct publish_issuer *issuer,
                                 const struct sign_item *items, size_t count, uint8_t *signatures);

/** The same in two halves; `each` as for sign_pool_start(). */
struct publish_sign_run {
    struct publish_issuer *issuer;
    uint64_t start_ns;
    size_t count;
};
void publish_sign_start(struct publisher *p, struct publish_issuer *issuer,
                        const struct sign_item *items, size_t count, bool each, uint8_t *signatures,
                        struct publish_sign_run *ret);
MUST_CHECK enum err publish_sign_wait(struct publisher *p, const struct publish_sign_run *run);

/** How many statements to sign before looking up again, at the measured rate. */
size_t publish_sign_chunk(const struct publisher *p);
/** How many statements one log entry should have at most: by its size, and by half a second's
 *  signatures so that a revocation never waits for long. */
size_t publish_entry_count(const struct publisher *p);
