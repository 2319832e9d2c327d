/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about policies, and about where the status and the issuer's certificate are. */
#include "issuer/leaf_lint_view.h"

static int policy_count(const struct leaf_view *v)
{
    return sk_POLICYINFO_num(v->policies);
}

static const POLICYINFO *policy_at(const struct leaf_view *v, int i)
{
    return sk_POLICYINFO_value(v->policies, i);
}

static struct span policy_oid(const struct leaf_view *v, int i)
{
    return leaf_view_oid(policy_at(v, i)->policyid);
}

static struct span kind_oid(struct leaf_oid *oid, enum leaf_kind kind)
{
    *oid = leaf_kind_policy(kind);
    return span_of(oid->der + 2, oid->size - 2u);
}

/* The place of the kind's policy; -1: not there. */
static int kind_place(const struct leaf_view *v)
{
    struct leaf_oid oid;
    struct span wanted = kind_oid(&oid, v->facts->kind);
    for (int i = 0; i < policy_count(v); i++)
        if (span_equal(policy_oid(v, i), wanted))
            return i;
    return -1;
}

bool leaf_lint_policies_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_certificate_policies);
}

bool leaf_lint_policies_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_certificate_policies);
}

bool leaf_lint_policies_distinct(const struct leaf_view *v)
{
    for (int i = 0; i < policy_count(v); i++)
        for (int j = 0; j < i; j++)
            if (span_equal(policy_oid(v, i), policy_oid(v, j)))
                return false;
    return true;
}

bool leaf_lint_policies_no_any(const struct leaf_view *v)
{
    for (int i = 0; i < policy_count(v); i++)
        if (OBJ_obj2nid(policy_at(v, i)->policyid) == NID_any_policy)
            return false;
    return true;
}

bool leaf_lint_policies_kind(const struct leaf_view *v)
{
    return v->policies == NULL || kind_place(v) >= 0;
}

bool leaf_lint_policies_kind_first(const struct leaf_view *v)
{
    return kind_place(v) <= 0;
}

bool leaf_lint_policies_one_reserved(const struct leaf_view *v)
{
    static const uint8_t arc[] = {0x67, 0x81, 0x0c, 1}; /* 2.23.140.1 */
    int place = kind_place(v);
    for (int i = 0; i < policy_count(v); i++) {
        struct span oid = policy_oid(v, i);
        bool same = place >= 0 && span_equal(oid, policy_oid(v, place));
        if (!same && oid.size > sizeof arc && memcmp(oid.data, arc, sizeof arc) == 0)
            return false;
    }
    return true;
}

bool leaf_lint_policies_no_qualifiers(const struct leaf_view *v)
{
    for (int i = 0; i < policy_count(v); i++)
        if (policy_at(v, i)->qualifiers != NULL)
            return false;
    return true;
}

/* A path is valid for the policies that all of its CAs have (RFC 5280 6.1.3 d). */
bool leaf_lint_policies_of_issuer(const struct leaf_view *v)
{
    struct leaf_oid oid;
    struct span wanted = kind_oid(&oid, v->facts->kind);
    CERTIFICATEPOLICIES *policies =
        X509_get_ext_d2i(v->issuer, NID_certificate_policies, NULL, NULL);
    bool found = policies == NULL;
    for (int i = 0; i < sk_POLICYINFO_num(policies); i++) {
        const ASN1_OBJECT *policy = sk_POLICYINFO_value(policies, i)->policyid;
        found |= OBJ_obj2nid(policy) == NID_any_policy || span_equal(leaf_view_oid(policy), wanted);
    }
    CERTIFICATEPOLICIES_free(policies);
    return found;
}

static bool has_access(const struct leaf_view *v, int nid)
{
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(v->access); i++)
        if (OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(v->access, i)->method) == nid)
            return true;
    return false;
}

bool leaf_lint_crl_point_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_crl_distribution_points) || leaf_view_short_lived(v) ||
           has_access(v, NID_ad_OCSP);
}

bool leaf_lint_crl_point_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_crl_distribution_points);
}

/* The names of a point; NULL: it has none. */
static const GENERAL_NAMES *point_names(const DIST_POINT *point)
{
    const DIST_POINT_NAME *name = point->distpoint;
    return name == NULL || name->type != 0 ? NULL : name->name.fullname;
}

bool leaf_lint_crl_point_single(const struct leaf_view *v)
{
    return v->points == NULL ||
           (sk_DIST_POINT_num(v->points) == 1 &&
            sk_GENERAL_NAME_num(point_names(sk_DIST_POINT_value(v->points, 0))) <= 1);
}

bool leaf_lint_crl_point_form(const struct leaf_view *v)
{
    for (int i = 0; i < sk_DIST_POINT_num(v->points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(v->points, i);
        const GENERAL_NAMES *names = point_names(point);
        if (point->reasons != NULL || point->CRLissuer != NULL || sk_GENERAL_NAME_num(names) < 1)
            return false;
        for (int j = 0; j < sk_GENERAL_NAME_num(names); j++)
            if (sk_GENERAL_NAME_value(names, j)->type != GEN_URI)
                return false;
    }
    return true;
}

static bool is_http(const GENERAL_NAME *name)
{
    static const char scheme[] = "http://";
    if (name->type != GEN_URI)
        return true;
    struct span url = leaf_view_octets(name->d.uniformResourceIdentifier);
    return url.size >= sizeof scheme - 1 && memcmp(url.data, scheme, sizeof scheme - 1) == 0;
}

bool leaf_lint_crl_point_http(const struct leaf_view *v)
{
    for (int i = 0; i < sk_DIST_POINT_num(v->points); i++) {
        const GENERAL_NAMES *names = point_names(sk_DIST_POINT_value(v->points, i));
        for (int j = 0; j < sk_GENERAL_NAME_num(names); j++)
            if (!is_http(sk_GENERAL_NAME_value(names, j)))
                return false;
    }
    return true;
}

/* The first URL is that of the shard, octet for octet as the CRL's issuingDistributionPoint. */
bool leaf_lint_crl_point_shard(const struct leaf_view *v)
{
    struct span wanted = span_text(v->facts->crl_url);
    if (!leaf_view_has(v, NID_crl_distribution_points))
        return wanted.size == 0;
    if (sk_DIST_POINT_num(v->points) < 1)
        return false;
    const GENERAL_NAMES *names = point_names(sk_DIST_POINT_value(v->points, 0));
    const GENERAL_NAME *first =
        sk_GENERAL_NAME_num(names) < 1 ? NULL : sk_GENERAL_NAME_value(names, 0);
    /* What has another form has its own rules. */
    if (first == NULL || first->type != GEN_URI || !is_http(first))
        return true;
    return span_equal(leaf_view_octets(first->d.uniformResourceIdentifier), wanted);
}

bool leaf_lint_access_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_info_access);
}

bool leaf_lint_access_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_info_access);
}

bool leaf_lint_access_methods(const struct leaf_view *v)
{
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(v->access); i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(v->access, i);
        int method = OBJ_obj2nid(access->method);
        if ((method != NID_ad_OCSP && method != NID_ad_ca_issuers) ||
            access->location->type != GEN_URI)
            return false;
    }
    return true;
}

bool leaf_lint_access_http(const struct leaf_view *v)
{
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(v->access); i++)
        if (!is_http(sk_ACCESS_DESCRIPTION_value(v->access, i)->location))
            return false;
    return true;
}

bool leaf_lint_access_unique(const struct leaf_view *v)
{
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(v->access); i++)
        for (int j = 0; j < i; j++) {
            const ACCESS_DESCRIPTION *a = sk_ACCESS_DESCRIPTION_value(v->access, i),
                                     *b = sk_ACCESS_DESCRIPTION_value(v->access, j);
            if (OBJ_cmp(a->method, b->method) == 0 &&
                GENERAL_NAME_cmp(a->location, b->location) == 0)
                return false;
        }
    return true;
}

bool leaf_lint_access_issuer(const struct leaf_view *v)
{
    return v->access == NULL || has_access(v, NID_ad_ca_issuers);
}
