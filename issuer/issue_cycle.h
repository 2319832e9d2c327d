/* SPDX-License-Identifier: Apache-2.0 */
/* One cycle at work, and its stages. For issue*.c: issue.c runs them in the order of
 * issue_stage.h. */
#pragma once

#include "issuer/issue.h"
#include "issuer/leaf_lint.h"
#include "issuer/leaf_tbs.h"
#include "issuer/witness.h"

/* How far the serial has come, which says what a failure has to do about it. */
enum cycle_reach {
    CYCLE_NOTHING,  /* no serial in the registry */
    CYCLE_RESERVED, /* T1 has happened or may have; nothing is signed */
    CYCLE_SIGNING,  /* something may be signed */
    CYCLE_ISSUED,
};

struct cycle {
    struct issuer_worker *worker;
    const struct issue_request *request;
    struct problem *why;
    struct span customer;
    uint64_t now_s;
    enum cycle_reach reach;
    char order_id[ISSUE_ORDER_ID_MAX + 1]; /* "" until it is known to be one */

    /* claim */
    const struct authority *authority;
    const struct leaf_profile *profile;
    struct sha256 request_hash;
    struct sha256 listed_hash; /* the same with the names as they came */
    bool is_repeated;          /* the order was fulfilled before, `id` ... are those of then */

    /* check, validate */
    struct csr csr;
    struct leaf_names names;
    struct leaf_subject subject; /* of OV and EV */

    /* plan, lint */
    struct leaf leaf;
    uint8_t tbs[LEAF_TBS_BYTES_MAX];
    size_t tbs_size;
    struct sha256 tbs_sha256;
    struct leaf_lint_set allowed; /* rules that are broken and allowed */

    /* announce, sign, witness */
    struct witness announced, witnessed;
    uint8_t der[LEAF_CERT_BYTES_MAX]; /* the draft, then the certificate */
    size_t der_size;

    /* record */
    struct sha256 id;
    uint64_t seq;
};

/* The stages. Each sets `why` when it fails. */
MUST_CHECK enum err cycle_claim(struct cycle *c);
MUST_CHECK enum err cycle_check(struct cycle *c);
MUST_CHECK enum err cycle_validate(struct cycle *c);
MUST_CHECK enum err cycle_plan(struct cycle *c);
MUST_CHECK enum err cycle_lint(struct cycle *c);
MUST_CHECK enum err cycle_reserve(struct cycle *c);
MUST_CHECK enum err cycle_announce(struct cycle *c);
MUST_CHECK enum err cycle_sign(struct cycle *c);
MUST_CHECK enum err cycle_verify(struct cycle *c);
MUST_CHECK enum err cycle_witness(struct cycle *c);
MUST_CHECK enum err cycle_record(struct cycle *c);
MUST_CHECK enum err cycle_commit(struct cycle *c);

/** Takes the answer of an order that is there (issue_order.c): the certificate, or a problem. */
struct registry_order;
MUST_CHECK enum err cycle_take_order(struct cycle *c, const struct registry_order *order);
/** Says in the audit log that the order is refused; nothing was reserved. */
void cycle_say_refused(struct cycle *c);
/** The registry does not answer: logs and sets the problem. */
MUST_CHECK enum err cycle_registry_problem(struct cycle *c, const char *what, enum err err);

/** What is about to be signed. */
static inline struct span cycle_tbs(const struct cycle *c)
{
    return span_of(c->tbs, c->tbs_size);
}
