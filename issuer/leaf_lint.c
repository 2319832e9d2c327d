/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_lint_view.h"

static const struct leaf_lint_rule rules[] = {
#define X(id, section, zlint, from) {#id, section, zlint, from},
    LEAF_LINT_TABLE(X)
#undef X
};

static bool (*const judges[])(const struct leaf_view *v) = {
#define X(id, section, zlint, from) leaf_lint_##id,
    LEAF_LINT_TABLE(X)
#undef X
};

#define RULE_COUNT (sizeof rules / sizeof rules[0])
_Static_assert(RULE_COUNT <= 64 * LEAF_LINT_WORDS, "a bit for each rule");

size_t leaf_lint_count(void)
{
    return RULE_COUNT;
}

const struct leaf_lint_rule *leaf_lint_rule(size_t i)
{
    return &rules[i];
}

enum err leaf_lint_find(struct span id, size_t *ret)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (span_equal(id, span_text(rules[i].id))) {
            *ret = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum err leaf_lint(struct span der, const struct leaf_lint_facts *facts, struct leaf_lint_set *ret)
{
    struct leaf_view v;
    struct leaf_lint_set broken = {0};
    TRY(leaf_view_open(der, facts, &v));
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (v.from_s >= rules[i].from_s && !judges[i](&v))
            broken.bits[i / 64] |= UINT64_C(1) << i % 64;
    leaf_view_close(&v);
    *ret = broken;
    return ERR_OK;
}

enum err leaf_lint_check(struct span der, const struct leaf_lint_facts *facts,
                         const struct leaf_profile *profile, struct leaf_lint_set *ret_allowed,
                         struct problem *why)
{
    struct leaf_lint_set broken;
    if (leaf_lint(der, facts, &broken) != ERR_OK)
        return problem_set_rule(why, PROBLEM_LINT, "not_der", "lint: no certificate in DER");
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (leaf_lint_has(&broken, i) && !leaf_profile_allows(profile, rules[i].id))
            return problem_set_rule(why, PROBLEM_LINT, rules[i].id, "lint: %s (%s, zlint %s)",
                                    rules[i].id, rules[i].section, rules[i].zlint);
    *ret_allowed = broken;
    return ERR_OK;
}
