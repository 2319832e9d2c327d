/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/leaf_tbs.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#define USAGE_DIGITAL_SIGNATURE 0x80
#define USAGE_KEY_ENCIPHERMENT  0x20

#define OID(name, ...) static const uint8_t name[] = {__VA_ARGS__}
OID(oid_ski, 0x06, 3, 0x55, 0x1d, 14);
OID(oid_key_usage, 0x06, 3, 0x55, 0x1d, 15);
OID(oid_names, 0x06, 3, 0x55, 0x1d, 17);
OID(oid_basic, 0x06, 3, 0x55, 0x1d, 19);
OID(oid_crldp, 0x06, 3, 0x55, 0x1d, 31);
OID(oid_policies, 0x06, 3, 0x55, 0x1d, 32);
OID(oid_aki, 0x06, 3, 0x55, 0x1d, 35);
OID(oid_extended_usage, 0x06, 3, 0x55, 0x1d, 37);
OID(oid_aia, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 1);
OID(oid_tls_feature, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 24);
OID(oid_server_auth, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1);
OID(oid_client_auth, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2);
OID(oid_ocsp, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1);
OID(oid_ca_issuers, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2);
#define PUT(w, octets) der_put(w, octets, sizeof octets)
#define EXTENSION(w, mark, critical, oid) \
    cert_put_extension(w, mark, critical, span_of(oid, sizeof oid))

static void put_key_usage(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    uint8_t bits = USAGE_DIGITAL_SIGNATURE;
    if (leaf->key_encipherment)
        bits |= USAGE_KEY_ENCIPHERMENT;
    cert_put_named_bits(w, bits);
    EXTENSION(w, mark, true, oid_key_usage);
}

static void put_extended_usage(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    if (leaf->client_auth)
        PUT(w, oid_client_auth);
    PUT(w, oid_server_auth);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_extended_usage);
}

static void put_basic_constraints(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    if (!leaf->basic_constraints)
        return;
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, true, oid_basic);
}

static void put_key_ids(struct der_writer *w, const struct leaf *leaf, struct span own)
{
    size_t mark = w->used;
    der_put_element(w, DER_CONTEXT | 0, leaf->issuer_key_id);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_aki);
    if (!leaf->subject_key_id)
        return;
    mark = w->used;
    der_put_element(w, DER_OCTET_STRING, own);
    EXTENSION(w, mark, false, oid_ski);
}

static void put_access(struct der_writer *w, const char *url, struct span oid)
{
    size_t mark = w->used;
    if (url == NULL)
        return;
    der_put_element(w, DER_CONTEXT | 6, span_text(url));
    der_put(w, oid.data, oid.size);
    der_put_header(w, DER_SEQUENCE, mark);
}

static void put_authority_access(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    put_access(w, leaf->ca_issuers_url, span_of(oid_ca_issuers, sizeof oid_ca_issuers));
    put_access(w, leaf->ocsp_url, span_of(oid_ocsp, sizeof oid_ocsp));
    if (w->used == mark)
        return;
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_aia);
}

static void put_names(struct der_writer *w, const struct leaf *leaf)
{
    static const uint8_t no_subject[] = {DER_SEQUENCE, 0};
    size_t mark = w->used;
    bool critical = span_equal(span_of(leaf->subject, leaf->subject_size),
                               span_of(no_subject, sizeof no_subject));
    for (size_t i = leaf->names.count; i-- > 0;) {
        const struct leaf_name *name = &leaf->names.at[i];
        if (name->type == LEAF_NAME_DNS)
            der_put_element(w, DER_CONTEXT | 2, span_of(name->text, name->size));
        else
            der_put_element(w, DER_CONTEXT | 7, span_of(name->address, name->address_size));
    }
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, critical, oid_names);
}

static void put_policies(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    for (size_t i = leaf->policy_count; i-- > 0;) {
        size_t each = w->used;
        der_put(w, leaf->policies[i].der, leaf->policies[i].size);
        der_put_header(w, DER_SEQUENCE, each);
    }
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_policies);
}

static void put_crl_point(struct der_writer *w, const struct leaf *leaf)
{
    size_t mark = w->used;
    if (leaf->crl_url[0] == '\0')
        return;
    der_put_element(w, DER_CONTEXT | 6, span_text(leaf->crl_url)); /* uniformResourceIdentifier */
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 0, mark);          /* fullName */
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 0, mark);          /* distributionPoint */
    der_put_header(w, DER_SEQUENCE, mark);
    der_put_header(w, DER_SEQUENCE, mark);
    EXTENSION(w, mark, false, oid_crldp);
}

/* RFC 7633: must-staple. */
static void put_tls_feature(struct der_writer *w, const struct leaf *leaf)
{
    static const uint8_t status_request[] = {DER_SEQUENCE, 3, DER_INTEGER, 1, 5};
    size_t mark = w->used;
    if (!leaf->must_staple)
        return;
    PUT(w, status_request);
    EXTENSION(w, mark, false, oid_tls_feature);
}

/* The last one first. What RFC 6962 adds, poison or the SCT list, belongs behind the others: a
 * certificate is its precertificate with another last extension. */
static void put_extensions(struct der_writer *w, const struct leaf *leaf, struct span key_id)
{
    size_t mark = w->used;
    put_tls_feature(w, leaf);
    put_crl_point(w, leaf);
    put_policies(w, leaf);
    put_names(w, leaf);
    put_authority_access(w, leaf);
    put_key_ids(w, leaf, key_id);
    put_basic_constraints(w, leaf);
    put_extended_usage(w, leaf);
    put_key_usage(w, leaf);
    der_put_header(w, DER_SEQUENCE, mark);
    der_put_header(w, DER_CONTEXT_CONSTRUCTED | 3, mark);
}

enum err leaf_tbs_encode(const struct leaf *leaf, uint8_t *out, size_t out_size, size_t *ret_size)
{
    static const uint8_t version[] = {DER_CONTEXT_CONSTRUCTED | 0, 3, DER_INTEGER, 1, 2};
    uint8_t key_id[SHA1_BYTES];
    TRY(cert_key_id(leaf->spki, key_id));
    struct der_writer w = der_writer_into(out, out_size);
    put_extensions(&w, leaf, span_of(key_id, sizeof key_id));
    der_put(&w, leaf->spki.data, leaf->spki.size);
    der_put(&w, leaf->subject, leaf->subject_size);
    size_t mark = w.used;
    cert_put_time(&w, leaf->not_after_s);
    cert_put_time(&w, leaf->not_before_s);
    der_put_header(&w, DER_SEQUENCE, mark);
    der_put(&w, leaf->issuer.data, leaf->issuer.size);
    struct span alg = sig_alg_info((uint8_t)leaf->alg)->identifier;
    der_put(&w, alg.data, alg.size);
    der_put_element(&w, DER_INTEGER, span_of(leaf->serial.octets, leaf->serial.size));
    PUT(&w, version);
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

enum err leaf_draft(const struct leaf *leaf, struct span tbs, uint8_t *out, size_t out_size,
                    size_t *ret_size)
{
    /* Not zeros: an ECDSA signature of those has no form. */
    uint8_t signature[SIGNATURE_BYTES_MAX];
    memset(signature, 1, sizeof signature);
    struct span made_up = span_of(signature, sig_alg_info((uint8_t)leaf->alg)->size);
    return cert_signed_encode(tbs, leaf->alg, made_up, out, out_size, ret_size);
}

static bool has_tbs(struct span der, struct span tbs)
{
    struct der_reader r;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    const uint8_t *from = r.at;
    (void)der_take(&r, DER_SEQUENCE);
    return r.err == ERR_OK && span_equal(span_of(from, (size_t)(r.at - from)), tbs);
}

enum err leaf_signed_check(struct span der, struct span tbs, const struct leaf_ca *ca,
                           struct problem *why)
{
    if (!has_tbs(der, tbs))
        return leaf_refuse(why, LEAF_WHY_TBS_DIFFERS, NULL);
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    bool verifies = certificate != NULL && at == der.data + der.size &&
                    X509_verify(certificate, X509_get0_pubkey(ca->certificate)) == 1;
    X509_free(certificate);
    ERR_clear_error();
    return verifies ? ERR_OK : leaf_refuse(why, LEAF_WHY_SIGNATURE, NULL);
}
