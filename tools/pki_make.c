/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/pki_make.h"

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#define CA_DAYS       3650
#define BACKDATE_S    300
#define SERIAL_OCTETS 16
#define DAY_S         86400

struct extension {
    int nid;
    const char *value;
};

static const struct extension ca_extensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE"},
    {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
    {0, NULL},
};

static const struct extension responder_extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "OCSPSigning"},
    {NID_id_pkix_OCSP_noCheck, "ignored"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
    {0, NULL},
};

/* 16 random octets, the first of which is 1 to 127: positive and of full length. */
static bool set_serial(X509 *certificate)
{
    uint8_t octets[SERIAL_OCTETS];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return false;
    octets[0] = (uint8_t)((octets[0] & 0x7f) | 1);
    BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
    bool done =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_times(X509 *certificate, uint64_t not_before_s, uint64_t not_after_s)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before_s) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after_s) != NULL;
}

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

/* Whose it is, as the CA's own name says (BR 7.1.2.10.2). */
static bool copy_owner(X509_NAME *to, const X509_NAME *from)
{
    static const int nids[] = {NID_countryName, NID_organizationName};
    for (size_t i = 0; i < sizeof nids / sizeof nids[0]; i++) {
        int at = X509_NAME_get_index_by_NID(from, nids[i], -1);
        if (at >= 0 && X509_NAME_add_entry(to, X509_NAME_get_entry(from, at), -1, 0) != 1)
            return false;
    }
    return true;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct extension *rows)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    for (; rows->value != NULL; rows++) {
        /* A CA of old may have no key identifier to point at. */
        if (rows->nid == NID_authority_key_identifier && X509_get0_subject_key_id(issuer) == NULL)
            continue;
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, rows->nid, rows->value);
        bool added = e != NULL && X509_add_ext(certificate, e, -1) == 1;
        X509_EXTENSION_free(e);
        if (!added)
            return false;
    }
    return true;
}

static bool sign(X509 *certificate, EVP_PKEY *key)
{
    const EVP_MD *digest = EVP_sha256();
    if (EVP_PKEY_is_a(key, "ED25519"))
        digest = NULL;
    else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256)
        digest = EVP_sha384();
    return X509_sign(certificate, key, digest) > 0;
}

/* Version 3 with serial and key; the rest is the caller's. */
static X509 *certificate_new(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && X509_set_pubkey(certificate, key) == 1)
        return certificate;
    X509_free(certificate);
    return NULL;
}

enum err pki_ca_make(EVP_PKEY *key, const char *common_name, uint64_t now_s, X509 **ret)
{
    X509 *ca = certificate_new(key);
    uint64_t end_s = now_s + (uint64_t)CA_DAYS * DAY_S;
    if (ca == NULL || !set_name(X509_get_subject_name(ca), common_name) ||
        X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
        !set_times(ca, now_s - BACKDATE_S, end_s) || !add_extensions(ca, ca, ca_extensions) ||
        !sign(ca, key)) {
        X509_free(ca);
        return ERR_CRYPTO;
    }
    *ret = ca;
    return ERR_OK;
}

/* The end of a validity of `days`, but not past the CA's. */
static enum err responder_end(const X509 *ca, unsigned days, uint64_t now_s, uint64_t *ret)
{
    int ca_days, ca_seconds;
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
    bool known =
        now != NULL && ASN1_TIME_diff(&ca_days, &ca_seconds, now, X509_get0_notAfter(ca)) == 1;
    ASN1_TIME_free(now);
    if (!known)
        return ERR_CRYPTO;
    int64_t rest_s = (int64_t)ca_days * DAY_S + ca_seconds;
    if (rest_s <= 0)
        return ERR_EXPIRED;
    uint64_t wanted_s = (uint64_t)days * DAY_S;
    *ret = now_s + (wanted_s < (uint64_t)rest_s ? wanted_s : (uint64_t)rest_s);
    return ERR_OK;
}

enum err pki_responder_make(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, unsigned days,
                            uint64_t now_s, X509 **ret)
{
    uint64_t end_s;
    TRY(responder_end(ca, days, now_s, &end_s));
    X509 *r = certificate_new(key);
    if (r == NULL || !copy_owner(X509_get_subject_name(r), X509_get_subject_name(ca)) ||
        !set_name(X509_get_subject_name(r), "OCSP Responder") ||
        X509_set_issuer_name(r, X509_get_subject_name(ca)) != 1 ||
        !set_times(r, now_s - BACKDATE_S, end_s) || !add_extensions(r, ca, responder_extensions) ||
        !sign(r, ca_key)) {
        X509_free(r);
        return ERR_CRYPTO;
    }
    *ret = r;
    return ERR_OK;
}
