/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include <limits.h>
#include "lib/digest.h"
#include "lib/key_alg.h"
#include "lib/template.h"
#include "lib/wire.h"

static enum err parse_certificate(struct span der, X509 **ret)
{
    const unsigned char *at = der.data;
    if (der.size == 0 || der.size > LONG_MAX)
        return ERR_MALFORMED;
    X509 *cert = d2i_X509(NULL, &at, (long)der.size);
    if (cert == NULL || at != der.data + der.size) {
        X509_free(cert);
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    *ret = cert;
    return ERR_OK;
}

/* The content of the subjectPublicKey BIT STRING without its unused-bits octet: what RFC 6960
 * 4.1.1 hashes. */
static struct span key_bits(const X509 *cert)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert);
    return span_of(bits->data, (size_t)bits->length);
}

static enum err issuer_id_of(struct span name, struct span key, uint64_t *ret)
{
    uint8_t joined[ISSUER_NAME_BYTES_MAX + SPKI_BYTES_MAX];
    if (name.size > ISSUER_NAME_BYTES_MAX || key.size > SPKI_BYTES_MAX)
        return ERR_LIMIT;
    memcpy(joined, name.data, name.size);
    memcpy(joined + name.size, key.data, key.size);
    struct sha256 hash = sha256_of(span_of(joined, name.size + key.size));
    *ret = be64_load(hash.octets);
    return ERR_OK;
}

static enum err fill_issuer(const X509 *ca, struct ocsp_template *t)
{
    const unsigned char *name_der;
    size_t name_size;
    if (X509_NAME_get0_der(X509_get_subject_name(ca), &name_der, &name_size) != 1)
        return ERR_MALFORMED;
    struct span name = span_of(name_der, name_size), key = key_bits(ca);
    TRY(issuer_id_of(name, key, &t->issuer_id));
    sha1_of(name, t->name_sha1);
    sha1_of(key, t->key_sha1);
    struct sha256 name_hash = sha256_of(name), key_hash = sha256_of(key);
    memcpy(t->name_sha256, name_hash.octets, SHA256_BYTES);
    memcpy(t->key_sha256, key_hash.octets, SHA256_BYTES);
    return ERR_OK;
}

static enum err fill_signer(const X509 *signer, struct ocsp_template *t)
{
    const EVP_PKEY *key = X509_get0_pubkey(signer);
    enum sig_alg alg;
    if (key == NULL || key_alg_of(key, &alg) != ERR_OK) {
        ERR_clear_error();
        return ERR_UNSUPPORTED;
    }
    X509_PUBKEY *spki = X509_get_X509_PUBKEY(signer);
    int size = i2d_X509_PUBKEY(spki, NULL);
    if (size <= 0)
        return ERR_MALFORMED;
    if (size > SPKI_BYTES_MAX)
        return ERR_LIMIT;
    unsigned char *at = t->signer_spki;
    t->signer_spki_size = (uint16_t)i2d_X509_PUBKEY(spki, &at);
    t->sig_alg = (uint8_t)alg;
    sha1_of(key_bits(signer), t->responder_key_sha1);
    return ERR_OK;
}

static enum err fill_from_responder(struct span responder_cert, struct ocsp_template *t)
{
    if (responder_cert.size > RESPONDER_CERT_BYTES_MAX)
        return ERR_LIMIT;
    X509 *responder = NULL;
    TRY(parse_certificate(responder_cert, &responder));
    enum err err = fill_signer(responder, t);
    X509_free(responder);
    memcpy(t->responder_cert, responder_cert.data, responder_cert.size);
    t->responder_cert_size = (uint16_t)responder_cert.size;
    return err;
}

enum err template_from_certificates(struct span ca_cert, struct span responder_cert,
                                    struct ocsp_template *ret)
{
    struct ocsp_template t = {.template_no = ret->template_no,
                              .certid_set = ret->certid_set,
                              .refresh_interval_s = ret->refresh_interval_s};
    X509 *ca = NULL;
    TRY(parse_certificate(ca_cert, &ca));
    enum err err = fill_issuer(ca, &t);
    if (err == ERR_OK && responder_cert.size == 0)
        err = fill_signer(ca, &t);
    X509_free(ca);
    TRY(err);
    if (responder_cert.size != 0)
        TRY(fill_from_responder(responder_cert, &t));
    *ret = t;
    return ERR_OK;
}
