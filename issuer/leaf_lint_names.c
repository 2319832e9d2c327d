/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the names. */
#include "issuer/leaf_lint_view.h"

static int name_count(const struct leaf_view *v)
{
    return sk_GENERAL_NAME_num(v->names); /* -1: none */
}

static const GENERAL_NAME *name_at(const struct leaf_view *v, int i)
{
    return sk_GENERAL_NAME_value(v->names, i);
}

static bool is_dns(const GENERAL_NAME *name)
{
    return name->type == GEN_DNS;
}

static bool is_address(const GENERAL_NAME *name)
{
    return name->type == GEN_IPADD;
}

static struct span octets_of(const GENERAL_NAME *name)
{
    return leaf_view_octets(is_dns(name) ? (const ASN1_STRING *)name->d.dNSName
                                         : (const ASN1_STRING *)name->d.iPAddress);
}

/* Reads a name that is of the two kinds and has its form. */
static bool read_name(const GENERAL_NAME *name, struct leaf_name *ret)
{
    struct problem ignored;
    if (is_dns(name))
        return leaf_name_dns(octets_of(name), ret, &ignored) == ERR_OK;
    return is_address(name) && leaf_name_ip(octets_of(name), ret, &ignored) == ERR_OK;
}

/* Whether no name breaks the policy for this reason. */
static bool none_refused(const struct leaf_view *v, enum leaf_reason reason)
{
    for (int i = 0; i < name_count(v); i++) {
        struct leaf_name name;
        struct problem why;
        if (read_name(name_at(v, i), &name) &&
            leaf_name_policy(&name, v->facts->suffixes, &why) != ERR_OK &&
            strcmp(why.rule, leaf_reason_word(reason)) == 0)
            return false;
    }
    return true;
}

bool leaf_lint_names_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_subject_alt_name);
}

bool leaf_lint_names_some(const struct leaf_view *v)
{
    return v->names == NULL || name_count(v) > 0;
}

static bool has_subject(const struct leaf_view *v)
{
    return X509_NAME_entry_count(X509_get_subject_name(v->certificate)) > 0;
}

bool leaf_lint_names_critical(const struct leaf_view *v)
{
    return has_subject(v) || !leaf_view_has(v, NID_subject_alt_name) ||
           leaf_view_critical(v, NID_subject_alt_name);
}

bool leaf_lint_names_plain(const struct leaf_view *v)
{
    return !has_subject(v) || !leaf_view_critical(v, NID_subject_alt_name);
}

bool leaf_lint_names_type(const struct leaf_view *v)
{
    for (int i = 0; i < name_count(v); i++)
        if (!is_dns(name_at(v, i)) && !is_address(name_at(v, i)))
            return false;
    return true;
}

bool leaf_lint_names_form(const struct leaf_view *v)
{
    for (int i = 0; i < name_count(v); i++) {
        struct leaf_name name;
        if (is_dns(name_at(v, i)) && !read_name(name_at(v, i), &name))
            return false;
    }
    return true;
}

bool leaf_lint_names_lower_case(const struct leaf_view *v)
{
    for (int i = 0; i < name_count(v); i++) {
        struct leaf_name name;
        if (is_dns(name_at(v, i)) && read_name(name_at(v, i), &name) &&
            !span_equal(octets_of(name_at(v, i)), span_of(name.text, name.size)))
            return false;
    }
    return true;
}

bool leaf_lint_names_distinct(const struct leaf_view *v)
{
    for (int i = 0; i < name_count(v); i++)
        for (int j = 0; j < i; j++) {
            struct leaf_name a, b;
            if (read_name(name_at(v, i), &a) && read_name(name_at(v, j), &b) &&
                leaf_name_compare(&a, &b) == 0)
                return false;
        }
    return true;
}

bool leaf_lint_names_public(const struct leaf_view *v)
{
    return none_refused(v, LEAF_WHY_NAME_RESERVED);
}

bool leaf_lint_names_no_suffix(const struct leaf_view *v)
{
    return none_refused(v, LEAF_WHY_NAME_PUBLIC_SUFFIX);
}

bool leaf_lint_names_wildcard(const struct leaf_view *v)
{
    return none_refused(v, LEAF_WHY_NAME_WILDCARD_SUFFIX);
}

bool leaf_lint_names_address_size(const struct leaf_view *v)
{
    for (int i = 0; i < name_count(v); i++) {
        struct leaf_name name;
        if (is_address(name_at(v, i)) && !read_name(name_at(v, i), &name))
            return false;
    }
    return true;
}

bool leaf_lint_names_address_public(const struct leaf_view *v)
{
    return none_refused(v, LEAF_WHY_NAME_IP_RESERVED);
}

bool leaf_lint_names_within(const struct leaf_view *v)
{
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(v->issuer, NID_name_constraints, NULL, NULL);
    /* The check looks at names that OpenSSL reads when it is asked for the flags. */
    (void)X509_get_extension_flags(v->certificate);
    bool within =
        constraints == NULL || NAME_CONSTRAINTS_check(v->certificate, constraints) == X509_V_OK;
    NAME_CONSTRAINTS_free(constraints);
    return within;
}

bool leaf_lint_ev_no_wildcard(const struct leaf_view *v)
{
    for (int i = 0; v->facts->kind == LEAF_EV && i < name_count(v); i++) {
        struct leaf_name name;
        if (read_name(name_at(v, i), &name) && leaf_name_is_wildcard(&name))
            return false;
    }
    return true;
}

bool leaf_lint_ev_no_address(const struct leaf_view *v)
{
    for (int i = 0; v->facts->kind == LEAF_EV && i < name_count(v); i++)
        if (is_address(name_at(v, i)))
            return false;
    return true;
}
