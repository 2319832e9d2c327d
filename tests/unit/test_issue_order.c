/* SPDX-License-Identifier: Apache-2.0 */
/* What the same order is, and what happens to an order between its stages: with a real registry,
 * audit log and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "issuer/approval.h"
#include "issuer/audit_log.h"
#include "issuer/journal.h"
#include "issuer/registry_approval.h"
#include "issuer/registry_key.h"
#include "issuer/registry_order.h"
#include "lib/wire.h"
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

/* An order that gives its names beside the CSR; `list` ends with NULL. */
static struct issue_request request_of(const struct buffer *csr, const char *order_id,
                                       const char *const list[], struct span *names)
{
    struct issue_request request = {.csr = span_of(csr->data, csr->size),
                                    .order_id = span_text(order_id),
                                    .profile = span_text("dv"),
                                    .customer = WORLD_CUSTOMER,
                                    .names = names,
                                    .actor = "key:test",
                                    .request_id = ""};
    for (; list[request.name_count] != NULL; request.name_count++)
        names[request.name_count] = span_text(list[request.name_count]);
    return request;
}

/* PROBLEM_COUNT: a certificate, whose id comes out. */
static enum problem_type ask(const struct issue_request *request, struct sha256 *ret_id)
{
    struct problem why = {0};
    struct issue_result result = {0};
    if (issue_certificate(&world.worker, request, &result, &why) != ERR_OK)
        return why.type;
    *ret_id = result.id;
    issue_result_done(&result);
    return PROBLEM_COUNT;
}

static enum problem_type ask_list(const struct buffer *csr, const char *order_id,
                                  const char *const list[], struct sha256 *ret_id)
{
    struct span names[ISSUE_NAMES_MAX];
    struct issue_request request = request_of(csr, order_id, list, names);
    return ask(&request, ret_id);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* In any order and case, and twice, they are the names of the same order. */
static void names_are_a_set(void **state)
{
    (void)state;
    struct sha256 first, again = {{0}};
    struct buffer csr = issue_world_csr(key, "a.example.com,b.example.com");
    const char *a = "a.example.com", *b = "b.example.com";
    assert_int_equal(ask_list(&csr, "set", LIST(b, a), &first), PROBLEM_COUNT);
    static const char *const same[][4] = {{"a.example.com", "b.example.com"},
                                          {"b.example.com", "a.example.com"},
                                          {"B.Example.com", "A.EXAMPLE.com"},
                                          {"a.example.com", "b.example.com", "a.example.com"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(ask_list(&csr, "set", same[i], &again), PROBLEM_COUNT);
        assert_true(sha256_equal(&first, &again));
    }
    assert_int_equal(ask_list(&csr, "set", LIST(a), &again), PROBLEM_ORDER_CONFLICT);
    assert_int_equal(ask_list(&csr, "set", LIST(a, b, "c.example.com"), &again),
                     PROBLEM_ORDER_CONFLICT);
    assert_int_equal(ask_list(&csr, "set", LIST(a, "b..example.com"), &again),
                     PROBLEM_ORDER_CONFLICT);
    buffer_done(&csr);
}

static void put(EVP_MD_CTX *context, struct span part)
{
    uint8_t size[8];
    be64_store(size, part.size);
    assert_int_equal(EVP_DigestUpdate(context, size, sizeof size), 1);
    assert_int_equal(EVP_DigestUpdate(context, part.data, part.size), 1);
}

/* The hash that orders had while their names were a list. */
static struct sha256 hash_of_list(const struct issue_request *request)
{
    struct sha256 hash;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(context, EVP_sha256(), NULL), 1);
    put(context, request->csr);
    put(context, request->profile);
    put(context, span_text(world.foundation.authorities->authorities[0].id_text));
    put(context, request->dcv_method);
    for (size_t i = 0; i < request->name_count; i++)
        put(context, request->names[i]);
    assert_int_equal(EVP_DigestFinal_ex(context, hash.octets, NULL), 1);
    EVP_MD_CTX_free(context);
    return hash;
}

static enum err add_failed(struct registry *r, void *context)
{
    const struct registry_order *order = context;
    struct registry_order is;
    bool is_new;
    TRY(registry_order_claim(r, order, &is_new, &is));
    return registry_order_finish(r, order->customer, order->order_id, NULL, REGISTRY_ORDER_FAILED,
                                 span_text("interrupted"), 1);
}

/* It can still be brought to its certificate, by who asks as before. */
static void an_order_of_before_is_the_same(void **state)
{
    (void)state;
    struct sha256 first, again = {{0}};
    struct span names[2];
    struct buffer csr = issue_world_csr(key, "a.example.com,b.example.com");
    struct issue_request request =
        request_of(&csr, "old", LIST("b.example.com", "a.example.com"), names);
    struct registry_order order = {.customer = span_text(WORLD_CUSTOMER),
                                   .order_id = request.order_id,
                                   .request_hash = hash_of_list(&request),
                                   .profile = request.profile,
                                   .created_at_s = 1};
    assert_int_equal(registry_transaction(world.worker.registry, add_failed, &order), ERR_OK);
    assert_int_equal(ask_list(&csr, "old", LIST("a.example.com", "b.example.com"), &again),
                     PROBLEM_ORDER_CONFLICT);
    assert_int_equal(ask(&request, &first), PROBLEM_COUNT);
    assert_int_equal(ask(&request, &again), PROBLEM_COUNT);
    assert_true(sha256_equal(&first, &again));
    buffer_done(&csr);
}

/* --- Approvals --- */

static enum err add_approval(struct registry *r, void *context)
{
    return registry_approval_add(r, context);
}

static void approve(const char *who, uint64_t age_s)
{
    char text[APPROVAL_SUBJECT_BYTES_MAX];
    struct problem why = {0};
    struct leaf_subject subject = {0};
    const char *const parts[][2] = {
        {"country", "GB"}, {"locality", "London"}, {"organization", "Example Ltd"}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            leaf_subject_set(&subject, span_text(parts[i][0]), span_text(parts[i][1]), &why),
            ERR_OK);
    assert_int_equal(approval_subject_write(&subject, text), ERR_OK);
    struct registry_approval row = {.customer = span_text(WORLD_CUSTOMER),
                                    .order_id = span_text("ov"),
                                    .subject_hash = leaf_subject_hash(&subject),
                                    .operator_name = span_text(who),
                                    .decision = REGISTRY_APPROVED,
                                    .subject = span_text(text),
                                    .at_s = issuer_now_s(&world.foundation.issuer) - age_s};
    assert_int_equal(registry_transaction(world.worker.registry, add_approval, &row), ERR_OK);
}

/* The problem's detail; NULL: it is approved. */
static const char *judge(void)
{
    static struct problem why;
    struct leaf_subject subject;
    enum err err = approval_find(&world.worker, span_text(WORLD_CUSTOMER), span_text("ov"),
                                 issuer_now_s(&world.foundation.issuer), &subject, &why);
    assert_true(err == ERR_OK || why.type == PROBLEM_APPROVAL);
    return err == ERR_OK ? NULL : why.detail;
}

static void approvals_grow_old(void **state)
{
    (void)state;
    uint64_t valid_s = world.config->approval_valid_s;
    approve("alice", valid_s + 60);
    assert_non_null(strstr(judge(), "no subject of this order is approved"));
    approve("bob", valid_s - 60);
    assert_non_null(strstr(judge(), "order again with another order_id"));
    approve("carol", 0);
    assert_null(judge());
}

/* --- Keys --- */

static struct sha256 spki;

static enum err block(struct registry *r, void *context)
{
    (void)context;
    return registry_key_block(r, &spki, span_text("test"), 1, &(bool){false});
}

/* Behind the check of the key, before the certificate is stored. */
static void block_before_record(void *context, enum issue_stage stage)
{
    if (stage == ISSUE_STAGE_RECORD)
        assert_int_equal(registry_transaction(context, block, NULL), ERR_OK);
}

static enum err count_unfinished(void *context, const struct registry_reservation *row)
{
    (void)row;
    ++*(size_t *)context;
    return ERR_OK;
}

static void a_key_that_is_blocked_meanwhile_gets_nothing(void **state)
{
    (void)state;
    struct issuer_worker other;
    struct sha256 id;
    size_t count = 0;
    EVP_PKEY *bad = EVP_EC_gen("P-256");
    struct buffer csr = issue_world_csr(bad, "bad.example.com");
    uint8_t *der = NULL;
    int size = i2d_PUBKEY(bad, &der);
    spki = sha256_of(span_of(der, (size_t)size));
    assert_int_equal(issuer_worker_open(&world.foundation.issuer, &other), ERR_OK);
    world.foundation.issuer.probe = (struct issuer_probe){block_before_record, other.registry};
    assert_int_equal(ask_list(&csr, "bad", (const char *const[]){NULL}, &id), PROBLEM_BLOCKED_KEY);
    world.foundation.issuer.probe = (struct issuer_probe){NULL, NULL};
    assert_int_equal(
        registry_unfinished(world.worker.registry, INT64_MAX, 10, count_unfinished, &count),
        ERR_OK);
    assert_int_equal(count, 0);
    issuer_worker_close(&other);
    buffer_done(&csr);
    OPENSSL_free(der);
    EVP_PKEY_free(bad);
}

/* --- A registry from a backup --- */

static void copy_file(const char *from, const char *to)
{
    char path[WORLD_PATH];
    struct buffer content = {0};
    snprintf(path, sizeof path, "%s/%s", world.folder, from);
    assert_int_equal(file_read(path, 64u << 20, &content), ERR_OK);
    snprintf(path, sizeof path, "%s/%s", world.folder, to);
    assert_int_equal(file_publish(path, span_of(content.data, content.size), 0600), ERR_OK);
    buffer_done(&content);
}

/* Twice as many as are looked at at once. */
static void write_leaves_of_others(void)
{
    static struct span leaves[AUDIT_BATCH_MAX];
    uint64_t first;
    for (size_t i = 0; i < AUDIT_BATCH_MAX; i++)
        leaves[i] = span_text("{\"type\":\"ocsp.batch_signed\"}");
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(
            journal_append_all(world.foundation.issuer.journal, leaves, AUDIT_BATCH_MAX, &first),
            ERR_OK);
}

static void an_older_registry_is_refused_after_a_quiet_night(void **state)
{
    (void)state;
    struct sha256 id;
    struct buffer csr = issue_world_csr(key, "night.example.com");
    issue_world_close(&world);
    copy_file("registry.db", "backup.db");
    assert_int_equal(issue_world_open(&world), ERR_OK);
    assert_int_equal(ask_list(&csr, "night", (const char *const[]){NULL}, &id), PROBLEM_COUNT);
    write_leaves_of_others();
    issue_world_close(&world);
    copy_file("registry.db", "newer.db");
    copy_file("backup.db", "registry.db");
    assert_int_equal(issue_world_open(&world), ERR_CHAIN);
    copy_file("newer.db", "registry.db");
    assert_int_equal(issue_world_open(&world), ERR_OK);
    buffer_done(&csr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_a_set),
        cmocka_unit_test(an_order_of_before_is_the_same),
        cmocka_unit_test(approvals_grow_old),
        cmocka_unit_test(a_key_that_is_blocked_meanwhile_gets_nothing),
        cmocka_unit_test(an_older_registry_is_refused_after_a_quiet_night),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
