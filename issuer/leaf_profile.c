/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_profile.h"

#include <openssl/objects.h>

#include "issuer/leaf_lint.h"
#include "lib/check.h"
#include "lib/der_write.h"
#include "lib/textline.h"

#define ALL_KINDS      ((1u << KEY_ALG_COUNT) - 1)
#define VALIDITY_S_MAX (398ull * LEAF_DAY_S)
#define ARCS_MAX       16
#define ARC_TEXT_BYTES 16
#define ARC_BYTES_MAX  5 /* of 32 bits, seven an octet */

struct validity {
    uint64_t from_s;
    uint32_t days;
    const char *section;
};

#define X(from, days, section) {from, days, section},
static const struct validity long_rows[] = {LEAF_VALIDITY_TABLE(X)};
static const struct validity short_rows[] = {LEAF_SHORT_LIVED_TABLE(X)};
#undef X

uint64_t leaf_validity_max_s(bool short_lived, uint64_t issued_s, const char **ret_section)
{
    const struct validity *rows = short_lived ? short_rows : long_rows;
    size_t count = short_lived ? sizeof short_rows / sizeof short_rows[0]
                               : sizeof long_rows / sizeof long_rows[0];
    uint64_t most_s = 0;
    for (size_t i = 0; i < count && rows[i].from_s <= issued_s; i++) {
        most_s = (uint64_t)rows[i].days * LEAF_DAY_S;
        *ret_section = rows[i].section;
    }
    return most_s;
}

static const struct kind {
    const char *text;
    uint8_t policy[8];
    uint8_t policy_size;
} kinds[LEAF_KIND_COUNT] = {
#define X(name, text, ...) {text, {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})},
    LEAF_KIND_TABLE(X)
#undef X
};

const char *leaf_kind_text(enum leaf_kind kind)
{
    CHECK((size_t)kind < LEAF_KIND_COUNT);
    return kinds[kind].text;
}

enum err leaf_kind_from_text(struct span text, enum leaf_kind *ret)
{
    for (size_t i = 0; i < LEAF_KIND_COUNT; i++) {
        if (span_equal(text, span_text(kinds[i].text))) {
            *ret = (enum leaf_kind)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err oid_of(struct span content, struct leaf_oid *ret)
{
    if (content.size == 0 || content.size > LEAF_OID_BYTES_MAX - 2)
        return ERR_MALFORMED;
    ret->der[0] = DER_OID;
    ret->der[1] = (uint8_t)content.size;
    memcpy(ret->der + 2, content.data, content.size);
    ret->size = (uint8_t)(content.size + 2);
    return ERR_OK;
}

struct leaf_oid leaf_kind_policy(enum leaf_kind kind)
{
    struct leaf_oid oid = {0};
    CHECK((size_t)kind < LEAF_KIND_COUNT);
    CHECK(oid_of(span_of(kinds[kind].policy, kinds[kind].policy_size), &oid) == ERR_OK);
    return oid;
}

/* Takes the next arc of dotted decimal. */
static enum err take_arc(struct span *rest, uint64_t *ret)
{
    const uint8_t *dot = memchr(rest->data, '.', rest->size);
    struct span arc = span_of(rest->data, dot == NULL ? rest->size : (size_t)(dot - rest->data));
    TRY(text_decimal(arc, ret));
    /* A dot at the end has nothing behind it, which is no number. */
    *rest = dot == NULL ? SPAN_EMPTY : span_of(dot + 1, rest->size - arc.size - 1);
    return dot != NULL && rest->size == 0 ? ERR_MALFORMED : ERR_OK;
}

enum err leaf_oid_read(struct span text, struct leaf_oid *ret)
{
    uint8_t content[ARCS_MAX * ARC_BYTES_MAX];
    size_t count = 0;
    uint64_t arcs[ARCS_MAX];
    while (text.size > 0) {
        if (count == ARCS_MAX)
            return ERR_MALFORMED;
        TRY(take_arc(&text, &arcs[count++]));
    }
    if (count < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39))
        return ERR_MALFORMED;
    arcs[1] += arcs[0] * 40;
    struct der_writer w = der_writer_into(content, sizeof content);
    while (count-- > 1) {
        uint8_t more = 0;
        if (arcs[count] > UINT32_MAX)
            return ERR_MALFORMED;
        do {
            der_put_octet(&w, (uint8_t)((arcs[count] & 0x7f) | more));
            more = 0x80;
        } while ((arcs[count] >>= 7) != 0);
    }
    size_t size = 0;
    TRY(der_writer_finish(&w, &size));
    return oid_of(span_of(content, size), ret);
}

static bool name_valid(const char *name)
{
    size_t size = name == NULL ? 0 : strlen(name);
    return size > 0 && size <= LEAF_PROFILE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

#define CONTRADICTS(why, ...) leaf_refuse(why, LEAF_WHY_PROFILE, __VA_ARGS__)

static enum err allow_check(const struct leaf_profile *p, struct problem *why)
{
    for (size_t i = 0; i < p->allow_count; i++) {
        size_t rule = 0;
        const struct leaf_allow *a = &p->allow[i];
        if (leaf_lint_find(span_text(a->lint), &rule) != ERR_OK)
            return CONTRADICTS(why, "allows \"%.40s\", which is no lint", a->lint);
        if (a->reason == NULL || strlen(a->reason) < LEAF_REASON_BYTES_MIN)
            return CONTRADICTS(why, "allows %s without a reason of %d octets or more", a->lint,
                               LEAF_REASON_BYTES_MIN);
        for (size_t j = 0; j < i; j++)
            if (strcmp(p->allow[j].lint, a->lint) == 0)
                return CONTRADICTS(why, "allows %s twice", a->lint);
    }
    return ERR_OK;
}

bool leaf_profile_allows(const struct leaf_profile *profile, const char *lint)
{
    for (size_t i = 0; i < profile->allow_count; i++)
        if (strcmp(profile->allow[i].lint, lint) == 0)
            return true;
    return false;
}

static bool same_oid(const struct leaf_oid *a, const struct leaf_oid *b)
{
    return span_equal(span_of(a->der, a->size), span_of(b->der, b->size));
}

static enum err policies_check(const struct leaf_profile *p, struct problem *why)
{
    static const uint8_t any_policy[] = {DER_OID, 4, 0x55, 0x1d, 0x20, 0};
    static const uint8_t reserved[] = {0x67, 0x81, 0x0c, 1}; /* 2.23.140.1 */
    if (p->policy_count > LEAF_POLICIES_MAX)
        return CONTRADICTS(why, "more than %d policies", LEAF_POLICIES_MAX);
    for (size_t i = 0; i < p->policy_count; i++) {
        struct span oid = span_of(p->policies[i].der, p->policies[i].size);
        if (span_equal(oid, span_of(any_policy, sizeof any_policy)))
            return CONTRADICTS(why, "anyPolicy (BR 7.1.2.7.9)");
        if (oid.size > 2 + sizeof reserved && memcmp(oid.data + 2, reserved, sizeof reserved) == 0)
            return CONTRADICTS(why, "a reserved policy: only that of the kind, which is there "
                                    "anyhow (BR 7.1.2.7.9)");
        for (size_t j = 0; j < i; j++)
            if (same_oid(&p->policies[i], &p->policies[j]))
                return CONTRADICTS(why, "a policy twice (RFC 5280 4.2.1.4)");
    }
    return ERR_OK;
}

static enum err numbers_check(const struct leaf_profile *p, struct problem *why)
{
    const char *section = "";
    uint64_t most_s =
        p->short_lived ? leaf_validity_max_s(true, UINT64_MAX, &section) : VALIDITY_S_MAX;
    if (!name_valid(p->name))
        return CONTRADICTS(why, "a name: 1 to %d of a-z, 0-9 and -", LEAF_PROFILE_NAME_MAX);
    if ((size_t)p->kind >= LEAF_KIND_COUNT)
        return CONTRADICTS(why, "no kind");
    if (p->validity_s < LEAF_VALIDITY_S_MIN || p->validity_s > most_s)
        return CONTRADICTS(why, "a validity of %llu s, not %u to %llu",
                           (unsigned long long)p->validity_s, LEAF_VALIDITY_S_MIN,
                           (unsigned long long)most_s);
    if (p->key_algs == 0 || (p->key_algs & ~ALL_KINDS) != 0)
        return CONTRADICTS(why, "no kind of key");
    if (p->names_max == 0 || p->names_max > LEAF_NAMES_MAX)
        return CONTRADICTS(why, "%u names, not 1 to %d", p->names_max, LEAF_NAMES_MAX);
    return ERR_OK;
}

enum err leaf_profile_check(const struct leaf_profile *profile, struct problem *why)
{
    const struct leaf_profile *p = profile;
    TRY(numbers_check(p, why));
    TRY(policies_check(p, why));
    TRY(allow_check(p, why));
    if (p->kind == LEAF_EV && p->wildcards)
        return CONTRADICTS(why, "EV has no wildcards (EVG 7.1.2.1)");
    if (p->kind == LEAF_EV && p->addresses)
        return CONTRADICTS(why, "EV has no addresses (EVG 7.1.2.1)");
    if (p->must_staple && !p->ocsp_url)
        return CONTRADICTS(why, "must-staple without OCSP");
    if (!p->short_lived && !p->crl_url && !p->ocsp_url)
        return leaf_refuse(why, LEAF_WHY_NO_STATUS,
                           "neither a CRL nor OCSP, and not short-lived (BR 7.1.2.11.2)");
    if ((p->key_algs & 1u << KEY_ED25519) != 0 && !leaf_profile_allows(p, "key_algorithm"))
        return CONTRADICTS(why, "Ed25519 is not of BR 6.1.5: the profile has to allow the "
                                "lint key_algorithm, with a reason");
    return ERR_OK;
}

enum err leaf_profile_names_check(const struct leaf_profile *profile,
                                  const struct leaf_names *names,
                                  const struct leaf_suffixes *suffixes, struct problem *why)
{
    const struct leaf_profile *p = profile;
    if (names->count == 0)
        return leaf_refuse(why, LEAF_WHY_NAMES_NONE, NULL);
    if (names->count > p->names_max)
        return leaf_refuse(why, LEAF_WHY_NAMES_TOO_MANY, "%zu names: the profile has at most %u",
                           names->count, p->names_max);
    for (size_t i = 0; i < names->count; i++) {
        const struct leaf_name *name = &names->at[i];
        if (leaf_name_is_wildcard(name) && (!p->wildcards || p->kind == LEAF_EV))
            return leaf_refuse(why, LEAF_WHY_NAME_WILDCARD_PROFILE,
                               "%.200s: a wildcard, which the profile does not have", name->text);
        if (name->type == LEAF_NAME_IP && (!p->addresses || p->kind == LEAF_EV))
            return leaf_refuse(why, LEAF_WHY_NAME_IP_PROFILE,
                               "%s: an address, which the profile does not have", name->text);
        TRY(leaf_name_policy(name, suffixes, why));
    }
    return ERR_OK;
}
