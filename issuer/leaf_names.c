/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_names.h"

#include <idn2.h>
#include <stdio.h>

#define LABEL_PREFIX_ACE "xn--"
#define FINE             LEAF_REASON_COUNT

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* An A-label (RFC 5890 2.3.2.1): what its Punycode stands for is written so and not otherwise. */
static bool is_a_label(const char *label)
{
    uint8_t *again = NULL;
    int result = idn2_register_u8(NULL, (const uint8_t *)label, &again, 0);
    idn2_free(again);
    return result == IDN2_OK;
}

static enum leaf_reason octets_check(struct span label)
{
    for (size_t i = 0; i < label.size; i++) {
        uint8_t c = label.data[i];
        if (c == '_')
            return LEAF_WHY_NAME_UNDERSCORE;
        if (c == '*')
            return LEAF_WHY_NAME_WILDCARD;
        if (!is_letter_or_digit(c) && c != '-')
            return LEAF_WHY_NAME_OCTET;
    }
    return FINE;
}

/* A Non-Reserved LDH label or an A-label (RFC 5890 2.3.1, 2.3.2), in lower case. */
static enum leaf_reason label_check(struct span label)
{
    char text[LEAF_LABEL_MAX + 1];
    if (label.size == 0)
        return LEAF_WHY_NAME_EMPTY;
    if (label.size > LEAF_LABEL_MAX)
        return LEAF_WHY_NAME_LABEL_LONG;
    enum leaf_reason reason = octets_check(label);
    if (reason != FINE)
        return reason;
    if (label.data[0] == '-' || label.data[label.size - 1] == '-')
        return LEAF_WHY_NAME_HYPHEN;
    if (label.size < 4 || label.data[2] != '-' || label.data[3] != '-')
        return FINE;
    memcpy(text, label.data, label.size);
    text[label.size] = '\0';
    if (strncmp(text, LABEL_PREFIX_ACE, strlen(LABEL_PREFIX_ACE)) != 0)
        return LEAF_WHY_NAME_RESERVED_LABEL;
    return is_a_label(text) ? FINE : LEAF_WHY_NAME_IDN;
}

static bool all_digits(struct span label)
{
    for (size_t i = 0; i < label.size; i++)
        if (!is_digit(label.data[i]))
            return false;
    return label.size > 0;
}

/* All labels behind the star, of a name in lower case; there are at least so many. */
static enum leaf_reason labels_check(struct span name, size_t least)
{
    size_t count = 0;
    for (;;) {
        const uint8_t *dot = memchr(name.data, '.', name.size);
        struct span label = span_of(name.data, dot == NULL ? name.size : (size_t)(dot - name.data));
        count++;
        if (label.size == 0 && dot == NULL && count > 1)
            return LEAF_WHY_NAME_TRAILING_DOT;
        enum leaf_reason reason = label_check(label);
        if (reason != FINE)
            return reason;
        if (dot != NULL) {
            name = span_of(dot + 1, name.size - label.size - 1);
            continue;
        }
        if (count < least)
            return LEAF_WHY_NAME_ONE_LABEL;
        return all_digits(label) ? LEAF_WHY_NAME_TOP_NUMERIC : FINE;
    }
}

static void lower(struct span text, char *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out[text.size] = '\0';
}

static enum leaf_reason dns_check(const struct leaf_name *name)
{
    struct span labels = span_of(name->text, name->size);
    bool wildcard = name->size >= 2 && name->text[0] == '*' && name->text[1] == '.';
    if (wildcard)
        labels = span_of(name->text + 2, name->size - 2u);
    if (labels.size == 0)
        return LEAF_WHY_NAME_EMPTY;
    /* "*.com" has the form of a name; it is the public suffixes that refuse it. */
    return labels_check(labels, wildcard ? 1 : 2);
}

enum err leaf_name_dns(struct span text, struct leaf_name *ret, struct problem *why)
{
    struct leaf_name name = {.type = LEAF_NAME_DNS};
    if (text.size == 0)
        return leaf_refuse(why, LEAF_WHY_NAME_EMPTY, NULL);
    if (text.size > LEAF_NAME_BYTES_MAX)
        return leaf_refuse(why, LEAF_WHY_NAME_LONG, NULL);
    lower(text, name.text);
    name.size = (uint8_t)text.size;
    enum leaf_reason reason = dns_check(&name);
    if (reason != FINE)
        return leaf_refuse(why, reason, "%.200s: %s", name.text, leaf_reason_text(reason));
    *ret = name;
    return ERR_OK;
}

enum err leaf_name_read(struct span text, struct leaf_name *ret, struct problem *why)
{
    struct problem ignored;
    if (leaf_name_ip_text(text, ret, &ignored) == ERR_OK)
        return ERR_OK;
    /* A colon is in no DNS name: it was to be an address. */
    if (text.size > 0 && memchr(text.data, ':', text.size) != NULL)
        return leaf_refuse(why, LEAF_WHY_NAME_IP_TEXT, NULL);
    return leaf_name_dns(text, ret, why);
}

const char *leaf_name_base(const struct leaf_name *name)
{
    return name->text + (leaf_name_is_wildcard(name) ? 2 : 0);
}

int leaf_name_compare(const struct leaf_name *a, const struct leaf_name *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return a->type == LEAF_NAME_DNS
               ? span_compare(span_of(a->text, a->size), span_of(b->text, b->size))
               : span_compare(span_of(a->address, a->address_size),
                              span_of(b->address, b->address_size));
}

enum err leaf_names_add(struct leaf_names *names, const struct leaf_name *name, struct problem *why)
{
    size_t at = 0;
    while (at < names->count && leaf_name_compare(&names->at[at], name) < 0)
        at++;
    if (at < names->count && leaf_name_compare(&names->at[at], name) == 0)
        return ERR_OK;
    if (names->count == LEAF_NAMES_MAX)
        return leaf_refuse(why, LEAF_WHY_NAMES_TOO_MANY, "more than %d names", LEAF_NAMES_MAX);
    memmove(&names->at[at + 1], &names->at[at], (names->count - at) * sizeof names->at[0]);
    names->at[at] = *name;
    names->count++;
    return ERR_OK;
}

bool leaf_names_have(const struct leaf_names *names, const struct leaf_name *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (leaf_name_compare(&names->at[i], name) == 0)
            return true;
    return false;
}

bool leaf_names_equal(const struct leaf_names *a, const struct leaf_names *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (leaf_name_compare(&a->at[i], &b->at[i]) != 0)
            return false;
    return true;
}
