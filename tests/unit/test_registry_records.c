/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, approvals, validations, keys, accounts, incidents and the outbox, on both databases. */
#include "issuer/registry_access.h"
#include "issuer/registry_approval.h"
#include "issuer/registry_dcv.h"
#include "issuer/registry_incident.h"
#include "issuer/registry_key.h"
#include "issuer/registry_order.h"
#include "issuer/registry_outbox.h"
#include "tests/unit/registry_world.h"

#define CUSTOMER TEXT("acme")
#define ORDER    TEXT("4711")

static void begin(void)
{
    OK(registry_begin(reg));
}

static void commit(void)
{
    OK(registry_commit(reg));
}

struct count {
    size_t count;
    uint64_t last;
};

static enum err count_order(void *context, const struct registry_order *row)
{
    (void)row;
    ((struct count *)context)->count++;
    return ERR_OK;
}

static void test_order(void **state)
{
    (void)state;
    struct registry_order o = {.customer = CUSTOMER,
                               .order_id = ORDER,
                               .profile = TEXT("dv"),
                               .request_hash = world_hash("request", 1),
                               .created_at_s = NOW_S},
                          is;
    struct serial first = world_serial(1), second = world_serial(2);
    struct count open = {0};
    bool is_new = false;
    begin();
    assert_int_equal(registry_order_get(reg, CUSTOMER, ORDER, &is), ERR_NOT_FOUND);
    OK(registry_order_claim(reg, &o, &is_new, &is));
    assert_true(is_new && is.state == REGISTRY_ORDER_WORKING && is.serial.size == 0);
    OK(registry_order_claim(reg, &o, &is_new, &is));
    assert_false(is_new);
    o.request_hash = world_hash("request", 2);
    assert_int_equal(registry_order_claim(reg, &o, &is_new, &is), ERR_CONFLICT);
    o.request_hash = world_hash("request", 1);
    OK(registry_order_assign(reg, CUSTOMER, ORDER, ISSUER, &first, NOW_S + 1));
    assert_int_equal(registry_order_assign(reg, CUSTOMER, ORDER, ISSUER, &second, NOW_S),
                     ERR_CONFLICT);
    commit();
    OK(registry_orders_unfinished(reg, NOW_S + 2, 10, count_order, &open));
    assert_int_equal(open.count, 1);
    OK(registry_orders_unfinished(reg, NOW_S + 1, 10, count_order, &open));
    assert_int_equal(open.count, 1);
    begin();
    assert_int_equal(registry_order_finish(reg, CUSTOMER, ORDER, &second, REGISTRY_ORDER_FAILED,
                                           TEXT("x"), NOW_S),
                     ERR_CONFLICT);
    assert_int_equal(registry_order_finish(reg, CUSTOMER, ORDER, &first, REGISTRY_ORDER_WORKING,
                                           TEXT("x"), NOW_S),
                     ERR_RANGE);
    OK(registry_order_finish(reg, CUSTOMER, ORDER, &first, REGISTRY_ORDER_FAILED, TEXT("disk"),
                             NOW_S + 3));
    /* Failed: the next one may try again, with another serial, and a late end of the first fails.
     */
    o.serial = second, o.issuer_id = ISSUER, o.created_at_s = NOW_S + 9;
    OK(registry_order_claim(reg, &o, &is_new, &is));
    assert_true(is_new && is.state == REGISTRY_ORDER_WORKING && is.issuer_id == ISSUER);
    assert_int_equal(serial_compare(&is.serial, &second), 0);
    assert_true(is.created_at_s == NOW_S && is.changed_at_s == NOW_S + 9 && is.problem.size == 0);
    assert_int_equal(registry_order_finish(reg, CUSTOMER, ORDER, &first, REGISTRY_ORDER_FAILED,
                                           TEXT("x"), NOW_S),
                     ERR_CONFLICT);
    OK(registry_order_finish(reg, CUSTOMER, ORDER, NULL, REGISTRY_ORDER_ISSUED, SPAN_EMPTY, NOW_S));
    OK(registry_order_claim(reg, &o, &is_new, &is));
    assert_true(!is_new && is.state == REGISTRY_ORDER_ISSUED);
    assert_int_equal(
        registry_order_finish(reg, CUSTOMER, ORDER, NULL, REGISTRY_ORDER_FAILED, SPAN_EMPTY, NOW_S),
        ERR_CONFLICT);
    commit();
    OK(registry_orders_unfinished(reg, NOW_S + 100, 10, count_order, &open));
    assert_int_equal(open.count, 1);
}

static void test_approvals(void **state)
{
    (void)state;
    struct sha256 subject = world_hash("subject", 1), other = world_hash("subject", 2);
    struct registry_approval a = {.customer = CUSTOMER,
                                  .order_id = ORDER,
                                  .subject_hash = subject,
                                  .operator_name = TEXT("alice"),
                                  .decision = REGISTRY_APPROVED,
                                  .at_s = NOW_S};
    uint64_t approved = 9, rejected = 9;
    begin();
    OK(registry_approval_add(reg, &a));
    /* The same one a second time is still one, and cannot take it back. */
    assert_int_equal(registry_approval_add(reg, &a), ERR_EXISTS);
    a.decision = REGISTRY_REJECTED;
    assert_int_equal(registry_approval_add(reg, &a), ERR_EXISTS);
    a.decision = (enum registry_decision)3;
    assert_int_equal(registry_approval_add(reg, &a), ERR_RANGE);
    a.operator_name = TEXT("bob"), a.decision = REGISTRY_APPROVED, a.at_s = NOW_S - 100;
    OK(registry_approval_add(reg, &a));
    a.operator_name = TEXT("carol"), a.decision = REGISTRY_REJECTED;
    OK(registry_approval_add(reg, &a));
    a.subject_hash = other;
    OK(registry_approval_add(reg, &a));
    commit();
    OK(registry_approval_count(reg, CUSTOMER, ORDER, &subject, NOW_S - 100, &approved, &rejected));
    assert_true(approved == 2 && rejected == 1);
    OK(registry_approval_count(reg, CUSTOMER, ORDER, &subject, NOW_S, &approved, &rejected));
    assert_true(approved == 1 && rejected == 1);
    OK(registry_approval_count(reg, CUSTOMER, TEXT("4712"), &subject, 0, &approved, &rejected));
    assert_true(approved == 0 && rejected == 0);
}

static uint64_t add_dcv(enum registry_dcv_result result, struct span method, uint64_t from_s,
                        uint64_t until_s)
{
    uint64_t id = 0;
    struct registry_dcv d = {.customer = CUSTOMER,
                             .domain = TEXT("example.com"),
                             .method = method,
                             .result = result,
                             .validated_at_s = from_s,
                             .expires_at_s = until_s,
                             .wildcard = true,
                             .at_s = NOW_S};
    begin();
    OK(registry_dcv_add(reg, &d, &id));
    commit();
    return id;
}

static enum err valid(struct span customer, struct span domain, struct span method, uint64_t now_s,
                      uint64_t *ret_id)
{
    struct registry_dcv is;
    TRY(registry_dcv_valid(reg, customer, domain, method, true, now_s, &is));
    assert_true(is.wildcard);
    *ret_id = is.id;
    return ERR_OK;
}

static enum err count_dcv(void *context, const struct registry_dcv *row)
{
    struct count *c = context;
    assert_true(c->count++ == 0 || row->id < c->last);
    c->last = row->id;
    return ERR_OK;
}

static void test_dcv(void **state)
{
    (void)state;
    struct span domain = TEXT("example.com"), any = SPAN_EMPTY, dns = TEXT("dns");
    struct count all = {0};
    uint64_t id = 0;
    uint64_t first = add_dcv(REGISTRY_DCV_VALID, dns, NOW_S, NOW_S + 100);
    OK(valid(CUSTOMER, domain, any, NOW_S, &id));
    assert_int_equal(id, first);
    OK(valid(CUSTOMER, domain, dns, NOW_S + 99, &id));
    assert_int_equal(valid(CUSTOMER, domain, dns, NOW_S + 100, &id), ERR_NOT_FOUND);
    assert_int_equal(valid(CUSTOMER, domain, dns, NOW_S - 1, &id), ERR_NOT_FOUND);
    assert_int_equal(valid(CUSTOMER, domain, TEXT("http"), NOW_S, &id), ERR_NOT_FOUND);
    assert_int_equal(valid(CUSTOMER, TEXT("www.example.com"), any, NOW_S, &id), ERR_NOT_FOUND);
    assert_int_equal(valid(TEXT("other"), domain, any, NOW_S, &id), ERR_NOT_FOUND);
    add_dcv(REGISTRY_DCV_FAILED, dns, NOW_S + 1, NOW_S + 1);
    OK(valid(CUSTOMER, domain, any, NOW_S + 2, &id));
    uint64_t second = add_dcv(REGISTRY_DCV_VALID, TEXT("http"), NOW_S + 5, NOW_S + 50);
    OK(valid(CUSTOMER, domain, any, NOW_S + 10, &id));
    assert_int_equal(id, second);
    add_dcv(REGISTRY_DCV_REVOKED, dns, NOW_S + 11, NOW_S + 11);
    assert_int_equal(valid(CUSTOMER, domain, any, NOW_S + 12, &id), ERR_NOT_FOUND);
    uint64_t third = add_dcv(REGISTRY_DCV_VALID, dns, NOW_S + 12, NOW_S + 90);
    OK(valid(CUSTOMER, domain, any, NOW_S + 12, &id));
    assert_int_equal(id, third);
    OK(registry_dcvs(reg, CUSTOMER, domain, 10, count_dcv, &all));
    assert_int_equal(all.count, 5);
    struct registry_dcv d = {.domain = domain, .validated_at_s = 2, .expires_at_s = 1};
    begin();
    assert_int_equal(registry_dcv_add(reg, &d, &id), ERR_RANGE);
    commit();
}

static enum err count_key(void *context, const struct registry_api_key *row)
{
    (void)row;
    ((struct count *)context)->count++;
    return ERR_OK;
}

static void test_api_keys_and_accounts(void **state)
{
    (void)state;
    struct registry_api_key k = {.id = TEXT("k1"),
                                 .secret_sha256 = world_hash("secret", 1),
                                 .customer = CUSTOMER,
                                 .role = TEXT("customer"),
                                 .created_at_s = NOW_S,
                                 .expires_at_s = NOW_S + 9,
                                 .actor = TEXT("admin")},
                            is;
    struct count keys = {0};
    begin();
    OK(registry_api_key_add(reg, &k));
    assert_int_equal(registry_api_key_add(reg, &k), ERR_EXISTS);
    assert_int_equal(registry_api_key_disable(reg, TEXT("k2"), NOW_S), ERR_NOT_FOUND);
    assert_int_equal(registry_api_key_disable(reg, TEXT("k1"), 0), ERR_RANGE);
    OK(registry_api_key_get(reg, TEXT("k1"), &is));
    assert_true(sha256_equal(&is.secret_sha256, &k.secret_sha256) && is.disabled_at_s == 0 &&
                is.expires_at_s == NOW_S + 9 && is.created_at_s == NOW_S);
    OK(registry_api_key_disable(reg, TEXT("k1"), NOW_S + 1));
    OK(registry_api_key_disable(reg, TEXT("k1"), NOW_S + 2));
    k.id = TEXT("k2");
    OK(registry_api_key_add(reg, &k));
    commit();
    OK(registry_api_key_get(reg, TEXT("k1"), &is));
    assert_int_equal(is.disabled_at_s, NOW_S + 1);
    assert_int_equal(registry_api_key_get(reg, TEXT("k3"), &is), ERR_NOT_FOUND);
    OK(registry_api_keys(reg, SPAN_EMPTY, 10, count_key, &keys));
    assert_int_equal(keys.count, 2);
    OK(registry_api_keys(reg, TEXT("k1"), 10, count_key, &keys));
    assert_int_equal(keys.count, 3);

    struct registry_account a = {.jwk_thumbprint = world_hash("jwk", 1),
                                 .jwk = TEXT("{}"),
                                 .status = TEXT("valid"),
                                 .created_at_s = NOW_S},
                            got;
    uint64_t id = 0, other = 0;
    begin();
    OK(registry_account_add(reg, &a, &id));
    assert_int_equal(registry_account_add(reg, &a, &other), ERR_EXISTS);
    OK(registry_account_status(reg, id, TEXT("valid"), TEXT("deactivated")));
    assert_int_equal(registry_account_status(reg, id, TEXT("valid"), TEXT("revoked")),
                     ERR_NOT_FOUND);
    commit();
    OK(registry_account_by_key(reg, &a.jwk_thumbprint, &got));
    assert_true(got.id == id && span_equal(got.status, TEXT("deactivated")) &&
                got.created_at_s == NOW_S);
    OK(registry_account_by_id(reg, id, &got));
    assert_int_equal(registry_account_by_id(reg, id + 5, &got), ERR_NOT_FOUND);
}

static enum err count_serial(void *context, uint64_t issuer_id, const struct serial *serial)
{
    (void)serial;
    struct count *c = context;
    c->count++;
    c->last = issuer_id;
    return ERR_OK;
}

static enum err count_incident(void *context, const struct registry_incident *row)
{
    ((struct count *)context)->count++;
    ((struct count *)context)->last = row->id;
    return ERR_OK;
}

static void test_incidents(void **state)
{
    (void)state;
    struct registry_incident i = {.title = TEXT("weak keys"),
                                  .url = TEXT("https://x"),
                                  .created_at_s = NOW_S,
                                  .actor = TEXT("op")},
                             is;
    struct serial one = world_serial(1), two = world_serial(2), none = {.size = 0};
    struct count seen = {0};
    uint64_t first = 0, second = 0, id = 0, renew_by_s = 0;
    world_issue(reg, ISSUER, 1), world_issue(reg, ISSUER_2, 2);
    begin();
    OK(registry_incident_add(reg, &i, &first));
    i.renew_by_s = NOW_S + 500;
    OK(registry_incident_add(reg, &i, &second));
    assert_int_equal(registry_incident_serial_add(reg, 99, ISSUER, &one), ERR_NOT_FOUND);
    assert_int_equal(registry_incident_serial_add(reg, first, ISSUER, &two), ERR_NOT_FOUND);
    OK(registry_incident_serial_add(reg, first, ISSUER, &one));
    OK(registry_incident_serial_add(reg, first, ISSUER, &one));
    OK(registry_incident_serial_add(reg, first, ISSUER_2, &two));
    OK(registry_incident_of(reg, ISSUER, &one, &id, &renew_by_s));
    assert_true(id == first && renew_by_s == 0);
    OK(registry_incident_serial_add(reg, second, ISSUER, &one));
    /* The one that says when. */
    OK(registry_incident_of(reg, ISSUER, &one, &id, &renew_by_s));
    assert_true(id == second && renew_by_s == NOW_S + 500);
    commit();
    OK(registry_incident_get(reg, first, &is));
    assert_true(is.serial_count == 2 && is.closed_at_s == 0 && is.created_at_s == NOW_S);
    OK(registry_incident_serials(reg, first, REGISTRY_ISSUER_ID_FIRST, &none, 1, count_serial,
                                 &seen));
    assert_true(seen.count == 1 && seen.last == ISSUER);
    OK(registry_incident_serials(reg, first, ISSUER, &one, 10, count_serial, &seen));
    assert_true(seen.count == 2 && seen.last == ISSUER_2);
    begin();
    OK(registry_incident_close(reg, second, NOW_S + 9));
    OK(registry_incident_close(reg, second, NOW_S + 10));
    assert_int_equal(registry_incident_close(reg, 99, NOW_S), ERR_NOT_FOUND);
    assert_int_equal(registry_incident_serial_add(reg, second, ISSUER_2, &two), ERR_CONFLICT);
    OK(registry_incident_of(reg, ISSUER, &one, &id, &renew_by_s));
    assert_int_equal(id, first);
    assert_int_equal(registry_incident_of(reg, ISSUER, &two, &id, &renew_by_s), ERR_NOT_FOUND);
    commit();
    OK(registry_incident_get(reg, second, &is));
    assert_int_equal(is.closed_at_s, NOW_S + 9);
    seen.count = 0;
    OK(registry_incidents(reg, first, 10, count_incident, &seen));
    assert_true(seen.count == 1 && seen.last == second);
}

static enum err count_leaf(void *context, const struct registry_leaf *row)
{
    struct count *c = context;
    c->count++;
    c->last = c->last * 10 + row->leaf_index;
    return ERR_OK;
}

static void test_blocked_keys_and_outbox(void **state)
{
    (void)state;
    struct sha256 key = world_hash("key", 1);
    struct count leaves = {0};
    uint64_t lag = 0;
    bool yes = true;
    OK(registry_key_blocked(reg, &key, &yes));
    assert_false(yes);
    begin();
    OK(registry_key_block(reg, &key, TEXT("keyCompromise"), NOW_S, &yes));
    assert_true(yes);
    OK(registry_key_block(reg, &key, TEXT("again"), NOW_S, &yes));
    assert_false(yes);
    for (uint64_t i = 5; i > 1; i--) {
        struct registry_leaf leaf = {.leaf_index = i, .event = TEXT("{\"a\":1}")};
        OK(registry_outbox_add(reg, &leaf));
    }
    struct registry_leaf three = {.leaf_index = 3, .event = TEXT("{\"a\":1}")};
    struct registry_leaf other = {.leaf_index = 77, .event = three.event};
    OK(registry_outbox_shipped(reg, &three, NOW_S));
    assert_int_equal(registry_outbox_shipped(reg, &three, NOW_S), ERR_NOT_FOUND);
    assert_int_equal(registry_outbox_shipped(reg, &other, NOW_S), ERR_NOT_FOUND);
    commit();
    OK(registry_key_blocked(reg, &key, &yes));
    assert_true(yes);
    OK(registry_outbox_next(reg, 10, count_leaf, &leaves));
    assert_int_equal(leaves.last, 245);
    OK(registry_outbox_lag(reg, &lag));
    assert_int_equal(lag, 3);
}

/* Another log begins at 0 again, and its leaves are others. */
static void test_outbox_of_two_logs(void **state)
{
    (void)state;
    const struct sha256 other = {.octets = {1}};
    struct registry_leaf old = {.leaf_index = 1, .event = TEXT("{\"old\":1}")};
    struct registry_leaf new = {.log = other, .leaf_index = 1, .event = TEXT("{\"new\":1}")};
    struct registry_leaf later = {.leaf_index = 7, .event = TEXT("{\"old\":7}")};
    struct registry_leaf changed = {.leaf_index = 7, .event = TEXT("{\"old\":8}")};
    struct registry_leaf last;
    uint64_t lag = 0;
    assert_int_equal(registry_outbox_last(reg, &old.log, &last), ERR_NOT_FOUND);
    begin();
    OK(registry_outbox_add(reg, &later));
    OK(registry_outbox_add(reg, &old));
    OK(registry_outbox_add(reg, &new));
    OK(registry_outbox_add(reg, &new));
    assert_int_equal(registry_outbox_add(reg, &changed), ERR_CONFLICT);
    commit();
    OK(registry_outbox_lag(reg, &lag));
    assert_int_equal(lag, 3);
    OK(registry_outbox_last(reg, &old.log, &last));
    assert_int_equal(last.leaf_index, 7);
    assert_true(span_equal(last.event, later.event));
    OK(registry_outbox_last(reg, &other, &last));
    assert_int_equal(last.leaf_index, 1);
    assert_true(span_equal(last.event, new.event));
    begin();
    OK(registry_outbox_shipped(reg, &old, NOW_S));
    commit();
    OK(registry_outbox_lag(reg, &lag));
    assert_int_equal(lag, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_order),
        WORLD_TEST(test_approvals),
        WORLD_TEST(test_dcv),
        WORLD_TEST(test_api_keys_and_accounts),
        WORLD_TEST(test_incidents),
        WORLD_TEST(test_blocked_keys_and_outbox),
        WORLD_TEST(test_outbox_of_two_logs),
    };
    return world_run("registry's records", tests, sizeof tests / sizeof tests[0]);
}
