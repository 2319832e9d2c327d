/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crl_gate.h"

#define NUMBER_BYTES_MAX 20 /* RFC 5280 5.2.3 */

struct row {
    const char *word;
    const char *text;
    const char *section;
};

static const struct row gates[CRL_GATE_COUNT] = {
    [CRL_GATE_OPEN] = {"open", "nothing against it", ""},
#define X(name, word, text, section) [CRL_GATE_##name] = {#word, text, section},
    CRL_GATE_TABLE(X)
#undef X
};

static const struct row lints[CRL_LINT_COUNT] = {
#define X(name, text, section) [CRL_LINT_##name] = {"", text, section},
    CRL_LINT_TABLE(X)
#undef X
};

const char *crl_gate_word(enum crl_gate gate)
{
    return gates[gate].word;
}

const char *crl_gate_text(enum crl_gate gate)
{
    return gates[gate].text;
}

const char *crl_gate_section(enum crl_gate gate)
{
    return gates[gate].section;
}

const char *crl_lint_text(enum crl_lint lint)
{
    return lints[lint].text;
}

const char *crl_lint_section(enum crl_lint lint)
{
    return lints[lint].section;
}

#define LINT(name) (1u << CRL_LINT_##name)

/* The reader's flags are the first lints, in the same order. */
#define SAME(name) _Static_assert((uint32_t)CRL_FLAG_##name == LINT(name), "flags are lints")
SAME(TIME_FORM);
SAME(EMPTY_LIST);
SAME(REASON_ZERO);
SAME(REASON_BAD);
SAME(INDIRECT);
SAME(IDP_NOT_CRITICAL);
SAME(URLS);
SAME(ALGORITHMS);
SAME(ENTRY_EXTENSION);
SAME(KEY_ID_FORM);
SAME(CRITICAL);
SAME(REPEATED);

/* The base is one that was published before, so its number is the lower one. */
static uint32_t base_lints(const struct crl *crl, uint64_t expected)
{
    uint64_t base = 0, number = 0;
    if (expected == 0)
        return crl->base_number.size != 0 ? LINT(DELTA) : 0;
    bool good = crl_number(crl->base_number, &base) == ERR_OK && base == expected &&
                crl_number(crl->number, &number) == ERR_OK && base < number;
    return good ? 0 : LINT(DELTA);
}

uint32_t crl_lint_frame(const struct crl *crl, const struct crl_expectation *e)
{
    uint32_t found = crl->flags;
    if (crl->number.size == 0 || crl->number.size > NUMBER_BYTES_MAX)
        found |= LINT(NO_NUMBER);
    if (crl->next_update_s == 0)
        found |= LINT(NO_NEXT_UPDATE);
    else if (crl->next_update_s <= crl->this_update_s ||
             crl->next_update_s - crl->this_update_s > e->validity_max_s)
        found |= LINT(VALIDITY);
    if (crl->next_update_s != 0 && crl->next_update_s <= e->now_s)
        found |= LINT(EXPIRED);
    if (crl->this_update_s > e->now_s)
        found |= LINT(FUTURE);
    found |= base_lints(crl, e->base_number);
    return found;
}

enum err crl_lint_entries(const struct crl *crl, const struct crl_expectation *e,
                          struct crl_walk *ret)
{
    struct crl_cursor cursor;
    struct crl_entry entry;
    struct serial last = SERIAL_BEFORE_ALL;
    struct crl_walk walk = {.ascends = true};
    enum err err;
    crl_cursor_start(&cursor, crl);
    while ((err = crl_cursor_next(&cursor, &entry)) == ERR_OK) {
        walk.ascends = walk.ascends && serial_compare(&last, &entry.serial) < 0;
        last = entry.serial;
        walk.entry_count++;
        if (entry.revoked_at_s > e->now_s + e->future_max_s)
            walk.lints |= LINT(FUTURE);
    }
    walk.lints |= cursor.flags;
    *ret = walk;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum crl_gate check_identity(const struct crl *crl, const struct crl_expectation *e)
{
    if (!e->verify(e->context, crl->tbs, crl->signature))
        return CRL_GATE_SIGNATURE;
    if (!span_equal(crl->issuer, e->issuer) || !span_equal(crl->key_id, e->key_id))
        return CRL_GATE_ISSUER;
    bool needs_idp = e->url.size != 0 || e->scope != CRL_ALL_CERTS;
    if (crl->has_idp != needs_idp || !span_equal(crl->url, e->url) || crl->scope != e->scope)
        return CRL_GATE_IDP;
    return CRL_GATE_OPEN;
}

static enum crl_gate check_number(const struct crl *crl, struct span der,
                                  const struct crl_previous *previous, const struct crl *old)
{
    if (old != NULL) {
        int order = crl_number_compare(crl->number, old->number);
        if (order == 0 && !span_equal(der, previous->der))
            return CRL_GATE_SAME_NUMBER_OTHER_OCTETS;
        return order < 0 ? CRL_GATE_NUMBER_NOT_GREATER : CRL_GATE_OPEN;
    }
    uint64_t number = 0;
    enum err err = crl_number(crl->number, &number);
    bool greater = err == ERR_LIMIT || (err == ERR_OK && number > previous->number);
    return greater ? CRL_GATE_OPEN : CRL_GATE_NUMBER_NOT_GREATER;
}

static bool find_missing(const struct crl *crl, const struct crl *old,
                         const struct crl_previous *previous, struct serial *ret)
{
    struct crl_cursor here, before;
    struct crl_entry entry, gone;
    crl_cursor_start(&here, crl);
    crl_cursor_start(&before, old);
    bool have = crl_cursor_next(&here, &entry) == ERR_OK;
    while (crl_cursor_next(&before, &gone) == ERR_OK) {
        while (have && serial_compare(&entry.serial, &gone.serial) < 0)
            have = crl_cursor_next(&here, &entry) == ERR_OK;
        if (have && serial_compare(&entry.serial, &gone.serial) == 0)
            continue;
        if (previous->may_go != NULL &&
            previous->may_go(previous->context, &gone.serial, old->this_update_s))
            continue;
        *ret = gone.serial;
        return true;
    }
    return false;
}

static struct crl_verdict refuse(enum crl_gate gate)
{
    return (struct crl_verdict){.gate = gate};
}

/* A predecessor of ours that cannot be read is one more reason not to go on. */
static struct crl_verdict check_previous(const struct crl *crl, struct span der,
                                         const struct crl_expectation *e,
                                         const struct crl_previous *previous)
{
    struct crl old;
    struct crl_verdict verdict = {.gate = CRL_GATE_OPEN};
    bool has_octets = previous->der.size != 0;
    if (has_octets && crl_open(previous->der, &old) != ERR_OK)
        return refuse(CRL_GATE_FORM);
    verdict.gate = check_number(crl, der, previous, has_octets ? &old : NULL);
    if (verdict.gate != CRL_GATE_OPEN)
        return verdict;
    if (e->covers_sequence < previous->covers_sequence)
        return refuse(CRL_GATE_SEQUENCE_BACK);
    if (!has_octets)
        return verdict;
    /* Certificates that name this distribution point were issued: it cannot move. */
    if (!span_equal(old.url, e->url) || old.scope != e->scope)
        return refuse(CRL_GATE_IDP);
    if (find_missing(crl, &old, previous, &verdict.missing))
        verdict.gate = CRL_GATE_ENTRY_MISSING;
    return verdict;
}

struct crl_verdict crl_gate_check(struct span der, const struct crl_expectation *expected,
                                  const struct crl_previous *previous)
{
    struct crl crl;
    struct crl_walk walk;
    if (crl_open(der, &crl) != ERR_OK)
        return refuse(CRL_GATE_FORM);
    enum crl_gate gate = check_identity(&crl, expected);
    if (gate != CRL_GATE_OPEN)
        return refuse(gate);
    if (der.size > expected->bytes_max)
        return refuse(CRL_GATE_SIZE);
    if (crl_lint_entries(&crl, expected, &walk) != ERR_OK)
        return refuse(CRL_GATE_FORM);
    uint32_t found = crl_lint_frame(&crl, expected) | walk.lints;
    if (found != 0)
        return (struct crl_verdict){.gate = CRL_GATE_LINT, .lints = found};
    if (!walk.ascends || previous == NULL)
        return refuse(walk.ascends ? CRL_GATE_OPEN : CRL_GATE_ORDER);
    return check_previous(&crl, der, expected, previous);
}
