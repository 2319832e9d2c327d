/* SPDX-License-Identifier: Apache-2.0 */
/* Every bad request is refused, and for its own reason; what it is made from is not. */
#include "tests/fixture/bad_csr.h"
#include "tests/unit/leaf_world.h"

static struct leaf_world world;
static struct key_lists *lists;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    bad_csr_begin();
    bad_csr_use_ca_key(world.ca_key);
    assert_int_equal(
        key_lists_load(span_text(bad_csr_blocked_list()), span_text(bad_csr_debian_list()), &lists),
        ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    key_lists_free(lists);
    bad_csr_end();
    world_close(&world);
    return 0;
}

static struct leaf_profile profile_named(const char *wanted)
{
    struct leaf_profile p = world_profile(LEAF_DV);
#define X(word, kind_word, wild, ips, most, kinds)                                    \
    if (strcmp(wanted, word) == 0) {                                                  \
        assert_int_equal(leaf_kind_from_text(span_text(kind_word), &p.kind), ERR_OK); \
        p.wildcards = wild;                                                           \
        p.addresses = ips;                                                            \
        p.names_max = most;                                                           \
        p.key_algs = 0;                                                               \
        for (unsigned alg = 0; alg < KEY_ALG_COUNT; alg++)                            \
            if (strstr(kinds, key_alg_text((enum key_alg)alg)) != NULL)               \
                p.key_algs |= 1u << alg;                                              \
    }
    BAD_CSR_PROFILES(X)
#undef X
    return p;
}

static void ordered_names(const char *list, struct leaf_names *ret)
{
    struct problem why = {0};
    ret->count = 0;
    while (list != NULL && *list != '\0') {
        struct leaf_name name;
        size_t size = strcspn(list, " ");
        assert_int_equal(leaf_name_read(span_of(list, size), &name, &why), ERR_OK);
        assert_int_equal(leaf_names_add(ret, &name, &why), ERR_OK);
        list += size + (list[size] == ' ');
    }
}

/* The steps of the cycle that judge a request. */
static enum err judge(struct span request, const struct leaf_profile *profile, const char *ordered,
                      struct problem *why)
{
    static struct csr csr;
    static struct leaf leaf;
    static struct leaf_names from_order, names;
    ordered_names(ordered, &from_order);
    TRY(csr_read(request, &csr, why));
    struct leaf_order order = world_order(&world, profile, &csr);
    order.names = &names;
    enum err err = csr_key_check(&csr, profile->key_algs, lists, why);
    if (err == ERR_OK)
        err = csr_names(&csr, &from_order, &names, why);
    if (err == ERR_OK)
        err = leaf_plan(&order, &leaf, why);
    csr_done(&csr);
    return err;
}

static void bad_requests_are_refused_by_name(void **state)
{
    (void)state;
    assert_true(bad_csr_count() >= 60);
    size_t wrong = 0;
    for (size_t i = 0; i < bad_csr_count(); i++) {
        const struct bad_csr *row = bad_csr_at(i);
        struct leaf_profile profile = profile_named(row->profile);
        struct problem why = {0};
        arena_reset();
        enum err err = judge(bad_csr_make(row), &profile, row->ordered, &why);
        if (err == ERR_OK || strcmp(why.rule, row->rule) != 0) {
            print_error("%s: %s, not %s (%s)\n", row->name, err == ERR_OK ? "good" : why.rule,
                        row->rule, why.detail);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void names_of_rows_are_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < bad_csr_count(); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(bad_csr_at(i)->name, bad_csr_at(j)->name);
}

/* Every reason that a request can be refused for has a row. */
static void reasons_have_rows(void **state)
{
    (void)state;
    size_t missing = 0;
    for (unsigned r = 0; r <= LEAF_WHY_NAME_IP_PROFILE; r++) {
        const char *word = leaf_reason_word((enum leaf_reason)r);
        bool found = strcmp(word, "name-ip-text") == 0; /* of an order's text, test_leaf_names */
        for (size_t i = 0; i < bad_csr_count(); i++)
            found |= strcmp(bad_csr_at(i)->rule, word) == 0;
        if (!found) {
            print_error("no row for %s\n", word);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

static void good_requests_are_not(void **state)
{
    (void)state;
    static const char *const names[] = {
        "dns:www.example.com",
        "dns:*.example.com",
        "dns:WWW.Example.COM",
        "dns:xn--mnchen-3ya.de",
        "ip:01010101",
        "dns:a.example.com ip:08080808",
        "dns:3com.com",
        "dns:a-b.example.co.uk",
        "dns:www.example.com dns:www.example.com",
        "ip:20010db9000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct leaf_profile profile = profile_named("dv");
        struct csr_spec spec = {.key = world.keys[KEY_P256],
                                .extensions = csr_names_extension(names[i])};
        struct problem why = {0};
        arena_reset();
        spec.extensions = csr_names_extension(names[i]);
        if (judge(csr_pem(csr_make(&spec)), &profile, NULL, &why) != ERR_OK)
            fail_msg("%s: %s: %s", names[i], why.rule, why.detail);
        assert_int_equal(judge(csr_make(&spec), &profile, NULL, &why), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_are_refused_by_name),
        cmocka_unit_test(names_of_rows_are_their_own),
        cmocka_unit_test(reasons_have_rows),
        cmocka_unit_test(good_requests_are_not),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
