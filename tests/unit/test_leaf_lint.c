/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of the linter is broken alone, by a certificate that is good otherwise. */
#include "tests/unit/leaf_lint_breaks.h"

static struct leaf_world world;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void list_broken(const char *what, const struct leaf_lint_set *set)
{
    for (size_t i = 0; i < leaf_lint_count(); i++)
        if (leaf_lint_has(set, i))
            print_error("%s: breaks %s\n", what, leaf_lint_rule(i)->id);
}

/* What is issued breaks no rule: all kinds, all keys, short-lived or not. */
static void what_is_issued_is_good(void **state)
{
    (void)state;
    static const enum key_alg algs[] = {KEY_RSA, KEY_P256, KEY_P384};
    static const struct leaf_lint_set none;
    for (unsigned kind = 0; kind < LEAF_KIND_COUNT; kind++)
        for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++)
            for (int variant = 0; variant < BASE_VARIANTS; variant++) {
                struct lint_base base;
                struct leaf_lint_set broken;
                base_make(&world, (enum leaf_kind)kind, algs[i], variant, &base);
                assert_int_equal(leaf_lint(span_of(base.der, base.size), &base.facts, &broken),
                                 ERR_OK);
                list_broken(leaf_kind_text((enum leaf_kind)kind), &broken);
                assert_memory_equal(&broken, &none, sizeof none);
            }
}

static bool only(const struct leaf_lint_set *set, size_t rule)
{
    for (size_t i = 0; i < leaf_lint_count(); i++)
        if (leaf_lint_has(set, i) != (i == rule))
            return false;
    return true;
}

static size_t rule_of(const char *id)
{
    size_t rule = 0;
    if (leaf_lint_find(span_text(id), &rule) != ERR_OK)
        fail_msg("no rule %s", id);
    return rule;
}

static void each_rule_is_broken_alone(void **state)
{
    (void)state;
    bool seen[64 * LEAF_LINT_WORDS] = {0};
    size_t wrong = 0;
    for (size_t i = 0; i < breaks_count(); i++) {
        struct lint_base base;
        struct leaf_lint_set broken;
        const char *id = breaks_make(&world, i, &base);
        size_t rule = rule_of(id);
        assert_int_equal(leaf_lint(span_of(base.der, base.size), &base.facts, &broken), ERR_OK);
        seen[rule] = true;
        base_done(&base);
        if (only(&broken, rule))
            continue;
        wrong++;
        if (!leaf_lint_has(&broken, rule))
            print_error("row %zu does not break %s\n", i, id);
        list_broken(id, &broken);
    }
    for (size_t i = 0; i < leaf_lint_count(); i++)
        if (!seen[i]) {
            print_error("no row breaks %s\n", leaf_lint_rule(i)->id);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

static void rules_say_where_they_are_from(void **state)
{
    (void)state;
    assert_true(leaf_lint_count() >= 50);
    for (size_t i = 0; i < leaf_lint_count(); i++) {
        const struct leaf_lint_rule *rule = leaf_lint_rule(i);
        bool known =
            strncmp(rule->section, "BR ", 3) == 0 || strncmp(rule->section, "EVG ", 4) == 0 ||
            strncmp(rule->section, "RFC ", 4) == 0 || strncmp(rule->section, "a policy: ", 10) == 0;
        bool zlint = strcmp(rule->zlint, "-") == 0 || strchr("ewn", rule->zlint[0]) != NULL;
        if (!known || !zlint)
            fail_msg("%s: %s, %s", rule->id, rule->section, rule->zlint);
    }
}

/* A rule is one from its day on. */
static void rules_have_their_day(void **state)
{
    (void)state;
    struct lint_base base;
    struct leaf_lint_set broken;
    static const struct leaf_lint_set none;
    uint64_t day_s = leaf_lint_rule(rule_of("policies_no_any"))->from_s;
    world.ca.not_before_s = 0;
    base_make(&world, LEAF_DV, KEY_P256, 0, &base);
    breaks_any_policy(&base, day_s - 1);
    assert_int_equal(leaf_lint(span_of(base.der, base.size), &base.facts, &broken), ERR_OK);
    list_broken("before its day", &broken);
    assert_memory_equal(&broken, &none, sizeof none);
    breaks_any_policy(&base, day_s);
    assert_int_equal(leaf_lint(span_of(base.der, base.size), &base.facts, &broken), ERR_OK);
    assert_true(only(&broken, rule_of("policies_no_any")));
    world.ca.not_before_s = WORLD_NOW_S - 100 * LEAF_DAY_S;
}

static void what_is_allowed_has_a_reason(void **state)
{
    (void)state;
    struct lint_base base;
    struct leaf_lint_set allowed = {0};
    struct problem why = {0};
    struct leaf_profile p = world_profile(LEAF_DV);
    base_make(&world, LEAF_DV, KEY_ED25519, 0, &base);
    struct span der = span_of(base.der, base.size);
    assert_int_equal(leaf_lint_check(der, &base.facts, &p, &allowed, &why),
                     problem_err(PROBLEM_LINT));
    assert_string_equal(why.rule, "key_algorithm");
    assert_int_equal(why.type, PROBLEM_LINT);
    p.allow[p.allow_count++] = (struct leaf_allow){"key_algorithm", "for machines of our own"};
    assert_int_equal(leaf_lint_check(der, &base.facts, &p, &allowed, &why), ERR_OK);
    assert_true(only(&allowed, rule_of("key_algorithm")));
    assert_int_equal(leaf_lint_check(span_text("0"), &base.facts, &p, &allowed, &why),
                     problem_err(PROBLEM_LINT));
    assert_string_equal(why.rule, "not_der");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_issued_is_good),
        cmocka_unit_test(each_rule_is_broken_alone),
        cmocka_unit_test(rules_say_where_they_are_from),
        cmocka_unit_test(rules_have_their_day),
        cmocka_unit_test(what_is_allowed_has_a_reason),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
