/* SPDX-License-Identifier: Apache-2.0 */
/* Each publish gate opens for a CRL that is in order, and shuts for one that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/crl_gate.h"

#define NOW_S        1764000000u
#define ENTRIES_MAX  8
#define DER_ROOM     8192
#define VALIDITY_S   604800u
#define SIGNED_OCTET 0x5a

static const char url[] = "http://crl.example/1/0.crl";
static const char other_url[] = "http://crl.example/1/1.crl";
static const uint8_t name[] = {0x30, 0x00};
static const uint8_t other_name[] = {0x30, 0x02, 0x31, 0x00};
static const uint8_t key_id[20] = {1, 2, 3};
static const uint8_t other_key_id[20] = {1, 2, 4};

/* A signature is good when it is all of one octet: the arithmetic is not this module's. */
static bool verify(void *context, struct span tbs, struct span signature)
{
    (void)context;
    for (size_t i = 0; i < signature.size; i++)
        if (signature.data[i] != SIGNED_OCTET)
            return false;
    return tbs.size > 0;
}

struct piece {
    struct crl_fields fields;
    struct crl_entry entries[ENTRIES_MAX];
    size_t count;
    uint8_t signed_with;
    uint64_t covers;
};

struct built {
    uint8_t der[DER_ROOM];
    size_t size;
};

static struct piece usual(void)
{
    struct piece p = {.fields = {.issuer = span_of(name, sizeof name),
                                 .key_id = span_of(key_id, sizeof key_id),
                                 .alg = SIG_ED25519,
                                 .this_update_s = NOW_S,
                                 .next_update_s = NOW_S + VALIDITY_S,
                                 .number = 10,
                                 .url = span_of(url, sizeof url - 1),
                                 .scope = CRL_USER_CERTS},
                      .count = 3,
                      .signed_with = SIGNED_OCTET,
                      .covers = 100};
    for (uint8_t i = 0; i < ENTRIES_MAX; i++)
        p.entries[i] = (struct crl_entry){.serial = {.size = 1, .octets = {(uint8_t)(i + 1)}},
                                          .reason = REASON_ABSENT,
                                          .revoked_at_s = NOW_S - 1000};
    return p;
}

static void build(const struct piece *p, struct built *ret)
{
    uint8_t tbs[DER_ROOM], signature[64];
    size_t size = 0;
    memset(signature, p->signed_with, sizeof signature);
    assert_int_equal(crl_tbs_encode(&p->fields, p->entries, p->count, tbs, sizeof tbs, &size),
                     ERR_OK);
    assert_int_equal(crl_encode(span_of(tbs, size), p->fields.alg,
                                span_of(signature, sizeof signature), ret->der, sizeof ret->der,
                                &ret->size),
                     ERR_OK);
}

/* Serial 2 had expired when the CRL before was made. */
static bool may_go(void *context, const struct serial *serial, uint64_t this_update_s)
{
    (void)context;
    assert_int_equal(this_update_s, NOW_S - 100);
    return serial->octets[0] == 2;
}

static struct crl_expectation expectation(uint64_t covers)
{
    return (struct crl_expectation){.issuer = span_of(name, sizeof name),
                                    .key_id = span_of(key_id, sizeof key_id),
                                    .url = span_of(url, sizeof url - 1),
                                    .scope = CRL_USER_CERTS,
                                    .now_s = NOW_S,
                                    .future_max_s = 60,
                                    .validity_max_s = CRL_VALIDITY_MAX_S,
                                    .bytes_max = DER_ROOM,
                                    .covers_sequence = covers,
                                    .verify = verify};
}

static struct piece before(void)
{
    struct piece p = usual();
    p.fields.number = 9;
    p.fields.this_update_s = NOW_S - 100;
    p.covers = 90;
    return p;
}

static struct crl_verdict judge(const struct piece *p, const struct piece *old)
{
    struct built made, previous;
    struct crl_expectation e = expectation(p->covers);
    build(p, &made);
    if (old == NULL)
        return crl_gate_check(span_of(made.der, made.size), &e, NULL);
    build(old, &previous);
    struct crl_previous was = {.der = span_of(previous.der, previous.size),
                               .covers_sequence = old->covers,
                               .may_go = may_go};
    return crl_gate_check(span_of(made.der, made.size), &e, &was);
}

struct change_case {
    const char *what;
    enum crl_gate gate;
    uint32_t lint; /* 1 << lint, for CRL_GATE_LINT */
    void (*change)(struct piece *fresh, struct piece *old);
};

#define CHANGE(name, ...)                                             \
    static void change_##name(struct piece *fresh, struct piece *old) \
    {                                                                 \
        (void)fresh, (void)old;                                       \
        __VA_ARGS__;                                                  \
    }
CHANGE(nothing, (void)0)
CHANGE(signature, fresh->signed_with = 1)
CHANGE(issuer, fresh->fields.issuer = span_of(other_name, sizeof other_name))
CHANGE(key_id, fresh->fields.key_id = span_of(other_key_id, sizeof other_key_id))
CHANGE(url, fresh->fields.url = span_of(other_url, sizeof other_url - 1))
CHANGE(no_url, fresh->fields.url = SPAN_EMPTY)
CHANGE(no_idp, fresh->fields.url = SPAN_EMPTY, fresh->fields.scope = CRL_ALL_CERTS)
CHANGE(scope, fresh->fields.scope = CRL_CA_CERTS)
CHANGE(old_url, old->fields.url = span_of(other_url, sizeof other_url - 1))
CHANGE(old_scope, old->fields.scope = CRL_ALL_CERTS)
CHANGE(number_same, fresh->fields.number = 9)
CHANGE(number_back, fresh->fields.number = 8)
CHANGE(the_same, *fresh = *old)
CHANGE(sequence_same, fresh->covers = 90)
CHANGE(sequence_back, fresh->covers = 89)
CHANGE(order, fresh->entries[1].serial.octets[0] = 1)
CHANGE(descends, fresh->entries[2].serial.octets[0] = 1)
CHANGE(more, fresh->count = 6)
CHANGE(first_gone, fresh->entries[0].serial.octets[0] = 2, fresh->entries[1].serial.octets[0] = 3,
       fresh->count = 2)
CHANGE(last_gone, fresh->count = 2)
CHANGE(all_gone, fresh->count = 0)
CHANGE(expired_gone, fresh->entries[1].serial.octets[0] = 3, fresh->count = 2)
CHANGE(other_instead, fresh->entries[2].serial.octets[0] = 4)
CHANGE(from_none, old->count = 0)
CHANGE(long_, fresh->fields.next_update_s = NOW_S + CRL_VALIDITY_MAX_S)
CHANGE(too_long, fresh->fields.next_update_s = NOW_S + CRL_VALIDITY_MAX_S + 1)
CHANGE(future, fresh->fields.this_update_s = NOW_S + 1)
CHANGE(expired, fresh->fields.this_update_s = NOW_S - 5, fresh->fields.next_update_s = NOW_S)
CHANGE(future_entry, fresh->entries[0].revoked_at_s = NOW_S + 61)
CHANGE(near_entry, fresh->entries[0].revoked_at_s = NOW_S + 60)
CHANGE(reason_bad, fresh->entries[0].reason = REASON_CA_COMPROMISE)
CHANGE(reason_hold, fresh->entries[0].reason = REASON_CERTIFICATE_HOLD)
CHANGE(reason_good, fresh->entries[0].reason = REASON_PRIVILEGE_WITHDRAWN)
CHANGE(delta, fresh->fields.base_number = 9)

#define ROW(name, gate)                          \
    {                                            \
#name, CRL_GATE_##gate, 0, change_##name \
    }
#define ROW_LINT(name, which)                                       \
    {                                                               \
#name, CRL_GATE_LINT, 1u << CRL_LINT_##which, change_##name \
    }

static const struct change_case cases[] = {
    ROW(nothing, OPEN),
    ROW(signature, SIGNATURE),
    ROW(issuer, ISSUER),
    ROW(key_id, ISSUER),
    ROW(url, IDP),
    ROW(no_url, IDP),
    ROW(no_idp, IDP),
    ROW(scope, IDP),
    ROW(old_url, IDP),
    ROW(old_scope, IDP),
    ROW(number_same, SAME_NUMBER_OTHER_OCTETS),
    ROW(number_back, NUMBER_NOT_GREATER),
    ROW(the_same, OPEN),
    ROW(sequence_same, OPEN),
    ROW(sequence_back, SEQUENCE_BACK),
    ROW(order, ORDER),
    ROW(descends, ORDER),
    ROW(more, OPEN),
    ROW(first_gone, ENTRY_MISSING),
    ROW(last_gone, ENTRY_MISSING),
    ROW(all_gone, ENTRY_MISSING),
    ROW(expired_gone, OPEN),
    ROW(other_instead, ENTRY_MISSING),
    ROW(from_none, OPEN),
    ROW(long_, OPEN),
    ROW_LINT(too_long, VALIDITY),
    ROW_LINT(future, FUTURE),
    ROW_LINT(expired, EXPIRED),
    ROW_LINT(future_entry, FUTURE),
    ROW(near_entry, OPEN),
    ROW_LINT(reason_bad, REASON_BAD),
    ROW_LINT(reason_hold, REASON_BAD),
    ROW(reason_good, OPEN),
    ROW_LINT(delta, DELTA),
};

static void every_gate_opens_and_shuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct piece fresh = usual(), old = before();
        cases[i].change(&fresh, &old);
        struct crl_verdict v = judge(&fresh, &old);
        if (v.gate != cases[i].gate || v.lints != cases[i].lint)
            fail_msg("%s: %s, lints %x", cases[i].what, crl_gate_word(v.gate), v.lints);
    }
}

static void the_first_has_none_before(void **state)
{
    (void)state;
    struct piece p = usual();
    assert_int_equal(judge(&p, NULL).gate, CRL_GATE_OPEN);
    p.fields.url = span_of(other_url, sizeof other_url - 1);
    assert_int_equal(judge(&p, NULL).gate, CRL_GATE_IDP);
}

static void the_missing_one_is_named(void **state)
{
    (void)state;
    struct piece fresh = usual(), old = before();
    fresh.count = 2;
    struct crl_verdict v = judge(&fresh, &old);
    assert_int_equal(v.missing.size, 1);
    assert_int_equal(v.missing.octets[0], 3);
}

static void without_the_octets_before(void **state)
{
    (void)state;
    struct piece p = usual();
    struct built made;
    struct crl_expectation e = expectation(100);
    struct crl_previous was = {.number = 9, .covers_sequence = 90};
    build(&p, &made);
    struct span der = span_of(made.der, made.size);
    assert_int_equal(crl_gate_check(der, &e, &was).gate, CRL_GATE_OPEN);
    was.number = 10;
    assert_int_equal(crl_gate_check(der, &e, &was).gate, CRL_GATE_NUMBER_NOT_GREATER);
    was.number = 9;
    was.covers_sequence = 101;
    assert_int_equal(crl_gate_check(der, &e, &was).gate, CRL_GATE_SEQUENCE_BACK);
    was = (struct crl_previous){.der = span_of(made.der, made.size - 1)};
    assert_int_equal(crl_gate_check(der, &e, &was).gate, CRL_GATE_FORM);
}

static void form_and_size(void **state)
{
    (void)state;
    struct piece p = usual();
    struct built made;
    struct crl_expectation e = expectation(100);
    build(&p, &made);
    e.bytes_max = made.size;
    assert_int_equal(crl_gate_check(span_of(made.der, made.size), &e, NULL).gate, CRL_GATE_OPEN);
    e.bytes_max = made.size - 1;
    assert_int_equal(crl_gate_check(span_of(made.der, made.size), &e, NULL).gate, CRL_GATE_SIZE);
    for (size_t size = 0; size < made.size; size++)
        assert_int_equal(crl_gate_check(span_of(made.der, size), &e, NULL).gate, CRL_GATE_FORM);
}

/* --- What our encoder cannot write --- */

struct odd {
    const char *what;
    uint32_t lint;
    const char *this_update;
    const char *next_update; /* "": none */
    const char *entries;     /* hexadecimal; NULL: no list */
    const char *extensions;
    const char *outer_algorithm;
};

#define ED25519_HEX "300506032b6570"
#define AKI_HEX     "301f0603551d23041830168014" /* and the key id */
#define AKI_ALL     AKI_HEX "0102030000000000000000000000000000000000"
#define NUMBER_HEX  "300a0603551d140403020107"
/* Critical IDP [0] { [0] { uri } }, [1] TRUE, with the URL of 26 octets. */
#define URL_HEX    "687474703a2f2f63726c2e6578616d706c652f312f302e63726c"
#define IDP_HEX    "302f0603551d1c0101ff0425" IDP_BODY
#define IDP_BODY   "3023a01ea01c861a" URL_HEX "8101ff"
#define ALL_HEX    AKI_ALL NUMBER_HEX IDP_HEX
#define THIS_HEX   "170d3235313132343136303030305a" /* 251124160000Z */
#define NEXT_HEX   "170d3235313230313136303030305a"
#define ENTRY      "020101" THIS_ENTRY
#define THIS_ENTRY "170d3235313132343131303030305a"

static const struct odd odds[] = {
    {"as it should be", 0, THIS_HEX, NEXT_HEX, "3012" ENTRY, ALL_HEX, ED25519_HEX},
    {"no list", 0, THIS_HEX, NEXT_HEX, NULL, ALL_HEX, ED25519_HEX},
    {"number critical", 1u << CRL_LINT_CRITICAL, THIS_HEX, NEXT_HEX, NULL,
     AKI_ALL "300d0603551d140101ff0403020107" IDP_HEX, ED25519_HEX},
    {"number twice", 1u << CRL_LINT_REPEATED, THIS_HEX, NEXT_HEX, NULL, ALL_HEX NUMBER_HEX,
     ED25519_HEX},
    {"key id and serial", 1u << CRL_LINT_KEY_ID_FORM, THIS_HEX, NEXT_HEX, NULL,
     "30220603551d23041b301980140102030000000000000000000000000000000000820101" NUMBER_HEX IDP_HEX,
     ED25519_HEX},
    {"reason critical", 1u << CRL_LINT_CRITICAL, THIS_HEX, NEXT_HEX,
     "3023" ENTRY "300f300d0603551d150101ff04030a0101", ALL_HEX, ED25519_HEX},
    {"empty list", 1u << CRL_LINT_EMPTY_LIST, THIS_HEX, NEXT_HEX, "", ALL_HEX, ED25519_HEX},
    {"generalized", 1u << CRL_LINT_TIME_FORM, "180f32303235313132343136303030305a", NEXT_HEX, NULL,
     ALL_HEX, ED25519_HEX},
    {"no next", 1u << CRL_LINT_NO_NEXT_UPDATE, THIS_HEX, "", NULL, ALL_HEX, ED25519_HEX},
    {"no number", 1u << CRL_LINT_NO_NUMBER, THIS_HEX, NEXT_HEX, NULL, AKI_ALL IDP_HEX, ED25519_HEX},
    {"reason zero", 1u << CRL_LINT_REASON_ZERO, THIS_HEX, NEXT_HEX,
     "3020" ENTRY "300c300a0603551d1504030a0100", ALL_HEX, ED25519_HEX},
    {"entry extension", 1u << CRL_LINT_ENTRY_EXTENSION, THIS_HEX, NEXT_HEX,
     "301f" ENTRY "300b30090603551d1204020500", ALL_HEX, ED25519_HEX},
    {"not critical", 1u << CRL_LINT_IDP_NOT_CRITICAL, THIS_HEX, NEXT_HEX, NULL,
     AKI_ALL NUMBER_HEX "302c0603551d1c0425" IDP_BODY, ED25519_HEX},
    {"indirect", 1u << CRL_LINT_INDIRECT, THIS_HEX, NEXT_HEX, NULL,
     AKI_ALL NUMBER_HEX "30320603551d1c0101ff04283026a01ea01c861a" URL_HEX "8101ff8401ff",
     ED25519_HEX},
    {"algorithms", 1u << CRL_LINT_ALGORITHMS, THIS_HEX, NEXT_HEX, NULL, ALL_HEX, "300506032b6571"},
};

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t put_hex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return size;
}

/* Puts a header of four octets' length form, or as short as DER wants it, before the content. */
static size_t wrap(uint8_t tag, uint8_t *at, size_t size)
{
    size_t header = size < 128 ? 2 : size < 256 ? 3 : 4;
    for (size_t i = size; i > 0; i--)
        at[header + i - 1] = at[i - 1];
    at[0] = tag;
    at[1] = size < 128 ? (uint8_t)size : size < 256 ? 0x81 : 0x82;
    if (header == 3)
        at[2] = (uint8_t)size;
    if (header == 4) {
        at[2] = (uint8_t)(size >> 8);
        at[3] = (uint8_t)size;
    }
    return header + size;
}

static size_t odd_tbs(const struct odd *o, uint8_t *out)
{
    uint8_t *at = out;
    at += put_hex("020101" ED25519_HEX "3000", at);
    at += put_hex(o->this_update, at);
    at += put_hex(o->next_update, at);
    if (o->entries != NULL)
        at += wrap(0x30, at, put_hex(o->entries, at));
    at += wrap(0xa0, at, wrap(0x30, at, put_hex(o->extensions, at)));
    return wrap(0x30, out, (size_t)(at - out));
}

static void what_only_others_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof odds / sizeof odds[0]; i++) {
        uint8_t der[DER_ROOM];
        struct crl_expectation e = expectation(0);
        size_t size = odd_tbs(&odds[i], der);
        size += put_hex(odds[i].outer_algorithm, der + size);
        size += put_hex("0305005a5a5a5a", der + size);
        size = wrap(0x30, der, size);
        e.now_s = 1764000010;
        struct crl_verdict v = crl_gate_check(span_of(der, size), &e, NULL);
        enum crl_gate gate = odds[i].lint == 0 ? CRL_GATE_OPEN : CRL_GATE_LINT;
        if (v.gate != gate || v.lints != odds[i].lint)
            fail_msg("%s: %s, lints %x", odds[i].what, crl_gate_word(v.gate), v.lints);
    }
}

static void all_have_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CRL_GATE_COUNT; i++)
        assert_true(crl_gate_word(i)[0] != '\0' && crl_gate_text(i)[0] != '\0' &&
                    (i == CRL_GATE_OPEN || crl_gate_section(i)[0] != '\0'));
    for (unsigned i = 0; i < CRL_LINT_COUNT; i++)
        assert_true(crl_lint_text(i)[0] != '\0' && crl_lint_section(i)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gate_opens_and_shuts),
        cmocka_unit_test(the_first_has_none_before),
        cmocka_unit_test(the_missing_one_is_named),
        cmocka_unit_test(without_the_octets_before),
        cmocka_unit_test(form_and_size),
        cmocka_unit_test(what_only_others_write),
        cmocka_unit_test(all_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
