/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of leaves: times by the dated table, what a profile and a CA allow, subjects, octets. */
#include "tests/unit/leaf_world.h"

#include "lib/timetext.h"

#define ROWS(rows) (sizeof(rows) / sizeof(rows)[0])
#define DAY(n)     ((uint64_t)(n)*LEAF_DAY_S)

static struct leaf_world world;
static struct csr csr;
static struct leaf leaf;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    world_csr(world.keys[KEY_P256], "dns:www.example.com", &csr);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    csr_done(&csr);
    world_close(&world);
    return 0;
}

static uint64_t at(const char *text)
{
    uint64_t time_s = 0;
    assert_int_equal(human_time_read(span_text(text), &time_s), ERR_OK);
    return time_s;
}

static void the_longest_validity_has_its_day(void **state)
{
    (void)state;
    static const struct {
        const char *day, *before;
        uint32_t days, days_before;
        bool short_lived;
    } rows[] = {
        {"2026-03-15T00:00:00Z", "2026-03-14T23:59:59Z", 200, 398, false},
        {"2027-03-15T00:00:00Z", "2027-03-14T23:59:59Z", 100, 200, false},
        {"2029-03-15T00:00:00Z", "2029-03-14T23:59:59Z", 47, 100, false},
        {"2024-03-15T00:00:00Z", "2024-03-14T23:59:59Z", 10, 0, true},
        {"2026-03-15T00:00:00Z", "2026-03-14T23:59:59Z", 7, 10, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *section = NULL;
        assert_int_equal(leaf_validity_max_s(rows[i].short_lived, at(rows[i].day), &section),
                         DAY(rows[i].days));
        assert_int_equal(leaf_validity_max_s(rows[i].short_lived, at(rows[i].before), &section),
                         DAY(rows[i].days_before));
        assert_non_null(section);
    }
}

static void plan_good(const struct leaf_order *order)
{
    struct problem why = {0};
    if (leaf_plan(order, &leaf, &why) != ERR_OK)
        fail_msg("%s: %s", why.rule, why.detail);
}

static void plan_bad(const struct leaf_order *order, const char *rule)
{
    struct problem why = {0};
    if (leaf_plan(order, &leaf, &why) == ERR_OK)
        fail_msg("good, not %s", rule);
    assert_string_equal(why.rule, rule);
    assert_int_not_equal(why.detail[0], '\0');
}

static void validity_goes_by_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *now;
        uint32_t wanted_days, days;
        bool short_lived;
    } rows[] = {
        {"2026-11-28T00:00:00Z", 90, 90, false},   {"2026-11-28T00:00:00Z", 398, 200, false},
        {"2027-03-14T23:49:59Z", 200, 200, false}, {"2027-03-14T23:50:00Z", 200, 100, false},
        {"2027-03-14T23:59:59Z", 200, 100, false}, {"2027-03-15T00:00:00Z", 200, 100, false},
        {"2027-03-15T00:30:00Z", 101, 100, false}, {"2029-03-15T00:00:00Z", 100, 47, false},
        {"2026-11-28T00:00:00Z", 6, 6, true},      {"2026-11-28T00:00:00Z", 7, 7, true},
    };
    world.ca.not_before_s = 0;
    world.ca.not_after_s = at("2040-01-01T00:00:00Z");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct leaf_profile p = world_profile(LEAF_DV);
        p.short_lived = rows[i].short_lived;
        p.validity_s = DAY(rows[i].wanted_days);
        struct leaf_order order = world_order(&world, &p, &csr);
        order.now_s = at(rows[i].now);
        order.backdate_s = 3600;
        for (unsigned random = 0; random < 120; random++) {
            order.random = (uint16_t)random;
            plan_good(&order);
            assert_int_equal(leaf.not_before_s, order.now_s - 3600);
            /* the last second belongs to it */
            assert_int_equal(leaf.not_after_s - leaf.not_before_s + 1,
                             DAY(rows[i].days) - random % 60 * 60);
        }
    }
    world.ca.not_before_s = WORLD_NOW_S - DAY(100);
    world.ca.not_after_s = WORLD_NOW_S + DAY(1000) - 1;
}

static void times_are_within_the_ca(void **state)
{
    (void)state;
    struct leaf_profile p = world_profile(LEAF_DV);
    struct leaf_order order = world_order(&world, &p, &csr);
    const uint64_t from_s = world.ca.not_before_s, until_s = world.ca.not_after_s;
    order.backdate_s = LEAF_BACKDATE_S + 100;
    plan_good(&order);
    assert_int_equal(leaf.not_before_s, WORLD_NOW_S - LEAF_BACKDATE_S);
    world.ca.not_before_s = WORLD_NOW_S - 10;
    plan_good(&order);
    assert_int_equal(leaf.not_before_s, WORLD_NOW_S - 10);
    world.ca.not_before_s = WORLD_NOW_S + 1;
    plan_bad(&order, "ca-time");
    world.ca.not_before_s = from_s;
    world.ca.not_after_s = WORLD_NOW_S + DAY(10);
    plan_good(&order);
    assert_int_equal(leaf.not_after_s, WORLD_NOW_S + DAY(10));
    world.ca.not_after_s = WORLD_NOW_S + LEAF_REMAINING_S_MIN - 1;
    plan_good(&order);
    world.ca.not_after_s = WORLD_NOW_S + LEAF_REMAINING_S_MIN - 2;
    plan_bad(&order, "ca-time");
    world.ca.not_after_s = WORLD_NOW_S - 1;
    plan_bad(&order, "ca-time");
    world.ca.not_after_s = until_s;
}

static void a_status_is_somewhere(void **state)
{
    (void)state;
    struct leaf_profile p = world_profile(LEAF_DV);
    struct leaf_order order = world_order(&world, &p, &csr);
    const struct leaf_ca ca = world.ca;
    plan_good(&order);
    assert_string_equal(leaf.crl_url, "http://crl.example/1/3.crl");
    assert_int_equal(leaf.shard, WORLD_SHARD);
    order.shard = CRL_SHARD_NONE;
    plan_bad(&order, "no-status");
    order.shard = WORLD_SHARD;
    world.ca.crl_url_base = "";
    plan_bad(&order, "no-status");
    world.ca.crl_url_base = "https://crl.example";
    plan_bad(&order, "url");
    world.ca = ca;
    world.ca.ocsp_url = NULL;
    plan_bad(&order, "no-status");
    world.ca.ocsp_url = "http://a b/";
    plan_bad(&order, "url");
    world.ca = ca;
    p.ocsp_url = p.crl_url = false;
    plan_bad(&order, "no-status");
    p.short_lived = true;
    p.validity_s = DAY(7);
    plan_good(&order);
    assert_string_equal(leaf.crl_url, "");
    assert_int_equal(leaf.shard, CRL_SHARD_NONE);
    assert_null(leaf.ocsp_url);
}

static void serials_are_ours(void **state)
{
    (void)state;
    struct leaf_profile p = world_profile(LEAF_DV);
    struct leaf_order order = world_order(&world, &p, &csr);
    order.serial.octets[0] = 0;
    plan_bad(&order, "serial");
    order.serial.octets[0] = 0x80;
    plan_bad(&order, "serial");
    order.serial.octets[0] = 0x7f;
    plan_good(&order);
    order.serial.size = 19;
    plan_bad(&order, "serial");
}

static void profiles_that_contradict(void **state)
{
    (void)state;
    struct problem why;
    struct leaf_profile p;
#define BAD(...)                                    \
    do {                                            \
        p = world_profile(LEAF_DV);                 \
        __VA_ARGS__;                                \
        if (leaf_profile_check(&p, &why) == ERR_OK) \
            fail_msg("good: " #__VA_ARGS__);        \
    } while (0)
    BAD(p.name = "");
    BAD(p.name = NULL);
    BAD(p.name = "Capital");
    BAD(p.name = "a12345678901234567890123456789012");
    BAD(p.validity_s = LEAF_VALIDITY_S_MIN - 1);
    BAD(p.validity_s = DAY(398) + 1);
    BAD(p.short_lived = true);
    BAD(p.short_lived = true, p.validity_s = DAY(7) + 1);
    BAD(p.key_algs = 0);
    BAD(p.key_algs = 1u << KEY_ALG_COUNT);
    BAD(p.key_algs |= 1u << KEY_ED25519);
    BAD(p.names_max = 0);
    BAD(p.names_max = LEAF_NAMES_MAX + 1);
    BAD(p.kind = LEAF_EV);
    BAD(p.kind = LEAF_EV, p.wildcards = false);
    BAD(p.must_staple = true, p.ocsp_url = false);
    BAD(p.crl_url = false, p.ocsp_url = false);
    BAD(p.policy_count = 1, p.policies[0] = leaf_kind_policy(LEAF_DV));
    BAD(p.policy_count = 1, (void)!leaf_oid_read(span_text("2.5.29.32.0"), &p.policies[0]));
    BAD(p.policy_count = 2, (void)!leaf_oid_read(span_text("1.2.3"), &p.policies[0]),
        p.policies[1] = p.policies[0]);
    BAD(p.allow_count = 1, p.allow[0] = (struct leaf_allow){"no_such_rule", "a long reason"});
    BAD(p.allow_count = 1, p.allow[0] = (struct leaf_allow){"key_size", "short"});
    BAD(p.allow_count = 1, p.allow[0] = (struct leaf_allow){"key_size", NULL});
    BAD(p.allow_count = 2, p.allow[0] = (struct leaf_allow){"key_size", "a long reason"},
        p.allow[1] = p.allow[0]);
#undef BAD
    p = world_profile(LEAF_DV);
    p.key_algs |= 1u << KEY_ED25519;
    p.allow[p.allow_count++] = (struct leaf_allow){"key_algorithm", "only for our own machines"};
    assert_int_equal(leaf_profile_check(&p, &why), ERR_OK);
    assert_true(leaf_profile_allows(&p, "key_algorithm"));
    assert_false(leaf_profile_allows(&p, "key_size"));
}

static void expect_allowance(const struct leaf_ca *ca, struct leaf_profile *p, const char *lint)
{
    struct problem why = {0};
    assert_int_not_equal(leaf_ca_check(ca, p, &why), ERR_OK);
    if (strstr(why.detail, lint) == NULL)
        fail_msg("%s: %s", lint, why.detail);
    p->allow[p->allow_count++] = (struct leaf_allow){lint, "a reason of a sentence"};
    assert_int_equal(leaf_ca_check(ca, p, &why), ERR_OK);
}

/* What the linter would say of every certificate is said before the first one. */
static void a_ca_fits_its_profiles(void **state)
{
    (void)state;
    struct problem why;
    struct leaf_ca ca = world.ca;
    struct leaf_profile p = world_profile(LEAF_DV);
    assert_int_equal(leaf_ca_check(&ca, &p, &why), ERR_OK);
    ca.alg = SIG_ED25519;
    expect_allowance(&ca, &p, "signature_algorithm");
    ca.ca_issuers_url = "";
    expect_allowance(&ca, &p, "access_issuer");
    p.ocsp_url = false;
    expect_allowance(&ca, &p, "access_present");
}

/* Ed25519 keys that verify signatures of anybody. */
static void small_order(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* of none */
    };
    const struct key_policy policy = KEY_POLICY_LEAF(1u << KEY_ED25519);
    for (size_t i = 0; i < ROWS(keys); i++) {
        enum key_flaw flaw = KEY_FLAW_NONE;
        struct span octets = arena_hex(keys[i]);
        EVP_PKEY *key =
            EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, octets.data, octets.size);
        enum err err = key_policy_check(key, &policy, &flaw);
        EVP_PKEY_free(key);
        assert_int_equal(err, i + 1 < ROWS(keys) ? ERR_KEY : ERR_OK);
        assert_int_equal(flaw, i + 1 < ROWS(keys) ? KEY_FLAW_POINT : KEY_FLAW_NONE);
    }
}

static void kinds_have_their_subjects(void **state)
{
    (void)state;
    static const struct {
        const char *word, *value, *rule;
    } rows[] = {
        {"title", "x", "subject-unknown"},
        {"common_name", "x", "subject-unknown"},
        {"organizational_unit", "x", "subject-unknown"},
        {"country", "Gb", "subject-value"},
        {"country", "ZZ", "subject-value"},
        {"country", "GBR", "subject-long"},
        {"organization", "", "subject-value"},
        {"organization", " X", "subject-value"},
        {"organization", "a\nb", "subject-value"},
        {"organization", "\xff", "subject-value"},
        {"organization", "-", "subject-placeholder"},
        {"locality", "N/A", "subject-placeholder"},
        {"locality", " . ", "subject-placeholder"},
        {"business_category", "Club", "subject-value"},
        {"serial_number", "1_2", "subject-value"},
        {"organization", "a1234567890123456789012345678901234567890123456789012345678901234",
         "subject-long"},
    };
    struct leaf_subject subject = {0};
    struct problem why = {0};
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (leaf_subject_set(&subject, span_text(rows[i].word), span_text(rows[i].value), &why) ==
            ERR_OK)
            fail_msg("%s=%s is good", rows[i].word, rows[i].value);
        assert_string_equal(why.rule, rows[i].rule);
    }
    struct leaf_profile p = world_profile(LEAF_OV);
    struct leaf_order order = world_order(&world, &p, &csr);
    plan_good(&order);
    order.subject = &subject;
    plan_bad(&order, "subject-missing");
    order.subject = &world.ev;
    plan_bad(&order, "subject-not-of-kind");
    p = world_profile(LEAF_EV);
    plan_good(&order);
    order.subject = &world.organization;
    plan_bad(&order, "subject-missing");
    p = world_profile(LEAF_DV);
    plan_bad(&order, "subject-not-of-kind");
    subject = world.organization;
    subject.parts[LEAF_SUBJECT_LOCALITY][0] = '\0';
    assert_int_not_equal(leaf_subject_check(&subject, LEAF_OV, &why), ERR_OK);
    world_subject(&subject, "state", "Avon");
    assert_int_equal(leaf_subject_check(&subject, LEAF_OV, &why), ERR_OK);
}

static void an_approval_is_of_one_subject(void **state)
{
    (void)state;
    struct leaf_subject other = world.organization;
    struct sha256 hash = leaf_subject_hash(&world.organization), again;
    memcpy(other.parts[LEAF_SUBJECT_COMMON_NAME], "a.com", 6);
    again = leaf_subject_hash(&other);
    assert_true(sha256_equal(&hash, &again));
    world_subject(&other, "locality", "bath");
    again = leaf_subject_hash(&other);
    assert_false(sha256_equal(&hash, &again));
}

static void common_names(void **state)
{
    (void)state;
    static struct csr long_csr;
    char names[512] = "dns:";
    struct leaf_profile p = world_profile(LEAF_DV);
    memset(names + 4, 'a', 60);
    static const char rest[] = ".example.com dns:b.example.com";
    memcpy(names + 64, rest, sizeof rest);
    world_csr(world.keys[KEY_P256], names, &long_csr);
    struct leaf_order order = world_order(&world, &p, &long_csr);
    plan_good(&order);
    assert_int_equal(leaf.subject_size, 2);
    p.common_name = true;
    plan_good(&order);
    assert_non_null(memmem(leaf.subject, leaf.subject_size, "b.example.com", 13));
    assert_null(memmem(leaf.subject, leaf.subject_size, "aaaa", 4));
    csr_done(&long_csr);
}

static void oids(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex; /* NULL: none */
    } rows[] = {
        {"1.2.3", "06022a03"},
        {"2.23.140.1.2.1", "060667810c010201"},
        {"2.999.3", "0603883703"},
        {"1.3.6.1.4.1.44947.1.1.1", "060b2b0601040182df13010101"},
        {"0.0", "060100"},
        {"1", NULL},
        {"", NULL},
        {"3.1", NULL},
        {"1.40", NULL},
        {"1..2", NULL},
        {"1.2.", NULL},
        {"1.02", NULL},
        {"1.2.4294967296", NULL},
        {"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct leaf_oid oid;
        enum err err = leaf_oid_read(span_text(rows[i].text), &oid);
        assert_int_equal(err == ERR_OK, rows[i].hex != NULL);
        if (err == ERR_OK)
            assert_true(span_equal(span_of(oid.der, oid.size), arena_hex(rows[i].hex)));
    }
}

static void only_a_ca_issues(void **state)
{
    (void)state;
    static uint8_t tbs[LEAF_TBS_BYTES_MAX], der[LEAF_CERT_BYTES_MAX];
    struct leaf_profile p = world_profile(LEAF_DV);
    struct leaf_order order = world_order(&world, &p, &csr);
    struct problem why = {0};
    struct leaf_ca ca;
    size_t size = 0;
    plan_good(&order);
    assert_int_equal(leaf_tbs_encode(&leaf, tbs, sizeof tbs, &size), ERR_OK);
    size = world_certificate(&world, span_of(tbs, size), der, sizeof der);
    const unsigned char *from = der;
    X509 *certificate = d2i_X509(NULL, &from, (long)size);
    assert_int_not_equal(leaf_ca_read(certificate, &ca, &why), ERR_OK);
    assert_string_equal(why.rule, "ca-may-not");
    X509_free(certificate);
}

/* What is signed has to be what was linted, by the CA's key. */
static void what_was_signed(void **state)
{
    (void)state;
    static uint8_t tbs[LEAF_TBS_BYTES_MAX], der[LEAF_CERT_BYTES_MAX];
    struct leaf_profile p = world_profile(LEAF_EV);
    struct leaf_order order = world_order(&world, &p, &csr);
    struct problem why = {0};
    size_t tbs_size = 0;
    plan_good(&order);
    assert_int_equal(leaf_tbs_encode(&leaf, tbs, sizeof tbs, &tbs_size), ERR_OK);
    size_t size = world_certificate(&world, span_of(tbs, tbs_size), der, sizeof der);
    struct span made = span_of(der, size), wanted = span_of(tbs, tbs_size);
    if (leaf_signed_check(made, wanted, &world.ca, &why) != ERR_OK)
        fail_msg("%s", why.detail);
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            der[i] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(leaf_signed_check(made, wanted, &world.ca, &why), ERR_OK);
            der[i] ^= (uint8_t)(1u << bit);
        }
    tbs[tbs_size - 1] ^= 1;
    assert_int_not_equal(leaf_signed_check(made, wanted, &world.ca, &why), ERR_OK);
    assert_string_equal(why.rule, "tbs-differs");
    for (size_t room = 0; room < tbs_size; room++)
        assert_int_equal(leaf_tbs_encode(&leaf, der, room, &size), ERR_NO_SPACE);
}

static void lists_of_keys(void **state)
{
    (void)state;
    struct key_lists *lists = NULL;
    assert_int_equal(key_lists_load(span_text("abc\n"), SPAN_EMPTY, &lists), ERR_MALFORMED);
    assert_int_equal(key_lists_load(SPAN_EMPTY, span_text("0123456789012345678z\n"), &lists),
                     ERR_MALFORMED);
    assert_int_equal(key_lists_load(SPAN_EMPTY, span_text("01234567890123456789"), &lists),
                     ERR_TRUNCATED);
    assert_int_equal(
        key_lists_load(span_text("# none\n\n"), span_text("0123456789abcdefABCD\n"), &lists),
        ERR_OK);
    enum key_flaw flaw = KEY_FLAW_NONE;
    assert_int_equal(key_lists_check(lists, csr.key, csr.spki, &flaw), ERR_OK);
    key_lists_free(lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_validity_has_its_day),
        cmocka_unit_test(validity_goes_by_the_table),
        cmocka_unit_test(times_are_within_the_ca),
        cmocka_unit_test(a_status_is_somewhere),
        cmocka_unit_test(serials_are_ours),
        cmocka_unit_test(profiles_that_contradict),
        cmocka_unit_test(a_ca_fits_its_profiles),
        cmocka_unit_test(small_order),
        cmocka_unit_test(kinds_have_their_subjects),
        cmocka_unit_test(an_approval_is_of_one_subject),
        cmocka_unit_test(common_names),
        cmocka_unit_test(oids),
        cmocka_unit_test(only_a_ca_issues),
        cmocka_unit_test(what_was_signed),
        cmocka_unit_test(lists_of_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
