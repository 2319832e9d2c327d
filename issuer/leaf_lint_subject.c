/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the subject. */
#include "issuer/leaf_lint_view.h"
#include "issuer/leaf_subject.h"

/* One attribute of the subject. */
struct attribute {
    struct span value;
    int type; /* of the string */
    int rdn;  /* which RDN it is in */
    int nid;
    bool known;
    enum leaf_subject_part part; /* when known */
};

static int attribute_count(const struct leaf_view *v)
{
    return X509_NAME_entry_count(X509_get_subject_name(v->certificate));
}

static struct attribute attribute_at(const struct leaf_view *v, int i)
{
    X509_NAME_ENTRY *entry = X509_NAME_get_entry(X509_get_subject_name(v->certificate), i);
    const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    struct attribute a = {.value = leaf_view_octets(value),
                          .type = ASN1_STRING_type(value),
                          .rdn = X509_NAME_ENTRY_set(entry),
                          .nid = OBJ_obj2nid(object)};
    a.known = leaf_subject_find(leaf_view_oid(object), &a.part) == ERR_OK;
    return a;
}

static bool all(const struct leaf_view *v, bool (*keeps)(const struct attribute *a))
{
    for (int i = 0; i < attribute_count(v); i++) {
        struct attribute a = attribute_at(v, i);
        if (!keeps(&a))
            return false;
    }
    return true;
}

/* The value of a part, SPAN_EMPTY when it is not there. */
static struct span part_value(const struct leaf_view *v, enum leaf_subject_part part)
{
    for (int i = 0; i < attribute_count(v); i++) {
        struct attribute a = attribute_at(v, i);
        if (a.known && a.part == part)
            return a.value;
    }
    return SPAN_EMPTY;
}

static bool has_part(const struct leaf_view *v, enum leaf_subject_part part)
{
    return part_value(v, part).size > 0;
}

static bool is_organization(const struct leaf_view *v)
{
    return v->facts->kind != LEAF_DV;
}

static bool is_ev(const struct leaf_view *v)
{
    return v->facts->kind == LEAF_EV;
}

static bool encoded(const struct attribute *a)
{
    if (a->known && leaf_subject_is_printable(a->part))
        return a->type == V_ASN1_PRINTABLESTRING;
    return a->type == V_ASN1_PRINTABLESTRING || a->type == V_ASN1_UTF8STRING;
}

bool leaf_lint_subject_encoding(const struct leaf_view *v)
{
    return all(v, encoded);
}

/* The table of BR 7.1.4.2 that has an order: the others are not in it. */
static bool has_place(enum leaf_subject_part part)
{
    return part <= LEAF_SUBJECT_ORGANIZATION || part == LEAF_SUBJECT_COMMON_NAME;
}

bool leaf_lint_subject_order(const struct leaf_view *v)
{
    enum leaf_subject_part last = LEAF_SUBJECT_COUNTRY;
    for (int i = 0; i < attribute_count(v); i++) {
        struct attribute a = attribute_at(v, i);
        if (!a.known || !has_place(a.part))
            continue;
        if (a.part < last)
            return false;
        last = a.part;
    }
    return true;
}

bool leaf_lint_subject_single(const struct leaf_view *v)
{
    for (int i = 1; i < attribute_count(v); i++)
        if (attribute_at(v, i).rdn == attribute_at(v, i - 1).rdn)
            return false;
    return true;
}

bool leaf_lint_subject_distinct(const struct leaf_view *v)
{
    for (int i = 1; i < attribute_count(v); i++)
        for (int j = 0; j < i; j++)
            if (attribute_at(v, i).known && attribute_at(v, i).nid == attribute_at(v, j).nid)
                return false;
    return true;
}

static bool short_enough(const struct attribute *a)
{
    return !a->known || leaf_subject_fits(a->part, a->value);
}

bool leaf_lint_subject_length(const struct leaf_view *v)
{
    return all(v, short_enough);
}

static bool says_something(const struct attribute *a)
{
    return !leaf_subject_is_placeholder(a->value);
}

bool leaf_lint_subject_value(const struct leaf_view *v)
{
    return all(v, says_something);
}

static bool without_blanks(const struct attribute *a)
{
    return a->value.size == 0 ||
           (a->value.data[0] != ' ' && a->value.data[a->value.size - 1] != ' ');
}

bool leaf_lint_subject_blanks(const struct leaf_view *v)
{
    return all(v, without_blanks);
}

static bool country_known(const struct attribute *a)
{
    bool country = a->known && (a->part == LEAF_SUBJECT_COUNTRY ||
                                a->part == LEAF_SUBJECT_JURISDICTION_COUNTRY);
    return !country || leaf_country_valid(a->value);
}

bool leaf_lint_subject_country_iso(const struct leaf_view *v)
{
    return all(v, country_known);
}

static bool of_dv(const struct attribute *a)
{
    return a->nid == NID_organizationalUnitName ||
           (a->known && (a->part == LEAF_SUBJECT_COUNTRY || a->part == LEAF_SUBJECT_COMMON_NAME));
}

bool leaf_lint_subject_dv(const struct leaf_view *v)
{
    return is_organization(v) || all(v, of_dv);
}

static bool no_unit(const struct attribute *a)
{
    return a->nid != NID_organizationalUnitName;
}

bool leaf_lint_subject_no_unit(const struct leaf_view *v)
{
    return all(v, no_unit);
}

bool leaf_lint_subject_other(const struct leaf_view *v)
{
    for (int i = 0; is_organization(v) && i < attribute_count(v); i++) {
        struct attribute a = attribute_at(v, i);
        bool allowed = a.known && (a.part == LEAF_SUBJECT_COMMON_NAME ||
                                   leaf_subject_allows(v->facts->kind, a.part));
        if (!allowed && no_unit(&a))
            return false;
    }
    return true;
}

bool leaf_lint_subject_organization(const struct leaf_view *v)
{
    return !is_organization(v) || has_part(v, LEAF_SUBJECT_ORGANIZATION);
}

bool leaf_lint_subject_country(const struct leaf_view *v)
{
    return !is_organization(v) || has_part(v, LEAF_SUBJECT_COUNTRY);
}

bool leaf_lint_subject_place(const struct leaf_view *v)
{
    return !is_organization(v) || has_part(v, LEAF_SUBJECT_STATE) ||
           has_part(v, LEAF_SUBJECT_LOCALITY);
}

static bool is_name(const struct leaf_view *v, struct span text)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(v->names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(v->names, i);
        struct leaf_name address;
        struct problem ignored;
        if (name->type == GEN_DNS && span_equal(leaf_view_octets(name->d.dNSName), text))
            return true;
        if (name->type == GEN_IPADD &&
            leaf_name_ip(leaf_view_octets(name->d.iPAddress), &address, &ignored) == ERR_OK &&
            span_equal(span_text(address.text), text))
            return true;
    }
    return false;
}

bool leaf_lint_common_name_of_names(const struct leaf_view *v)
{
    struct span name = part_value(v, LEAF_SUBJECT_COMMON_NAME);
    return name.size == 0 || v->names == NULL || is_name(v, name);
}

bool leaf_lint_ev_business_category(const struct leaf_view *v)
{
    return !is_ev(v) || has_part(v, LEAF_SUBJECT_BUSINESS_CATEGORY);
}

bool leaf_lint_ev_business_category_value(const struct leaf_view *v)
{
    struct span value = part_value(v, LEAF_SUBJECT_BUSINESS_CATEGORY);
    return !is_ev(v) || value.size == 0 || leaf_subject_is_category(value);
}

bool leaf_lint_ev_jurisdiction(const struct leaf_view *v)
{
    return !is_ev(v) || has_part(v, LEAF_SUBJECT_JURISDICTION_COUNTRY);
}

bool leaf_lint_ev_registration(const struct leaf_view *v)
{
    return !is_ev(v) || has_part(v, LEAF_SUBJECT_SERIAL_NUMBER);
}
