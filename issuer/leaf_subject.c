/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_subject.h"

#include <strings.h>

#include "lib/check.h"
#include "lib/der_write.h"
#include "lib/utf8.h"

#define DER_UTF8_STRING      0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_SET              0x31

enum string { STRING_P = DER_PRINTABLE_STRING, STRING_U = DER_UTF8_STRING };

#define X(name, word, most, string, ...) static const uint8_t oid_##name[] = {__VA_ARGS__};
LEAF_SUBJECT_TABLE(X)
#undef X

static const struct row {
    const char *word;
    unsigned most;
    enum string string;
    struct span oid;
} rows[LEAF_SUBJECT_PARTS] = {
#define X(name, word, most, string, ...) \
    {word, most, STRING_##string, {oid_##name, sizeof oid_##name}},
    LEAF_SUBJECT_TABLE(X)
#undef X
};

#define BIT(part) (1u << LEAF_SUBJECT_##part)

/* What a certificate has to have and may have (BR 7.1.2.7.4; EVG 7.1.4.2). */
static const struct {
    unsigned required, allowed;
} kinds[LEAF_KIND_COUNT] = {
#define ADDRESS \
    (BIT(COUNTRY) | BIT(STATE) | BIT(LOCALITY) | BIT(POSTAL_CODE) | BIT(STREET) | BIT(ORGANIZATION))
#define REGISTERED                                                                  \
    (BIT(BUSINESS_CATEGORY) | BIT(JURISDICTION_COUNTRY) | BIT(JURISDICTION_STATE) | \
     BIT(JURISDICTION_LOCALITY) | BIT(SERIAL_NUMBER))
    [LEAF_DV] = {0, 0},
    [LEAF_OV] = {BIT(COUNTRY) | BIT(ORGANIZATION), ADDRESS},
    [LEAF_EV] = {BIT(COUNTRY) | BIT(ORGANIZATION) | BIT(BUSINESS_CATEGORY) |
                     BIT(JURISDICTION_COUNTRY) | BIT(SERIAL_NUMBER),
                 ADDRESS | REGISTERED},
};

static const char *const business_categories[] = {"Private Organization", "Government Entity",
                                                  "Business Entity", "Non-Commercial Entity"};

/* Words that only say that there is no value; besides, nothing but dots, hyphens and blanks. */
static const char *const placeholders[] = {"n/a",     "none",      "null",
                                           "unknown", "undefined", "not applicable"};

static size_t part_with(struct span word)
{
    size_t part = 0;
    while (part < LEAF_SUBJECT_PARTS && !span_equal(word, span_text(rows[part].word)))
        part++;
    return part;
}

static bool is_printable(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr(" '()+,-./:=?", c) != NULL);
}

/* The number of characters; 0: not all of it is UTF-8 without control characters. */
static size_t count_characters(struct span value)
{
    size_t count = 0;
    for (size_t at = 0; at < value.size; count++) {
        struct span rest = span_of(value.data + at, value.size - at);
        size_t size = utf8_sequence(rest);
        bool control = rest.data[0] < 0x20 || rest.data[0] == 0x7f ||
                       (size == 2 && rest.data[0] == 0xc2 && rest.data[1] < 0xa0);
        if (size == 0 || control)
            return 0;
        at += size;
    }
    return count;
}

bool leaf_subject_is_placeholder(struct span value)
{
    char text[LEAF_SUBJECT_TEXT_BYTES];
    if (value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    if (strspn(text, ".- ") == value.size)
        return true;
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++)
        if (strcasecmp(text, placeholders[i]) == 0)
            return true;
    return false;
}

bool leaf_subject_is_category(struct span value)
{
    for (size_t i = 0; i < sizeof business_categories / sizeof business_categories[0]; i++)
        if (span_equal(value, span_text(business_categories[i])))
            return true;
    return false;
}

bool leaf_country_valid(struct span code)
{
    /* ISO 3166-1 alpha-2, and XX for what has none (BR 7.1.2.7.4). */
    static const char codes[] =
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO "
        "BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ "
        "DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP "
        "GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG "
        "KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML "
        "MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE "
        "PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL "
        "SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM "
        "US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XX";
    for (const char *at = codes; code.size == 2; at += 3) {
        if (memcmp(at, code.data, 2) == 0)
            return true;
        if (at[2] == '\0')
            break;
    }
    return false;
}

enum err leaf_subject_find(struct span oid, enum leaf_subject_part *ret)
{
    for (size_t part = 0; part < LEAF_SUBJECT_PARTS; part++) {
        if (span_equal(oid, rows[part].oid)) {
            *ret = (enum leaf_subject_part)part;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

bool leaf_subject_allows(enum leaf_kind kind, enum leaf_subject_part part)
{
    return (kinds[kind].allowed & 1u << part) != 0;
}

bool leaf_subject_is_printable(enum leaf_subject_part part)
{
    return rows[part].string == STRING_P;
}

bool leaf_subject_fits(enum leaf_subject_part part, struct span value)
{
    return count_characters(value) <= rows[part].most;
}

static enum err value_check(size_t part, struct span value, struct problem *why)
{
    const struct row *row = &rows[part];
    size_t characters = count_characters(value);
    if (characters == 0)
        return leaf_refuse(why, LEAF_WHY_SUBJECT_VALUE,
                           "%s: empty, not UTF-8, or with a control character", row->word);
    if (characters > row->most)
        return leaf_refuse(why, LEAF_WHY_SUBJECT_LONG, "%s: %zu characters, at most %u", row->word,
                           characters, row->most);
    if (leaf_subject_is_placeholder(value))
        return leaf_refuse(why, LEAF_WHY_SUBJECT_PLACEHOLDER,
                           "%s: only says that there is no value (BR 7.1.2.7.4)", row->word);
    if (value.data[0] == ' ' || value.data[value.size - 1] == ' ')
        return leaf_refuse(why, LEAF_WHY_SUBJECT_VALUE, "%s: a blank at an end", row->word);
    for (size_t i = 0; row->string == STRING_P && i < value.size; i++)
        if (!is_printable(value.data[i]))
            return leaf_refuse(why, LEAF_WHY_SUBJECT_VALUE, "%s: no PrintableString", row->word);
    bool country = part == LEAF_SUBJECT_COUNTRY || part == LEAF_SUBJECT_JURISDICTION_COUNTRY;
    if (country && !leaf_country_valid(value))
        return leaf_refuse(why, LEAF_WHY_SUBJECT_VALUE, "%s: not of ISO 3166-1", row->word);
    if (part == LEAF_SUBJECT_BUSINESS_CATEGORY && !leaf_subject_is_category(value))
        return leaf_refuse(why, LEAF_WHY_SUBJECT_VALUE, "%s: none of the four of EVG 7.1.4.2.3",
                           row->word);
    return ERR_OK;
}

enum err leaf_subject_set(struct leaf_subject *subject, struct span word, struct span value,
                          struct problem *why)
{
    size_t part = part_with(word);
    if (part == LEAF_SUBJECT_PARTS || part == LEAF_SUBJECT_COMMON_NAME)
        return leaf_refuse(why, LEAF_WHY_SUBJECT_UNKNOWN, "\"%.*s\": no attribute of a subject",
                           (int)(word.size < 40 ? word.size : 40), (const char *)word.data);
    /* Longer than any text in UTF-8 of so many characters. */
    if (value.size >= LEAF_SUBJECT_TEXT_BYTES)
        return leaf_refuse(why, LEAF_WHY_SUBJECT_LONG, "%s: more than %u characters",
                           rows[part].word, rows[part].most);
    TRY(value_check(part, value, why));
    memcpy(subject->parts[part], value.data, value.size);
    subject->parts[part][value.size] = '\0';
    return ERR_OK;
}

const char *leaf_subject_word(enum leaf_subject_part part)
{
    CHECK((size_t)part < LEAF_SUBJECT_PARTS);
    return rows[part].word;
}

enum err leaf_subject_check(const struct leaf_subject *subject, enum leaf_kind kind,
                            struct problem *why)
{
    for (size_t part = 0; part < LEAF_SUBJECT_PARTS; part++) {
        bool there = subject->parts[part][0] != '\0';
        if (there && (kinds[kind].allowed & 1u << part) == 0)
            return leaf_refuse(why, LEAF_WHY_SUBJECT_NOT_OF_KIND,
                               "%s: not in a certificate of this kind", rows[part].word);
        if (!there && (kinds[kind].required & 1u << part) != 0)
            return leaf_refuse(why, LEAF_WHY_SUBJECT_MISSING, "%s: has to be there",
                               rows[part].word);
    }
    if (kind != LEAF_DV && subject->parts[LEAF_SUBJECT_STATE][0] == '\0' &&
        subject->parts[LEAF_SUBJECT_LOCALITY][0] == '\0')
        return leaf_refuse(why, LEAF_WHY_SUBJECT_MISSING, "state or locality: one has to be there");
    return ERR_OK;
}

enum err leaf_subject_encode(const struct leaf_subject *subject, uint8_t *out, size_t out_size,
                             size_t *ret_size)
{
    struct der_writer w = der_writer_into(out, out_size);
    for (size_t part = LEAF_SUBJECT_PARTS; part-- > 0;) {
        size_t mark = w.used;
        if (subject->parts[part][0] == '\0')
            continue;
        der_put_element(&w, (uint8_t)rows[part].string, span_text(subject->parts[part]));
        der_put_element(&w, DER_OID, rows[part].oid);
        der_put_header(&w, DER_SEQUENCE, mark);
        der_put_header(&w, DER_SET, mark);
    }
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

struct sha256 leaf_subject_hash(const struct leaf_subject *subject)
{
    struct leaf_subject own = *subject;
    uint8_t der[LEAF_SUBJECT_DER_MAX];
    size_t size = 0;
    own.parts[LEAF_SUBJECT_COMMON_NAME][0] = '\0';
    CHECK(leaf_subject_encode(&own, der, sizeof der, &size) == ERR_OK);
    return sha256_of(span_of(der, size));
}
