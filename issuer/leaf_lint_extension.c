/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about extensions in general, and about usages and identifiers of keys. */
#include "issuer/cert_der.h"
#include "issuer/leaf_lint_view.h"

enum usage_bit {
    BIT_DIGITAL_SIGNATURE = 0,
    BIT_KEY_ENCIPHERMENT = 2,
    BIT_CERT_SIGN = 5,
    BIT_CRL_SIGN = 6,
    BIT_COUNT = 9
};

#define FEATURE_STATUS_REQUEST 5

static ASN1_OBJECT *object_at(const struct leaf_view *v, int i)
{
    return X509_EXTENSION_get_object(X509_get_ext(v->certificate, i));
}

bool leaf_lint_no_duplicate_extension(const struct leaf_view *v)
{
    for (int i = 0; i < X509_get_ext_count(v->certificate); i++)
        if (X509_get_ext_by_OBJ(v->certificate, object_at(v, i), i) >= 0)
            return false;
    return true;
}

bool leaf_lint_no_other_extension(const struct leaf_view *v)
{
    /* nameConstraints has a rule of its own. */
    static const int known[] = {
        NID_info_access,       NID_authority_key_identifier, NID_certificate_policies,
        NID_ext_key_usage,     NID_subject_alt_name,         NID_key_usage,
        NID_basic_constraints, NID_crl_distribution_points,  NID_subject_key_identifier,
        NID_tlsfeature,        NID_name_constraints,         NID_ct_precert_scts,
    };
    for (int i = 0; i < X509_get_ext_count(v->certificate); i++) {
        int nid = OBJ_obj2nid(object_at(v, i));
        bool found = false;
        for (size_t j = 0; j < sizeof known / sizeof known[0]; j++)
            found |= nid == known[j];
        if (!found)
            return false;
    }
    return true;
}

/* What is written again from what was read has the same octets. */
static bool is_der(X509_EXTENSION *extension)
{
    const X509V3_EXT_METHOD *method = X509V3_EXT_get(extension);
    struct span value = leaf_view_octets(X509_EXTENSION_get_data(extension));
    if (method == NULL || method->it == NULL)
        return true;
    const unsigned char *at = value.data;
    ASN1_VALUE *read = ASN1_item_d2i(NULL, &at, (long)value.size, ASN1_ITEM_ptr(method->it));
    if (read == NULL)
        return false;
    unsigned char *again = NULL;
    int size = ASN1_item_i2d(read, &again, ASN1_ITEM_ptr(method->it));
    bool same = size > 0 && span_equal(span_of(again, (size_t)size), value);
    OPENSSL_free(again);
    ASN1_item_free(read, ASN1_ITEM_ptr(method->it));
    return same;
}

/* Named bits have no zeros at their end (X.690 11.2.2), which OpenSSL does not look at. */
static bool named_bits_minimal(struct span value)
{
    /* BIT STRING, length, unused bits, octets */
    if (value.size < 4)
        return true;
    uint8_t unused = value.data[2], last = value.data[value.size - 1];
    return unused < 8 && (last >> unused & 1) != 0;
}

bool leaf_lint_extension_der(const struct leaf_view *v)
{
    for (int i = 0; i < X509_get_ext_count(v->certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(v->certificate, i);
        struct span value = leaf_view_octets(X509_EXTENSION_get_data(extension));
        if (!is_der(extension))
            return false;
        if (OBJ_obj2nid(object_at(v, i)) == NID_key_usage && !named_bits_minimal(value))
            return false;
    }
    return true;
}

bool leaf_lint_no_name_constraints(const struct leaf_view *v)
{
    return !leaf_view_has(v, NID_name_constraints);
}

bool leaf_lint_basic_not_ca(const struct leaf_view *v)
{
    return v->basic == NULL || v->basic->ca == 0;
}

bool leaf_lint_basic_no_path_length(const struct leaf_view *v)
{
    return v->basic == NULL || v->basic->pathlen == NULL;
}

bool leaf_lint_basic_critical(const struct leaf_view *v)
{
    return !leaf_view_has(v, NID_basic_constraints) || leaf_view_critical(v, NID_basic_constraints);
}

static bool has_bit(const struct leaf_view *v, enum usage_bit bit)
{
    return ASN1_BIT_STRING_get_bit(v->usage, (int)bit) != 0;
}

static bool has_some_bit(const struct leaf_view *v)
{
    for (int bit = 0; bit < BIT_COUNT; bit++)
        if (ASN1_BIT_STRING_get_bit(v->usage, bit) != 0)
            return true;
    return false;
}

bool leaf_lint_key_usage_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_key_usage);
}

bool leaf_lint_key_usage_critical(const struct leaf_view *v)
{
    return !leaf_view_has(v, NID_key_usage) || leaf_view_critical(v, NID_key_usage);
}

bool leaf_lint_key_usage_some(const struct leaf_view *v)
{
    return v->usage == NULL || has_some_bit(v);
}

bool leaf_lint_key_usage_signature(const struct leaf_view *v)
{
    return v->usage == NULL || !has_some_bit(v) || has_bit(v, BIT_DIGITAL_SIGNATURE);
}

bool leaf_lint_key_usage_no_cert_sign(const struct leaf_view *v)
{
    return v->usage == NULL || !has_bit(v, BIT_CERT_SIGN);
}

bool leaf_lint_key_usage_no_crl_sign(const struct leaf_view *v)
{
    return v->usage == NULL || !has_bit(v, BIT_CRL_SIGN);
}

/* keyEncipherment only of RSA; what is not recommended is not there. */
bool leaf_lint_key_usage_of_key(const struct leaf_view *v)
{
    for (int bit = 0; v->usage != NULL && bit < BIT_COUNT; bit++) {
        bool other_rule = bit == BIT_CERT_SIGN || bit == BIT_CRL_SIGN;
        bool fits = bit == BIT_DIGITAL_SIGNATURE ||
                    (bit == BIT_KEY_ENCIPHERMENT && v->key != NULL && v->key_alg == KEY_RSA);
        if (!other_rule && !fits && ASN1_BIT_STRING_get_bit(v->usage, bit) != 0)
            return false;
    }
    return true;
}

bool leaf_lint_extended_usage_present(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_ext_key_usage);
}

bool leaf_lint_extended_usage_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_ext_key_usage);
}

bool leaf_lint_extended_usage_server(const struct leaf_view *v)
{
    for (int i = 0; i < sk_ASN1_OBJECT_num(v->usages); i++)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(v->usages, i)) == NID_server_auth)
            return true;
    return v->usages == NULL;
}

bool leaf_lint_extended_usage_only(const struct leaf_view *v)
{
    for (int i = 0; i < sk_ASN1_OBJECT_num(v->usages); i++) {
        int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(v->usages, i));
        if (nid != NID_server_auth && nid != NID_client_auth)
            return false;
    }
    return true;
}

bool leaf_lint_authority_key_id(const struct leaf_view *v)
{
    return leaf_view_has(v, NID_authority_key_identifier);
}

bool leaf_lint_authority_key_id_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_authority_key_identifier);
}

bool leaf_lint_authority_key_id_only(const struct leaf_view *v)
{
    const AUTHORITY_KEYID *id = v->issuer_key;
    return id == NULL || (id->keyid != NULL && id->issuer == NULL && id->serial == NULL);
}

bool leaf_lint_authority_key_id_value(const struct leaf_view *v)
{
    return v->issuer_key == NULL || v->issuer_key->keyid == NULL ||
           span_equal(leaf_view_octets(v->issuer_key->keyid), v->facts->ca->key_id);
}

bool leaf_lint_subject_key_id_plain(const struct leaf_view *v)
{
    return !leaf_view_critical(v, NID_subject_key_identifier);
}

bool leaf_lint_subject_key_id_value(const struct leaf_view *v)
{
    uint8_t id[SHA1_BYTES];
    return v->subject_key == NULL || cert_key_id(v->spki, id) != ERR_OK ||
           span_equal(leaf_view_octets(v->subject_key), span_of(id, sizeof id));
}

bool leaf_lint_tls_feature_known(const struct leaf_view *v)
{
    return !leaf_view_has(v, NID_tlsfeature) ||
           (sk_ASN1_INTEGER_num(v->features) == 1 &&
            ASN1_INTEGER_get(sk_ASN1_INTEGER_value(v->features, 0)) == FEATURE_STATUS_REQUEST);
}

bool leaf_lint_must_staple_ocsp(const struct leaf_view *v)
{
    if (!leaf_view_has(v, NID_tlsfeature))
        return true;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(v->access); i++)
        if (OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(v->access, i)->method) == NID_ad_OCSP)
            return true;
    return false;
}
