/* SPDX-License-Identifier: Apache-2.0 */
/* The issuance cycle and revocation, with a real registry, audit log and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "issuer/approval.h"
#include "issuer/dcv.h"
#include "issuer/registry_certificate.h"
#include "issuer/registry_dcv.h"
#include "issuer/registry_event.h"
#include "issuer/registry_incident.h"
#include "issuer/registry_approval.h"
#include "issuer/registry_order.h"
#include "issuer/registry_revocation.h"
#include "issuer/journal.h"
#include "issuer/revoke.h"
#include "tests/unit/issue_world.h"

static struct issue_world world;
static EVP_PKEY *key;

static int setup(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    issue_world_make(&world, "");
    assert_int_equal(issue_world_open(&world), ERR_OK);
    issue_world_validate(&world, WORLD_DOMAIN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issue_world_remove(&world);
    EVP_PKEY_free(key);
    return 0;
}

static struct registry *registry(void)
{
    return world.worker.registry;
}

static uint64_t last_event(void)
{
    uint64_t seq = 0;
    assert_int_equal(
        registry_event_last(registry(), world.foundation.authorities->authorities[0].id, &seq),
        ERR_OK);
    return seq;
}

static struct issue_result issued(EVP_PKEY *with, const char *names, const char *order_id)
{
    struct issue_result result = {0};
    struct problem why = {0};
    struct buffer csr = issue_world_csr(with, names);
    if (issue_world_ask(&world, span_of(csr.data, csr.size), order_id, &result, &why) != ERR_OK)
        fail_msg("%s: %s (%s)", order_id, why.detail, why.rule);
    buffer_done(&csr);
    return result;
}

static struct problem refused(const char *names, const char *order_id)
{
    struct issue_result result = {0};
    struct problem why = {0};
    struct buffer csr = issue_world_csr(key, names);
    uint64_t before = last_event();
    assert_int_not_equal(
        issue_world_ask(&world, span_of(csr.data, csr.size), order_id, &result, &why), ERR_OK);
    assert_int_equal(last_event(), before);
    buffer_done(&csr);
    return why;
}

static void a_certificate_is_issued(void **state)
{
    (void)state;
    struct issue_result r = issued(key, "example.com,www.example.com", "first");
    const unsigned char *at = r.der.data;
    X509 *x = d2i_X509(NULL, &at, (long)r.der.size);
    const struct authority *a = r.authority;
    assert_non_null(x);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(a->certificate)), 1);
    assert_int_equal(X509_check_issued(a->certificate, x), X509_V_OK);
    assert_int_equal(X509_check_host(x, "www.example.com", 0, 0, NULL), 1);
    assert_int_equal(X509_cmp(x, a->certificate) == 0, 0);
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.serial.size, 20);
    assert_int_equal(r.shard >> 16, 1);
    assert_true((r.shard & 0xffff) < 4);
    assert_false(r.published || r.repeated);
    X509_free(x);
    issue_result_done(&r);
}

static void an_order_is_fulfilled_once(void **state)
{
    (void)state;
    struct issue_result again = {0}, first;
    struct problem why = {0};
    struct buffer csr = issue_world_csr(key, "once.example.com");
    struct buffer other = issue_world_csr(key, "twice.example.com");
    uint64_t before = last_event();
    assert_int_equal(issue_world_ask(&world, span_of(csr.data, csr.size), "once", &first, &why),
                     ERR_OK);
    assert_int_equal(issue_world_ask(&world, span_of(csr.data, csr.size), "once", &again, &why),
                     ERR_OK);
    assert_true(again.repeated);
    assert_true(sha256_equal(&first.id, &again.id));
    assert_int_equal(first.seq, again.seq);
    assert_true(span_equal(span_of(first.der.data, first.der.size),
                           span_of(again.der.data, again.der.size)));
    assert_int_equal(last_event(), before + 1);
    issue_result_done(&again);
    assert_int_not_equal(
        issue_world_ask(&world, span_of(other.data, other.size), "once", &again, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_ORDER_CONFLICT);
    buffer_done(&csr);
    buffer_done(&other);
    issue_result_done(&first);
}

static void what_is_refused_reserves_nothing(void **state)
{
    (void)state;
    assert_int_equal(refused("example.net", "r1").type, PROBLEM_DCV);
    assert_int_equal(refused("example.com,a.example.net", "r1").type, PROBLEM_DCV);
    assert_int_equal(refused("under_score.example.com", "r2").type, PROBLEM_NAME);
    assert_int_equal(refused("example.com", "with blank").type, PROBLEM_FIELD);
    assert_int_equal(refused("example.com", "").type, PROBLEM_FIELD);
    /* The order is free: nothing was kept of it. */
    struct issue_result r = issued(key, "r.example.com", "r1");
    issue_result_done(&r);
}

static void profiles_and_cas_have_to_be_there(void **state)
{
    (void)state;
    struct issue_result result = {0};
    struct problem why = {0};
    struct issue_request request = {.csr = span_text("x"),
                                    .order_id = span_text("p"),
                                    .profile = span_text("none"),
                                    .customer = WORLD_CUSTOMER,
                                    .actor = "key:test",
                                    .request_id = ""};
    assert_int_not_equal(issue_certificate(&world.worker, &request, &result, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_PROFILE);
    request.profile = span_text("dv");
    assert_int_not_equal(issue_certificate(&world.worker, &request, &result, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_CSR);
}

static void wildcards_need_a_method_for_them(void **state)
{
    (void)state;
    struct issue_result r = issued(key, "*.example.com", "wild");
    issue_result_done(&r);
    assert_int_equal(refused("*.example.net", "wild2").type, PROBLEM_DCV);
}

/* --- Validations --- */

#define DAY_S 86400u

static enum err add_dcv(struct registry *r, void *context)
{
    uint64_t id = 0;
    return registry_dcv_add(r, context, &id);
}

static void validate(const char *domain, uint64_t age_s, bool wildcard)
{
    uint64_t now_s = issuer_now_s(&world.foundation.issuer);
    struct registry_dcv row = {.customer = span_text(WORLD_CUSTOMER),
                               .domain = span_text(domain),
                               .method = span_text("3.2.2.4.7"),
                               .result = REGISTRY_DCV_VALID,
                               .validated_at_s = now_s - age_s,
                               .expires_at_s = now_s + 300ull * DAY_S,
                               .wildcard = wildcard,
                               .at_s = now_s,
                               .actor = span_text("operator")};
    assert_int_equal(registry_transaction(registry(), add_dcv, &row), ERR_OK);
}

static void a_validation_counts_for_its_own_domain(void **state)
{
    (void)state;
    validate("one.test-a.com", 60, false);
    struct issue_result r = issued(key, "one.test-a.com", "dcv1");
    issue_result_done(&r);
    assert_int_equal(refused("below.one.test-a.com", "dcv2").type, PROBLEM_DCV);
    assert_int_equal(refused("*.one.test-a.com", "dcv2").type, PROBLEM_DCV);
    assert_int_equal(refused("test-a.com", "dcv2").type, PROBLEM_DCV);
    assert_int_equal(refused("none.test-a.com", "dcv2").type, PROBLEM_DCV);
}

static void a_validation_counts_below_if_its_method_does(void **state)
{
    (void)state;
    validate("two.test-a.com", 60, true);
    struct issue_result r = issued(key, "a.b.two.test-a.com,*.two.test-a.com", "dcv3");
    issue_result_done(&r);
    assert_int_equal(refused("twotest-a.com", "dcv4").type, PROBLEM_DCV);
    /* A newer one by a method that does not takes nothing away. */
    validate("two.test-a.com", 30, false);
    r = issued(key, "c.two.test-a.com", "dcv7");
    issue_result_done(&r);
}

/* BR 3.2.2.4: labels are left out down to the domain that was registered, and not further. */
static void a_public_suffix_validates_nothing(void **state)
{
    (void)state;
    validate("co.uk", 60, true);
    assert_int_equal(refused("www.statim-test.co.uk", "dcv8").type, PROBLEM_DCV);
    validate("statim-test.co.uk", 60, true);
    struct issue_result r = issued(key, "www.statim-test.co.uk", "dcv8");
    issue_result_done(&r);
}

static void a_validation_grows_old(void **state)
{
    (void)state;
    uint64_t most_s = dcv_reuse_max_s(issuer_now_s(&world.foundation.issuer));
    validate("three.test-a.com", most_s + 60, true);
    assert_int_equal(refused("three.test-a.com", "dcv5").type, PROBLEM_DCV);
    validate("four.test-a.com", most_s - 60, true);
    struct issue_result r = issued(key, "four.test-a.com", "dcv6");
    issue_result_done(&r);
    static const struct {
        uint64_t at_s, days;
    } rows[] = {{1773532799, 398}, {1773532800, 200}, {1805068800, 100}, {1868227200, 10}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(dcv_reuse_max_s(rows[i].at_s), rows[i].days * DAY_S);
}

static void a_method_may_be_demanded(void **state)
{
    (void)state;
    struct issue_result result = {0};
    struct problem why = {0};
    struct buffer csr = issue_world_csr(key, "method.example.com");
    struct issue_request request = {.csr = span_of(csr.data, csr.size),
                                    .order_id = span_text("method"),
                                    .profile = span_text("dv"),
                                    .dcv_method = span_text("3.2.2.4.19"),
                                    .customer = WORLD_CUSTOMER,
                                    .actor = "key:test",
                                    .request_id = ""};
    assert_int_not_equal(issue_certificate(&world.worker, &request, &result, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_DCV);
    request.dcv_method = span_text("3.2.2.4.7");
    assert_int_equal(issue_certificate(&world.worker, &request, &result, &why), ERR_OK);
    issue_result_done(&result);
    buffer_done(&csr);
}

/* --- OV --- */

static void subject_of(struct leaf_subject *subject)
{
    struct problem why = {0};
    static const char *const parts[][2] = {
        {"country", "GB"}, {"locality", "London"}, {"organization", "Example Ltd"}};
    *subject = (struct leaf_subject){0};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            leaf_subject_set(subject, span_text(parts[i][0]), span_text(parts[i][1]), &why),
            ERR_OK);
}

static enum err add_approval(struct registry *r, void *context)
{
    return registry_approval_add(r, context);
}

static void decide(const char *order_id, const char *who, const struct leaf_subject *subject,
                   enum registry_decision decision)
{
    char text[APPROVAL_SUBJECT_BYTES_MAX];
    assert_int_equal(approval_subject_write(subject, text), ERR_OK);
    struct registry_approval row = {.customer = span_text(WORLD_CUSTOMER),
                                    .order_id = span_text(order_id),
                                    .subject_hash = leaf_subject_hash(subject),
                                    .operator_name = span_text(who),
                                    .decision = decision,
                                    .subject = span_text(text),
                                    .at_s = issuer_now_s(&world.foundation.issuer)};
    assert_int_equal(registry_transaction(registry(), add_approval, &row), ERR_OK);
}

static enum err ask_ov(const char *order_id, struct issue_result *ret, struct problem *why)
{
    struct buffer csr = issue_world_csr(key, "ov.example.com");
    const struct issue_request request = {.csr = span_of(csr.data, csr.size),
                                          .order_id = span_text(order_id),
                                          .profile = span_text("ov"),
                                          .customer = WORLD_CUSTOMER,
                                          .actor = "key:test",
                                          .request_id = ""};
    *why = (struct problem){0};
    enum err err = issue_certificate(&world.worker, &request, ret, why);
    buffer_done(&csr);
    return err;
}

static void two_operators_approve(void **state)
{
    (void)state;
    struct issue_result r = {0};
    struct problem why;
    struct leaf_subject subject;
    char name[128] = "";
    subject_of(&subject);
    assert_int_not_equal(ask_ov("ov", &r, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_APPROVAL);
    decide("ov", "alice", &subject, REGISTRY_APPROVED);
    assert_int_not_equal(ask_ov("ov", &r, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_APPROVAL);
    decide("ov", "bob", &subject, REGISTRY_APPROVED);
    if (ask_ov("ov", &r, &why) != ERR_OK)
        fail_msg("%s (%s)", why.detail, why.rule);
    const unsigned char *at = r.der.data;
    X509 *x = d2i_X509(NULL, &at, (long)r.der.size);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_organizationName, name, sizeof name);
    assert_string_equal(name, "Example Ltd");
    X509_free(x);
    issue_result_done(&r);
}

static void one_rejection_is_enough(void **state)
{
    (void)state;
    struct issue_result r = {0};
    struct problem why;
    struct leaf_subject subject;
    subject_of(&subject);
    decide("ov-no", "alice", &subject, REGISTRY_APPROVED);
    decide("ov-no", "bob", &subject, REGISTRY_APPROVED);
    decide("ov-no", "carol", &subject, REGISTRY_REJECTED);
    assert_int_not_equal(ask_ov("ov-no", &r, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_APPROVAL);
}

/* --- Revocation --- */

static enum err revoke_it(const struct issue_result *r, enum reason reason, const char *customer,
                          struct revoke_result *ret, struct problem *why)
{
    const struct revoke_request request = {.id = &r->id,
                                           .reason = reason,
                                           .customer = customer,
                                           .evidence = SPAN_EMPTY,
                                           .actor = "key:test",
                                           .request_id = ""};
    *why = (struct problem){0};
    return revoke_certificate(&world.worker, &request, ret, why);
}

static void revoked_is_for_ever(void **state)
{
    (void)state;
    struct revoke_result done = {0}, again = {0};
    struct problem why;
    struct issue_result r = issued(key, "rev.example.com", "rev");
    assert_int_not_equal(revoke_it(&r, REASON_SUPERSEDED, "another", &done, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_NOT_FOUND);
    assert_int_not_equal(revoke_it(&r, REASON_PRIVILEGE_WITHDRAWN, WORLD_CUSTOMER, &done, &why),
                         ERR_OK);
    assert_int_equal(why.type, PROBLEM_REASON);
    assert_int_not_equal(revoke_it(&r, REASON_CERTIFICATE_HOLD, NULL, &done, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_REASON);
    assert_int_equal(revoke_it(&r, REASON_SUPERSEDED, WORLD_CUSTOMER, &done, &why), ERR_OK);
    assert_int_equal(done.reason, REASON_SUPERSEDED);
    assert_int_equal(done.seq, r.seq + 1);
    assert_false(done.repeated);
    assert_int_equal(revoke_it(&r, REASON_SUPERSEDED, WORLD_CUSTOMER, &again, &why), ERR_OK);
    assert_true(again.repeated);
    assert_int_equal(again.seq, done.seq);
    assert_int_not_equal(revoke_it(&r, REASON_UNSPECIFIED, WORLD_CUSTOMER, &again, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_REVOKED);
    issue_result_done(&r);
}

static void a_compromised_key_is_blocked(void **state)
{
    (void)state;
    EVP_PKEY *bad = EVP_EC_gen("P-256");
    struct revoke_result done = {0};
    struct problem why;
    struct issue_result r = issued(bad, "bad.example.com", "bad");
    assert_int_equal(revoke_it(&r, REASON_SUPERSEDED, NULL, &done, &why), ERR_OK);
    uint64_t first_s = done.revoked_at_s;
    assert_int_equal(revoke_it(&r, REASON_KEY_COMPROMISE, NULL, &done, &why), ERR_OK);
    assert_int_equal(done.reason, REASON_KEY_COMPROMISE);
    assert_int_equal(done.revoked_at_s, first_s);
    assert_false(done.repeated);
    struct buffer csr = issue_world_csr(bad, "bad2.example.com");
    assert_int_not_equal(issue_world_ask(&world, span_of(csr.data, csr.size), "bad2", &r, &why),
                         ERR_OK);
    assert_int_equal(why.type, PROBLEM_BLOCKED_KEY);
    buffer_done(&csr);
    issue_result_done(&r);
    EVP_PKEY_free(bad);
}

/* The presigner's lattice has no way from keyCompromise to an earlier time of it, and what is not
 * done is not said. */
static void the_time_of_a_compromise_stays(void **state)
{
    (void)state;
    EVP_PKEY *bad = EVP_EC_gen("P-256");
    struct revoke_result done = {0};
    struct problem why = {0};
    struct issue_result r = issued(bad, "time.example.com", "time");
    assert_int_equal(revoke_it(&r, REASON_KEY_COMPROMISE, NULL, &done, &why), ERR_OK);
    uint64_t leaves = journal_size(world.foundation.issuer.journal);
    const struct revoke_request earlier = {.id = &r.id,
                                           .reason = REASON_KEY_COMPROMISE,
                                           .compromised_at_s = done.revoked_at_s - 60,
                                           .actor = "key:test",
                                           .request_id = ""};
    assert_int_not_equal(revoke_certificate(&world.worker, &earlier, &done, &why), ERR_OK);
    assert_int_equal(why.type, PROBLEM_REVOKED);
    assert_int_equal(journal_size(world.foundation.issuer.journal), leaves);
    issue_result_done(&r);
    EVP_PKEY_free(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_issued),
        cmocka_unit_test(an_order_is_fulfilled_once),
        cmocka_unit_test(what_is_refused_reserves_nothing),
        cmocka_unit_test(profiles_and_cas_have_to_be_there),
        cmocka_unit_test(wildcards_need_a_method_for_them),
        cmocka_unit_test(a_validation_counts_for_its_own_domain),
        cmocka_unit_test(a_validation_counts_below_if_its_method_does),
        cmocka_unit_test(a_public_suffix_validates_nothing),
        cmocka_unit_test(a_validation_grows_old),
        cmocka_unit_test(a_method_may_be_demanded),
        cmocka_unit_test(two_operators_approve),
        cmocka_unit_test(one_rejection_is_enough),
        cmocka_unit_test(revoked_is_for_ever),
        cmocka_unit_test(a_compromised_key_is_blocked),
        cmocka_unit_test(the_time_of_a_compromise_stays),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
