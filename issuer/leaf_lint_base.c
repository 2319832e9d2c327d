/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about fields, times and the key. */
#include "issuer/cert_der.h"
#include "issuer/leaf_lint_view.h"

#define ENTROPY_BYTES_MIN 8
#define NEAR_S            (48 * 3600u)
#define YEAR_2050_S       2524608000u

static struct span serial_octets(const struct leaf_view *v)
{
    return leaf_view_octets(X509_get0_serialNumber(v->certificate));
}

static struct span name_der(const X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t size = 0;
    return X509_NAME_get0_der(name, &der, &size) == 1 ? span_of(der, size) : SPAN_EMPTY;
}

bool leaf_lint_version(const struct leaf_view *v)
{
    return X509_get_version(v->certificate) == X509_VERSION_3;
}

bool leaf_lint_serial_positive(const struct leaf_view *v)
{
    struct span serial = serial_octets(v);
    bool zero = serial.size == 0 || (serial.size == 1 && serial.data[0] == 0);
    return ASN1_STRING_type(X509_get0_serialNumber(v->certificate)) == V_ASN1_INTEGER && !zero;
}

bool leaf_lint_serial_length(const struct leaf_view *v)
{
    /* OpenSSL keeps no leading zero octet, which the DER of a number from 2^159 on has. */
    struct span serial = serial_octets(v);
    return serial.size < CERT_SERIAL_BYTES ||
           (serial.size == CERT_SERIAL_BYTES && serial.data[0] < 0x80);
}

bool leaf_lint_serial_entropy(const struct leaf_view *v)
{
    struct span serial = serial_octets(v);
    return serial.size > ENTROPY_BYTES_MIN || (serial.size == 1 && serial.data[0] == 0);
}

bool leaf_lint_algorithms_match(const struct leaf_view *v)
{
    const X509_ALGOR *outer = NULL;
    X509_get0_signature(NULL, &outer, v->certificate);
    return X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(v->certificate)) == 0;
}

bool leaf_lint_signature_algorithm(const struct leaf_view *v)
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

bool leaf_lint_issuer_bytes(const struct leaf_view *v)
{
    return span_equal(name_der(X509_get_issuer_name(v->certificate)),
                      name_der(X509_get_subject_name(v->issuer)));
}

static bool time_encoded(const ASN1_TIME *time, uint64_t time_s)
{
    return time_s != 0 && (ASN1_STRING_type(time) == V_ASN1_UTCTIME) == (time_s < YEAR_2050_S);
}

bool leaf_lint_times_encoded(const struct leaf_view *v)
{
    return time_encoded(X509_get0_notBefore(v->certificate), v->from_s) &&
           time_encoded(X509_get0_notAfter(v->certificate), v->until_s);
}

bool leaf_lint_times_in_order(const struct leaf_view *v)
{
    return v->from_s < v->until_s;
}

bool leaf_lint_validity_length(const struct leaf_view *v)
{
    const char *section;
    uint64_t issued_s = v->facts->issued_s > v->from_s ? v->facts->issued_s : v->from_s;
    uint64_t most_s = leaf_validity_max_s(v->facts->short_lived, issued_s, &section);
    return v->until_s < v->from_s || v->until_s - v->from_s + 1 <= most_s;
}

bool leaf_lint_not_before_near(const struct leaf_view *v)
{
    uint64_t issued_s = v->facts->issued_s;
    uint64_t off_s = v->from_s > issued_s ? v->from_s - issued_s : issued_s - v->from_s;
    return off_s <= NEAR_S;
}

bool leaf_lint_within_issuer(const struct leaf_view *v)
{
    return v->from_s >= v->facts->ca->not_before_s && v->until_s <= v->facts->ca->not_after_s;
}

bool leaf_lint_no_unique_ids(const struct leaf_view *v)
{
    const ASN1_BIT_STRING *issuer = NULL, *subject = NULL;
    X509_get0_uids(v->certificate, &issuer, &subject);
    return issuer == NULL && subject == NULL;
}

bool leaf_lint_key_algorithm(const struct leaf_view *v)
{
    return v->key != NULL && v->key_alg != KEY_ED25519;
}

bool leaf_lint_key_size(const struct leaf_view *v)
{
    return v->key_flaw != KEY_FLAW_RSA_SIZE;
}

bool leaf_lint_key_exponent(const struct leaf_view *v)
{
    return v->key_flaw != KEY_FLAW_RSA_EXPONENT;
}

bool leaf_lint_key_small_factor(const struct leaf_view *v)
{
    return v->key_flaw != KEY_FLAW_SMALL_FACTOR;
}

bool leaf_lint_key_weak(const struct leaf_view *v)
{
    return v->key_flaw != KEY_FLAW_ROCA && v->key_flaw != KEY_FLAW_FERMAT &&
           v->key_flaw != KEY_FLAW_POINT;
}

bool leaf_lint_key_form(const struct leaf_view *v)
{
    enum key_flaw flaw;
    return v->key == NULL || key_form_check(v->key_alg, v->spki, &flaw) == ERR_OK;
}

bool leaf_lint_key_not_issuers(const struct leaf_view *v)
{
    return v->key == NULL || EVP_PKEY_eq(v->key, X509_get0_pubkey(v->issuer)) != 1;
}
