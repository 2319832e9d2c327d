/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_lint_view.h"

#include <openssl/err.h>

#include "lib/timetext.h"

#define ALL_KINDS ((1u << KEY_ALG_COUNT) - 1)

bool leaf_view_has(const struct leaf_view *v, int nid)
{
    return X509_get_ext_by_NID(v->certificate, nid, -1) >= 0;
}

bool leaf_view_critical(const struct leaf_view *v, int nid)
{
    int at = X509_get_ext_by_NID(v->certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(v->certificate, at));
}

bool leaf_view_short_lived(const struct leaf_view *v)
{
    const char *section;
    return v->until_s >= v->from_s &&
           v->until_s - v->from_s + 1 <= leaf_validity_max_s(true, v->from_s, &section);
}

static uint64_t seconds(const ASN1_TIME *time)
{
    uint64_t time_s = 0;
    return asn1_time_read(leaf_view_octets(time), &time_s) == ERR_OK ? time_s : 0;
}

static void key_open(struct leaf_view *v)
{
    const struct key_policy policy = KEY_POLICY_LEAF(ALL_KINDS);
    X509_PUBKEY *public_key = X509_get_X509_PUBKEY(v->certificate);
    int size = i2d_X509_PUBKEY(public_key, &v->spki_der);
    v->spki = size > 0 ? span_of(v->spki_der, (size_t)size) : SPAN_EMPTY;
    v->key = X509_get0_pubkey(v->certificate);
    v->key_flaw = KEY_FLAW_ALGORITHM;
    if (v->key == NULL || key_alg_kind(v->key, &v->key_alg, &v->key_flaw) != ERR_OK) {
        v->key = NULL;
        return;
    }
    v->key_flaw = KEY_FLAW_NONE;
    /* What could not be judged is not sound. */
    enum err err = key_policy_check(v->key, &policy, &v->key_flaw);
    if (err != ERR_OK && v->key_flaw == KEY_FLAW_NONE)
        v->key_flaw = KEY_FLAW_POINT;
}

static void *extension(const struct leaf_view *v, int nid)
{
    return X509_get_ext_d2i(v->certificate, nid, NULL, NULL);
}

enum err leaf_view_open(struct span der, const struct leaf_lint_facts *facts, struct leaf_view *ret)
{
    const unsigned char *at = der.data;
    struct leaf_view v = {.issuer = facts->ca->certificate, .facts = facts};
    v.certificate = d2i_X509(NULL, &at, (long)der.size);
    if (v.certificate == NULL || at != der.data + der.size) {
        X509_free(v.certificate);
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    v.from_s = seconds(X509_get0_notBefore(v.certificate));
    v.until_s = seconds(X509_get0_notAfter(v.certificate));
    key_open(&v);
    v.names = extension(&v, NID_subject_alt_name);
    v.policies = extension(&v, NID_certificate_policies);
    v.points = extension(&v, NID_crl_distribution_points);
    v.access = extension(&v, NID_info_access);
    v.usages = extension(&v, NID_ext_key_usage);
    v.basic = extension(&v, NID_basic_constraints);
    v.issuer_key = extension(&v, NID_authority_key_identifier);
    v.subject_key = extension(&v, NID_subject_key_identifier);
    v.usage = extension(&v, NID_key_usage);
    v.features = extension(&v, NID_tlsfeature);
    ERR_clear_error();
    *ret = v;
    return ERR_OK;
}

void leaf_view_close(struct leaf_view *v)
{
    OPENSSL_free(v->spki_der);
    GENERAL_NAMES_free(v->names);
    CERTIFICATEPOLICIES_free(v->policies);
    CRL_DIST_POINTS_free(v->points);
    AUTHORITY_INFO_ACCESS_free(v->access);
    EXTENDED_KEY_USAGE_free(v->usages);
    BASIC_CONSTRAINTS_free(v->basic);
    AUTHORITY_KEYID_free(v->issuer_key);
    ASN1_OCTET_STRING_free(v->subject_key);
    ASN1_BIT_STRING_free(v->usage);
    TLS_FEATURE_free(v->features);
    X509_free(v->certificate);
    ERR_clear_error();
}
