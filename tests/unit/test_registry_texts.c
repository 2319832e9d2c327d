/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is in a text comes back octet for octet, from every column that takes one, and nothing
 * of it is ever read as SQL; what neither database can keep is refused before it gets there. */
#include "issuer/registry_access.h"
#include "issuer/registry_approval.h"
#include "issuer/registry_dcv.h"
#include "issuer/registry_incident.h"
#include "issuer/registry_key.h"
#include "issuer/registry_order.h"
#include "issuer/registry_outbox.h"
#include "tests/unit/registry_world.h"

#define OCTETS(text)                              \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

/* At most REGISTRY_WORD_MAX octets: they go into every field. */
static const struct span good[] = {
    OCTETS(""),
    OCTETS("x"),
    OCTETS("'; DROP TABLE certificate; --"),
    OCTETS("' OR '1'='1"),
    OCTETS("\" OR \"\"=\""),
    OCTETS("\\' OR 1=1 --"),
    OCTETS("$1 $2 ${x} :a @b ?1 ?"),
    OCTETS("%_%% \\% [a-z]*"),
    OCTETS("E'\\x41' U&'\\0041' x'41' $$a$$ $q$b$q$"),
    OCTETS("/* */ ; BEGIN; COMMIT; ROLLBACK"),
    OCTETS("\\x4142 \\\\ \\0 \\n"),
    OCTETS("\x01\x02\x1F\x7F\t\r\n\v\f\b"),
    OCTETS("  blanks around  "),
    OCTETS("Z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x94\x92"),
    OCTETS("e\xCC\x81 is not \xC3\xA9"),
    OCTETS("\xEF\xBB\xBF"
           "BOM \xEF\xBF\xBD \xEF\xBF\xBF"),
    OCTETS("\xE2\x80\xAE"
           "right to left \xE2\x80\x8B"),
    OCTETS("\xF4\x8F\xBF\xBF last \xC2\x80 first of two"),
    OCTETS("1e309 NaN 0x7f 007 9223372036854775808"),
    OCTETS("NULL"),
    OCTETS("ACME"),
    OCTETS("acme"),
};

static const struct span bad[] = {
    OCTETS("a\0b"),
    OCTETS("\0"),
    OCTETS("\x80"),
    OCTETS("\xC0\x80"),
    OCTETS("\xC3"),
    OCTETS("\xED\xA0\x80"),
    OCTETS("\xF4\x90\x80\x80"),
    OCTETS("\xFF\xFE"),
    OCTETS("a\xE2\x82"),
};

#define EACH(i, list)                 \
    size_t i = 0;                     \
    i < sizeof list / sizeof list[0]; \
    i++

static uint64_t counter;

static void begin(void)
{
    OK(registry_begin(reg));
}

static void commit(void)
{
    OK(registry_commit(reg));
}

/* Each of these puts a text into the fields of one table and expects it from there; or, when `err`
 * is not ERR_OK, expects that to come of each field, and the transaction to live on. */
static void put_certificate(struct span text, enum err err)
{
    struct registry_reservation v = world_reservation(ISSUER, ++counter), is;
    struct registry_certificate c;
    struct span *const fields[] = {&v.profile, &v.customer, &v.order_id};
    uint64_t seq;
    begin();
    for (EACH(i, fields)) {
        struct span before = *fields[i];
        *fields[i] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_serial_reserve(reg, &v), err);
            *fields[i] = before;
        }
    }
    OK(registry_serial_reserve(reg, &v));
    c = world_certificate(&v, counter);
    struct span *const own[] = {&c.profile, &c.customer, &c.order_id};
    for (EACH(i, own)) {
        if (err != ERR_OK) {
            struct span before = *own[i];
            *own[i] = text;
            assert_int_equal(registry_certificate_store(reg, &c, NULL, 0), err);
            *own[i] = before;
        }
    }
    OK(registry_certificate_store(reg, &c, NULL, 0));
    OK(registry_event_issued(reg, ISSUER, &v.serial, NOW_S, &seq));
    commit();
    if (err != ERR_OK)
        return;
    OK(registry_serial_get(reg, ISSUER, &v.serial, &is));
    assert_true(span_equal(is.profile, text) && span_equal(is.customer, text) &&
                span_equal(is.order_id, text));
    OK(registry_certificate_by_serial(reg, ISSUER, &v.serial, REGISTRY_FINAL, &c));
    assert_true(span_equal(c.profile, text) && span_equal(c.customer, text) &&
                span_equal(c.order_id, text));
}

static enum err expect_revocation(void *context, const struct registry_revocation *row)
{
    assert_true(span_equal(row->actor, *(struct span *)context));
    assert_true(span_equal(row->evidence, *(struct span *)context));
    return ERR_OK;
}

static void put_revocation(struct span text, enum err err)
{
    struct registry_revocation v = world_revocation(ISSUER, ++counter, REASON_SUPERSEDED, NOW_S);
    struct span *const fields[] = {&v.actor, &v.evidence};
    uint64_t seq;
    world_issue(reg, ISSUER, counter);
    begin();
    for (EACH(i, fields)) {
        struct span before = *fields[i];
        *fields[i] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_revoke(reg, &v, &seq), err);
            *fields[i] = before;
        }
    }
    OK(registry_revoke(reg, &v, &seq));
    commit();
    if (err == ERR_OK)
        OK(registry_revocations(reg, ISSUER, &v.serial, expect_revocation, &text));
}

static void put_order(struct span text, enum err err)
{
    struct registry_order o = {.customer = text,
                               .order_id = text,
                               .profile = text,
                               .request_hash = world_hash("order", counter),
                               .created_at_s = NOW_S},
                          is;
    bool is_new = false;
    begin();
    if (err != ERR_OK) {
        struct span ok = TEXT("ok");
        for (int i = 0; i < 3; i++) {
            o.customer = i == 0 ? text : ok, o.order_id = i == 1 ? text : ok;
            o.profile = i == 2 ? text : ok;
            assert_int_equal(registry_order_claim(reg, &o, &is_new, &is), err);
        }
        assert_int_equal(
            registry_order_finish(reg, ok, ok, NULL, REGISTRY_ORDER_REFUSED, text, NOW_S), err);
        commit();
        return;
    }
    OK(registry_order_claim(reg, &o, &is_new, &is));
    assert_true(is_new);
    OK(registry_order_finish(reg, text, text, NULL, REGISTRY_ORDER_REFUSED, text, NOW_S));
    commit();
    OK(registry_order_get(reg, text, text, &is));
    assert_true(span_equal(is.customer, text) && span_equal(is.order_id, text) &&
                span_equal(is.profile, text) && span_equal(is.problem, text));
}

static enum err expect_approval(void *context, const struct registry_approval *row)
{
    struct span text = *(struct span *)context;
    assert_true(span_equal(row->customer, text) && span_equal(row->order_id, text) &&
                span_equal(row->operator_name, text) && span_equal(row->subject, text) &&
                span_equal(row->note, text));
    return ERR_OK;
}

static void put_approval(struct span text, enum err err)
{
    struct registry_approval a = {.decision = REGISTRY_APPROVED, .at_s = NOW_S};
    struct span *const fields[] = {&a.customer, &a.order_id, &a.operator_name, &a.subject, &a.note};
    begin();
    for (EACH(i, fields)) {
        *fields[i] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_approval_add(reg, &a), err);
            *fields[i] = SPAN_EMPTY;
        }
    }
    if (err == ERR_OK)
        OK(registry_approval_add(reg, &a));
    commit();
    if (err == ERR_OK)
        OK(registry_approvals(reg, text, text, expect_approval, &text));
}

static void put_dcv(struct span text, enum err err)
{
    struct registry_dcv d = {.result = REGISTRY_DCV_VALID,
                             .domain = TEXT("a"),
                             .expires_at_s = NOW_S + 1},
                        is;
    struct span *const fields[] = {&d.customer, &d.method, &d.actor, &d.evidence, &d.domain};
    uint64_t id;
    begin();
    for (EACH(i, fields)) {
        struct span before = *fields[i];
        *fields[i] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_dcv_add(reg, &d, &id), err);
            *fields[i] = before;
        }
    }
    if (text.size == 0)
        assert_int_equal(registry_dcv_add(reg, &d, &id), ERR_RANGE);
    else if (err == ERR_OK)
        OK(registry_dcv_add(reg, &d, &id));
    commit();
    if (err != ERR_OK || text.size == 0)
        return;
    OK(registry_dcv_valid(reg, text, text, text, false, NOW_S, &is));
    assert_true(span_equal(is.customer, text) && span_equal(is.domain, text) &&
                span_equal(is.method, text) && span_equal(is.actor, text) &&
                span_equal(is.evidence, text));
}

static void put_access(struct span text, enum err err)
{
    struct registry_api_key k = {.created_at_s = NOW_S}, is;
    struct registry_account a = {.jwk_thumbprint = world_hash("jwk", ++counter)}, account;
    struct span *const key_fields[] = {&k.id, &k.customer, &k.role, &k.actor};
    struct span *const account_fields[] = {&a.jwk, &a.status, &a.contact, &a.customer};
    uint64_t id;
    begin();
    for (EACH(i, key_fields)) {
        *key_fields[i] = text;
        *account_fields[i] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_api_key_add(reg, &k), err);
            assert_int_equal(registry_account_add(reg, &a, &id), err);
            *key_fields[i] = *account_fields[i] = SPAN_EMPTY;
        }
    }
    if (err == ERR_OK) {
        OK(registry_api_key_add(reg, &k));
        OK(registry_account_add(reg, &a, &id));
    }
    commit();
    if (err != ERR_OK)
        return;
    OK(registry_api_key_get(reg, text, &is));
    assert_true(span_equal(is.id, text) && span_equal(is.customer, text) &&
                span_equal(is.role, text) && span_equal(is.actor, text));
    OK(registry_account_by_id(reg, id, &account));
    assert_true(span_equal(account.jwk, text) && span_equal(account.status, text) &&
                span_equal(account.contact, text) && span_equal(account.customer, text));
}

static void put_incident(struct span text, enum err err)
{
    struct registry_incident i = {.created_at_s = NOW_S}, is;
    struct span *const fields[] = {&i.title, &i.url, &i.actor};
    struct sha256 key = world_hash("blocked", ++counter);
    struct registry_authority a = {.issuer_id = counter, .name = text}, authority;
    uint64_t id;
    bool is_new;
    begin();
    assert_int_equal(registry_key_block(reg, &key, text, NOW_S, &is_new), err);
    assert_int_equal(registry_authority_add(reg, &a), err);
    for (EACH(j, fields)) {
        *fields[j] = text;
        if (err != ERR_OK) {
            assert_int_equal(registry_incident_add(reg, &i, &id), err);
            *fields[j] = SPAN_EMPTY;
        }
    }
    if (err == ERR_OK)
        OK(registry_incident_add(reg, &i, &id));
    commit();
    if (err != ERR_OK)
        return;
    OK(registry_incident_get(reg, id, &is));
    assert_true(span_equal(is.title, text) && span_equal(is.url, text) &&
                span_equal(is.actor, text));
    OK(registry_authority_get(reg, counter, &authority));
    assert_true(span_equal(authority.name, text));
}

static void (*const puts_of[])(struct span, enum err) = {
    put_certificate, put_revocation, put_order, put_approval, put_dcv, put_access, put_incident,
};

static void test_texts_come_back(void **state)
{
    (void)state;
    for (EACH(i, good)) {
        for (EACH(j, puts_of))
            puts_of[j](good[i], ERR_OK);
    }
}

static void test_texts_that_cannot_be_kept(void **state)
{
    (void)state;
    static char long_text[REGISTRY_TEXT_MAX + 2];
    memset(long_text, 'a', sizeof long_text - 1);
    for (EACH(i, bad)) {
        for (EACH(j, puts_of))
            puts_of[j](bad[i], ERR_MALFORMED);
    }
    for (EACH(j, puts_of))
        puts_of[j](span_text(long_text), ERR_LIMIT);
}

static enum err expect_name(void *context, struct span name)
{
    const struct span **next = context;
    assert_true(span_equal(name, *(*next)++));
    return ERR_OK;
}

/* Names and octets: DER, events. */
static void test_names_and_octets(void **state)
{
    (void)state;
    static uint8_t event[REGISTRY_EVENT_MAX + 1];
    struct span names[] = {TEXT("'; DROP TABLE revocation; --"), TEXT("%"),
                           TEXT("*.\xC3\xBC.example")};
    const struct span in_order[] = {names[1], names[0], names[2]};
    const struct span *next = in_order;
    struct registry_reservation v = world_reservation(ISSUER, 1);
    struct registry_leaf leaf = {.leaf_index = 1, .event = span_of(event, REGISTRY_EVENT_MAX)};
    for (size_t i = 0; i < sizeof event; i++)
        event[i] = (uint8_t)(i * 7);
    begin();
    world_issue_as(reg, &v, 1, names, 3);
    OK(registry_outbox_add(reg, &leaf));
    OK(registry_outbox_add(reg, &leaf));
    leaf.event.data++;
    assert_int_equal(registry_outbox_add(reg, &leaf), ERR_CONFLICT);
    leaf.leaf_index = 2, leaf.event = span_of(event, sizeof event);
    assert_int_equal(registry_outbox_add(reg, &leaf), ERR_LIMIT);
    commit();
    OK(registry_certificate_names(reg, ISSUER, &v.serial, expect_name, &next));
    assert_true(next == in_order + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_texts_come_back),
        WORLD_TEST(test_texts_that_cannot_be_kept),
        WORLD_TEST(test_names_and_octets),
    };
    return world_run("registry's texts", tests, sizeof tests / sizeof tests[0]);
}
