/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscriber's certificate has to be, rule by rule, judged from its octets by another parser
 * than the writer's (OpenSSL's): on the draft before anything is signed, and on what was signed.
 *
 * The rules are in leaf_lint_table.h, each with the section of the Baseline Requirements (BR), the
 * EV Guidelines (EVG) or an RFC, zlint's name of it, and the day it came into force: it judges what
 * begins to be valid on that day or later. A profile may break a rule that its allow list has, with
 * a reason that stays in the audit log. */
#pragma once

#include "issuer/leaf_profile.h"

struct leaf_lint_rule {
    const char *id;
    const char *section;
    const char *zlint; /* "-": zlint has none of this meaning */
    uint64_t from_s;   /* of notBefore */
};

size_t leaf_lint_count(void);
const struct leaf_lint_rule *leaf_lint_rule(size_t i);
/** The rule with that id. ERR_NOT_FOUND. */
MUST_CHECK enum err leaf_lint_find(struct span id, size_t *ret);

#define LEAF_LINT_WORDS 2
struct leaf_lint_set {
    uint64_t bits[LEAF_LINT_WORDS]; /* rule i is bit i % 64 of word i / 64 */
};
static inline bool leaf_lint_has(const struct leaf_lint_set *set, size_t i)
{
    return (set->bits[i / 64] >> i % 64 & 1) != 0;
}

/* What the certificate is judged against. */
struct leaf_lint_facts {
    const struct leaf_ca *ca;
    enum leaf_kind kind;
    bool short_lived;
    uint64_t issued_s;   /* now */
    const char *crl_url; /* the shard's, which has to be the certificate's only one; "": none */
    const struct leaf_suffixes *suffixes;
};

/** All broken rules. ERR_MALFORMED: no certificate in DER, which is worse than any of them. */
MUST_CHECK enum err leaf_lint(struct span der, const struct leaf_lint_facts *facts,
                              struct leaf_lint_set *ret);
/** leaf_lint() and the profile's allow list: the first rule broken and not allowed refuses
 *  (PROBLEM_LINT, the rule's id in why->rule); `ret_allowed` are those that were broken and
 * allowed. */
MUST_CHECK enum err leaf_lint_check(struct span der, const struct leaf_lint_facts *facts,
                                    const struct leaf_profile *profile,
                                    struct leaf_lint_set *ret_allowed, struct problem *why);
