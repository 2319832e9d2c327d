/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_lint.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "issuer/ca_key_policy.h"
#include "lib/timetext.h"

struct view {
    X509 *certificate;
    X509 *issuer; /* of a root: itself */
    enum ca_kind kind;
    uint32_t flags, usage, extended;
    uint64_t from_s, until_s; /* 0: not readable */
};

static bool has(const struct view *v, int nid)
{
    return X509_get_ext_by_NID(v->certificate, nid, -1) >= 0;
}

static bool critical(const struct view *v, int nid)
{
    int at = X509_get_ext_by_NID(v->certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(v->certificate, at));
}

static uint64_t seconds(const ASN1_TIME *time)
{
    uint64_t time_s = 0;
    struct span text = span_of(ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time));
    return asn1_time_read(text, &time_s) == ERR_OK ? time_s : 0;
}

static bool version(const struct view *v)
{
    return X509_get_version(v->certificate) == X509_VERSION_3;
}

static bool serial_positive(const struct view *v)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(v->certificate);
    bool zero = ASN1_STRING_length(serial) == 1 && ASN1_STRING_get0_data(serial)[0] == 0;
    return ASN1_STRING_type(serial) == V_ASN1_INTEGER && !zero;
}

static bool serial_length(const struct view *v)
{
    /* OpenSSL keeps no leading zero octet, which the DER of a number from 2^159 on has. */
    const ASN1_INTEGER *serial = X509_get0_serialNumber(v->certificate);
    int size = ASN1_STRING_length(serial);
    return size < CERT_SERIAL_BYTES ||
           (size == CERT_SERIAL_BYTES && ASN1_STRING_get0_data(serial)[0] < 0x80);
}

static bool serial_random(const struct view *v)
{
    return ASN1_STRING_length(X509_get0_serialNumber(v->certificate)) > 8;
}

static bool signature_algorithm(const struct view *v)
{
    switch (X509_get_signature_nid(v->certificate)) {
    case NID_sha256WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
        return true;
    default:
        return false;
    }
}

static struct span name_der(const X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t size = 0;
    return X509_NAME_get0_der(name, &der, &size) == 1 ? span_of(der, size) : SPAN_EMPTY;
}

static bool issuer_bytes(const struct view *v)
{
    return span_equal(name_der(X509_get_issuer_name(v->certificate)),
                      name_der(X509_get_subject_name(v->issuer)));
}

static bool subject_has(const struct view *v, int nid)
{
    return X509_NAME_get_index_by_NID(X509_get_subject_name(v->certificate), nid, -1) >= 0;
}

static bool subject_present(const struct view *v)
{
    return X509_NAME_entry_count(X509_get_subject_name(v->certificate)) > 0;
}

static bool subject_country(const struct view *v)
{
    return subject_has(v, NID_countryName);
}

static bool subject_organization(const struct view *v)
{
    return subject_has(v, NID_organizationName);
}

static bool subject_common_name(const struct view *v)
{
    return subject_has(v, NID_commonName);
}

/* A certificate with its issuer's name would look self-issued. */
static bool subject_other(const struct view *v)
{
    return X509_NAME_cmp(X509_get_subject_name(v->certificate), X509_get_subject_name(v->issuer)) !=
           0;
}

static bool times_in_order(const struct view *v)
{
    return v->from_s != 0 && v->from_s < v->until_s;
}

static bool times_encoded(const struct view *v)
{
    const ASN1_TIME *times[] = {X509_get0_notBefore(v->certificate),
                                X509_get0_notAfter(v->certificate)};
    for (size_t i = 0; i < 2; i++)
        if ((ASN1_STRING_type(times[i]) == V_ASN1_UTCTIME) != (seconds(times[i]) < 2524608000u))
            return false;
    return true;
}

static bool validity_length(const struct view *v)
{
    uint32_t least, most;
    const char *why;
    uint64_t days = (v->until_s - v->from_s + 1) / CA_DAY_S;
    return v->until_s > v->from_s && (v->until_s - v->from_s + 1) % CA_DAY_S == 0 &&
           days <= UINT32_MAX &&
           ca_validity_check(v->kind, v->from_s, (uint32_t)days, &least, &most, &why) == ERR_OK;
}

static bool within_issuer(const struct view *v)
{
    return v->until_s <= seconds(X509_get0_notAfter(v->issuer)) &&
           v->from_s >= seconds(X509_get0_notBefore(v->issuer));
}

static bool key_policy(const struct view *v)
{
    char why[CA_KEY_WHY_BYTES];
    EVP_PKEY *key = X509_get0_pubkey(v->certificate);
    return key != NULL && ca_key_check(key, v->kind, why) == ERR_OK;
}

static bool no_duplicate_extension(const struct view *v)
{
    for (int i = 0; i < X509_get_ext_count(v->certificate); i++) {
        ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(v->certificate, i));
        if (X509_get_ext_by_OBJ(v->certificate, object, i) >= 0)
            return false;
    }
    return true;
}

static bool no_other_extension(const struct view *v)
{
    for (int i = 0; i < X509_get_ext_count(v->certificate); i++)
        switch (OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(v->certificate, i)))) {
        case NID_basic_constraints:
        case NID_key_usage:
        case NID_ext_key_usage:
        case NID_subject_key_identifier:
        case NID_authority_key_identifier:
        case NID_certificate_policies:
        case NID_crl_distribution_points:
        case NID_info_access:
        case NID_id_pkix_OCSP_noCheck:
            break;
        default:
            return false;
        }
    return true;
}

static bool basic_critical(const struct view *v)
{
    return critical(v, NID_basic_constraints);
}

static bool basic_ca(const struct view *v)
{
    return (v->flags & EXFLAG_CA) != 0;
}

static bool basic_not_ca(const struct view *v)
{
    return (v->flags & EXFLAG_CA) == 0;
}

static bool root_no_path_length(const struct view *v)
{
    return X509_get_pathlen(v->certificate) < 0;
}

static bool path_length_fits(const struct view *v)
{
    long above = X509_get_pathlen(v->issuer), own = X509_get_pathlen(v->certificate);
    return above < 0 || (own >= 0 && own < above);
}

static bool key_usage_critical(const struct view *v)
{
    return critical(v, NID_key_usage);
}

static bool key_usage_cert_sign(const struct view *v)
{
    return (v->usage & KU_KEY_CERT_SIGN) != 0;
}

static bool key_usage_crl_sign(const struct view *v)
{
    return (v->usage & KU_CRL_SIGN) != 0;
}

static bool key_usage_ca_only(const struct view *v)
{
    return (v->usage & ~(uint32_t)(KU_KEY_CERT_SIGN | KU_CRL_SIGN | KU_DIGITAL_SIGNATURE)) == 0;
}

static bool key_usage_responder(const struct view *v)
{
    return v->usage == KU_DIGITAL_SIGNATURE;
}

static bool subject_key_id(const struct view *v)
{
    return X509_get0_subject_key_id(v->certificate) != NULL;
}

static bool subject_key_id_plain(const struct view *v)
{
    return !critical(v, NID_subject_key_identifier);
}

static bool authority_key_id(const struct view *v)
{
    const ASN1_OCTET_STRING *own = X509_get0_authority_key_id(v->certificate);
    const ASN1_OCTET_STRING *its = X509_get0_subject_key_id(v->issuer);
    return own != NULL && its != NULL && ASN1_OCTET_STRING_cmp(own, its) == 0;
}

static bool authority_key_id_plain(const struct view *v)
{
    return !critical(v, NID_authority_key_identifier);
}

static bool root_no_extended_usage(const struct view *v)
{
    return !has(v, NID_ext_key_usage);
}

static bool root_no_policies(const struct view *v)
{
    return !has(v, NID_certificate_policies);
}

static bool extended_usage_server(const struct view *v)
{
    return has(v, NID_ext_key_usage) && (v->extended & XKU_SSL_SERVER) != 0;
}

static bool extended_usage_only(const struct view *v)
{
    return (v->extended & ~(uint32_t)(XKU_SSL_SERVER | XKU_SSL_CLIENT)) == 0;
}

static bool extended_usage_ocsp(const struct view *v)
{
    return has(v, NID_ext_key_usage) && v->extended == XKU_OCSP_SIGN;
}

static bool nocheck(const struct view *v)
{
    return has(v, NID_id_pkix_OCSP_noCheck) && !critical(v, NID_id_pkix_OCSP_noCheck);
}

static bool policies(const struct view *v)
{
    return has(v, NID_certificate_policies) && !critical(v, NID_certificate_policies);
}

static bool crl_point(const struct view *v)
{
    return has(v, NID_crl_distribution_points) && !critical(v, NID_crl_distribution_points);
}

static bool authority_access_plain(const struct view *v)
{
    return !critical(v, NID_info_access);
}

static bool authority_access_issuer(const struct view *v)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(v->certificate, NID_info_access, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
        found |= OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(access, i)->method) == NID_ad_ca_issuers;
    AUTHORITY_INFO_ACCESS_free(access);
    return found;
}

static bool no_pointers_root(const struct view *v)
{
    return !has(v, NID_info_access) && !has(v, NID_crl_distribution_points);
}

static const struct ca_lint_rule rules[] = {
#define X(id, kinds, section, zlint) {#id, kinds, section, zlint},
    CA_LINT_TABLE(X)
#undef X
};

static bool (*const judges[])(const struct view *v) = {
#define X(id, kinds, section, zlint) id,
    CA_LINT_TABLE(X)
#undef X
};

#define RULE_COUNT (sizeof rules / sizeof rules[0])

size_t ca_lint_count(void)
{
    return RULE_COUNT;
}

const struct ca_lint_rule *ca_lint_rule(size_t i)
{
    return &rules[i];
}

const struct ca_lint_rule *ca_lint(X509 *certificate, X509 *issuer, enum ca_kind kind)
{
    struct view v = {.certificate = certificate,
                     .issuer = issuer == NULL ? certificate : issuer,
                     .kind = kind,
                     .flags = X509_get_extension_flags(certificate),
                     .usage = X509_get_key_usage(certificate),
                     .extended = X509_get_extended_key_usage(certificate),
                     .from_s = seconds(X509_get0_notBefore(certificate)),
                     .until_s = seconds(X509_get0_notAfter(certificate))};
    for (size_t i = 0; i < RULE_COUNT; i++)
        if ((rules[i].kinds & 1u << kind) != 0 && !judges[i](&v))
            return &rules[i];
    return NULL;
}
