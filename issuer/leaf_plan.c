/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509v3.h>

#include "issuer/leaf_profile.h"
#include "issuer/cert_der.h"
#include "lib/key_alg.h"
#include "lib/timetext.h"

#define COMMON_NAME_BYTES_MAX 64 /* RFC 5280 A.1 ub-common-name */
#define FIRST_OCTET_MAX       0x7f

static enum err time_read(const ASN1_TIME *time, uint64_t *ret_s)
{
    return asn1_time_read(span_of(ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time)),
                          ret_s);
}

enum err leaf_ca_read(X509 *certificate, struct leaf_ca *ret, struct problem *why)
{
    struct leaf_ca ca = {.certificate = certificate};
    const unsigned char *der = NULL;
    size_t size = 0;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (X509_check_ca(certificate) != 1 ||
        (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0)
        return leaf_refuse(why, LEAF_WHY_CA_MAY_NOT, "the certificate is not that of a CA");
    if ((X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER) == 0)
        return leaf_refuse(why, LEAF_WHY_CA_MAY_NOT, "a CA without serverAuth (BR 7.1.2.10.6)");
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
    if (id == NULL || ASN1_STRING_length(id) == 0)
        return leaf_refuse(why, LEAF_WHY_CA_MAY_NOT, "a CA without subjectKeyIdentifier");
    ca.key_id = span_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
    if (key == NULL || key_alg_of(key, &ca.alg) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CA_MAY_NOT, "a CA with a key that nothing is signed with");
    if (time_read(X509_get0_notBefore(certificate), &ca.not_before_s) != ERR_OK ||
        time_read(X509_get0_notAfter(certificate), &ca.not_after_s) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_CA_MAY_NOT, "a CA with times that cannot be read");
    if (X509_NAME_get0_der(X509_get_subject_name(certificate), &der, &size) != 1)
        return leaf_refuse(why, LEAF_WHY_FAILED, NULL);
    ca.subject = span_of(der, size);
    *ret = ca;
    return ERR_OK;
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

enum err leaf_ca_check(const struct leaf_ca *ca, const struct leaf_profile *profile,
                       struct problem *why)
{
    const char *lint = NULL, *what = "";
    if (ca->alg == SIG_ED25519 && !leaf_profile_allows(profile, "signature_algorithm")) {
        lint = "signature_algorithm";
        what = "the CA signs with Ed25519, which is not of BR 7.1.3.2";
    } else if (!is_set(ca->ca_issuers_url)) {
        lint = profile->ocsp_url ? "access_issuer" : "access_present";
        what = "the CA has no ca_issuers_url, which BR 7.1.2.7.7 recommends";
        if (leaf_profile_allows(profile, lint))
            lint = NULL;
    }
    return lint == NULL
               ? ERR_OK
               : leaf_refuse(why, LEAF_WHY_PROFILE,
                             "%s: the profile has to allow the lint %s, with a reason", what, lint);
}

static enum err request_check(const struct leaf_order *o, struct problem *why)
{
    TRY(csr_key_check(o->csr, o->profile->key_algs, NULL, why));
    if (EVP_PKEY_eq(o->csr->key, X509_get0_pubkey(o->ca->certificate)) == 1)
        return leaf_refuse(why, LEAF_WHY_KEY_OF_CA, NULL);
    if (o->csr->must_staple && !o->profile->must_staple)
        return leaf_refuse(why, LEAF_WHY_CSR_MUST_STAPLE, NULL);
    return ERR_OK;
}

static enum err times_settle(const struct leaf_order *o, struct leaf *leaf, struct problem *why)
{
    const char *section = "";
    /* The day of issuance is that of the signature, which is still to come. */
    uint64_t most_s =
        leaf_validity_max_s(o->profile->short_lived, o->now_s + LEAF_ISSUED_WITHIN_S, &section);
    uint64_t wanted_s = o->profile->validity_s < most_s ? o->profile->validity_s : most_s;
    if (wanted_s < LEAF_VALIDITY_S_MIN)
        return leaf_refuse(why, LEAF_WHY_VALIDITY, NULL);
    if (o->now_s < o->ca->not_before_s || o->now_s > o->ca->not_after_s)
        return leaf_refuse(why, LEAF_WHY_CA_TIME, NULL);
    uint64_t backdate_s = o->backdate_s < LEAF_BACKDATE_S ? o->backdate_s : LEAF_BACKDATE_S;
    leaf->not_before_s = o->now_s - (backdate_s < o->now_s ? backdate_s : o->now_s);
    if (leaf->not_before_s < o->ca->not_before_s)
        leaf->not_before_s = o->ca->not_before_s;
    if (wanted_s >= LEAF_DAY_S)
        wanted_s -= (uint64_t)(o->random % LEAF_JITTER_MINUTES) * 60;
    /* The last second belongs to the certificate (BR 6.3.2). */
    leaf->not_after_s = leaf->not_before_s + wanted_s - 1;
    if (leaf->not_after_s > o->ca->not_after_s)
        leaf->not_after_s = o->ca->not_after_s;
    return leaf->not_after_s + 1 < o->now_s + LEAF_REMAINING_S_MIN
               ? leaf_refuse(why, LEAF_WHY_CA_TIME, NULL)
               : ERR_OK;
}

static enum err urls_settle(const struct leaf_order *o, struct leaf *leaf, struct problem *why)
{
    const struct leaf_ca *ca = o->ca;
    leaf->shard = CRL_SHARD_NONE;
    if (is_set(ca->ca_issuers_url))
        leaf->ca_issuers_url = ca->ca_issuers_url;
    if (o->profile->ocsp_url) {
        if (!is_set(ca->ocsp_url))
            return leaf_refuse(why, LEAF_WHY_NO_STATUS, "the profile has OCSP, the CA has none");
        leaf->ocsp_url = ca->ocsp_url;
    }
    if (o->profile->crl_url) {
        if (!is_set(ca->crl_url_base) || o->shard == CRL_SHARD_NONE)
            return leaf_refuse(why, LEAF_WHY_NO_STATUS, "the profile has CRLs, the CA has none");
        if (crl_shard_url(ca->crl_url_base, o->shard, leaf->crl_url) != ERR_OK)
            return leaf_refuse(why, LEAF_WHY_URL, "the URL of the CRL is too long");
        leaf->shard = o->shard;
    }
    if (!leaf->short_lived && leaf->ocsp_url == NULL && leaf->crl_url[0] == '\0')
        return leaf_refuse(why, LEAF_WHY_NO_STATUS, NULL);
    const char *const urls[] = {leaf->ocsp_url, leaf->ca_issuers_url, leaf->crl_url};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        if (is_set(urls[i]) && !cert_url_valid(urls[i]))
            return leaf_refuse(why, LEAF_WHY_URL, NULL);
    return ERR_OK;
}

/* The request's common name, or the first name that fits. */
static const char *common_name(const struct leaf_order *o)
{
    if (o->csr->has_common_name && o->csr->common_name.size <= COMMON_NAME_BYTES_MAX)
        return o->csr->common_name.text;
    for (size_t i = 0; i < o->names->count; i++)
        if (o->names->at[i].size <= COMMON_NAME_BYTES_MAX)
            return o->names->at[i].text;
    return "";
}

static enum err subject_settle(const struct leaf_order *o, struct leaf *leaf, struct problem *why)
{
    struct leaf_subject subject = {0};
    if (o->subject != NULL)
        subject = *o->subject;
    subject.parts[LEAF_SUBJECT_COMMON_NAME][0] = '\0';
    TRY(leaf_subject_check(&subject, o->profile->kind, why));
    if (o->profile->common_name) {
        const char *name = common_name(o);
        memcpy(subject.parts[LEAF_SUBJECT_COMMON_NAME], name, strlen(name) + 1);
    }
    return leaf_subject_encode(&subject, leaf->subject, sizeof leaf->subject,
                               &leaf->subject_size) == ERR_OK
               ? ERR_OK
               : leaf_refuse(why, LEAF_WHY_SIZE, NULL);
}

static bool serial_is_ours(const struct serial *serial)
{
    return serial->size == CERT_SERIAL_BYTES && serial->octets[0] >= 1 &&
           serial->octets[0] <= FIRST_OCTET_MAX;
}

static void policies_settle(const struct leaf_profile *p, struct leaf *leaf)
{
    leaf->policies[leaf->policy_count++] = leaf_kind_policy(p->kind);
    for (size_t i = 0; i < p->policy_count; i++)
        leaf->policies[leaf->policy_count++] = p->policies[i];
}

enum err leaf_plan(const struct leaf_order *order, struct leaf *ret, struct problem *why)
{
    const struct leaf_profile *p = order->profile;
    struct leaf leaf = {.kind = p->kind,
                        .short_lived = p->short_lived,
                        .serial = order->serial,
                        .alg = order->ca->alg,
                        .issuer = order->ca->subject,
                        .issuer_key_id = order->ca->key_id,
                        .spki = order->csr->spki,
                        .key_alg = order->csr->key_alg,
                        .must_staple = order->csr->must_staple,
                        .subject_key_id = p->subject_key_id,
                        .basic_constraints = p->basic_constraints,
                        .key_encipherment = p->key_encipherment && order->csr->key_alg == KEY_RSA,
                        .client_auth = p->client_auth};
    TRY(leaf_profile_check(p, why));
    if (!serial_is_ours(&order->serial))
        return leaf_refuse(why, LEAF_WHY_SERIAL, NULL);
    TRY(request_check(order, why));
    TRY(leaf_profile_names_check(p, order->names, order->suffixes, why));
    TRY(subject_settle(order, &leaf, why));
    TRY(times_settle(order, &leaf, why));
    TRY(urls_settle(order, &leaf, why));
    policies_settle(p, &leaf);
    leaf.names = *order->names;
    *ret = leaf;
    return ERR_OK;
}
