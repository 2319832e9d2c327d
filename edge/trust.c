/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "lib/digest.h"
#include "lib/os/file.h"
#include "lib/responder_cert.h"

struct trust_ca {
    X509 *cert;
    struct ocsp_template names; /* as the CA itself would sign */
};

struct trust {
    struct trust_ca *cas;
    size_t count;
    uint64_t *ids;
    struct issuer_set issuers;
};

static enum err add_ca(struct trust *trust, X509 *cert)
{
    struct trust_ca *cas = realloc(trust->cas, (trust->count + 1) * sizeof *cas);
    if (cas == NULL)
        return ERR_MEMORY;
    trust->cas = cas;
    unsigned char *der = NULL;
    int size = i2d_X509(cert, &der);
    if (size <= 0)
        return ERR_MALFORMED;
    struct trust_ca *ca = &cas[trust->count];
    *ca = (struct trust_ca){0};
    enum err err = template_from_certificates(span_of(der, (size_t)size), SPAN_EMPTY, &ca->names);
    OPENSSL_free(der);
    TRY(err);
    X509_up_ref(cert);
    ca->cert = cert;
    trust->count++;
    return ERR_OK;
}

static enum err add_certificates(struct trust *trust, BIO *pem)
{
    size_t before = trust->count;
    X509 *cert;
    while ((cert = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        enum err err = add_ca(trust, cert);
        X509_free(cert);
        TRY(err);
    }
    /* "No start line" is how the end of the file shows. */
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return at_end && trust->count > before ? ERR_OK : ERR_MALFORMED;
}

static enum err add_file(struct trust *trust, const char *path)
{
    struct buffer content = {0};
    enum err err = file_read(path, TRUST_FILE_BYTES_MAX, &content);
    if (err == ERR_OK) {
        BIO *pem = BIO_new_mem_buf(content.data, (int)content.size);
        err = pem == NULL ? ERR_MEMORY : add_certificates(trust, pem);
        BIO_free(pem);
    }
    buffer_done(&content);
    return err;
}

static enum err list_issuers(struct trust *trust)
{
    if (trust->count > UINT32_MAX)
        return ERR_LIMIT;
    trust->issuers.all = trust->count == 0;
    trust->ids = calloc(trust->count + 1, sizeof *trust->ids);
    if (trust->ids == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < trust->count; i++)
        trust->ids[i] = trust->cas[i].names.issuer_id;
    trust->issuers.ids = trust->ids;
    trust->issuers.count = issuer_set_sort(trust->ids, (uint32_t)trust->count);
    return ERR_OK;
}

enum err trust_load(char *const *files, unsigned count, struct trust **ret, unsigned *ret_bad)
{
    struct trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL)
        return ERR_MEMORY;
    for (unsigned i = 0; i < count; i++) {
        enum err err = add_file(trust, files[i]);
        if (err != ERR_OK) {
            trust_free(trust);
            if (ret_bad != NULL)
                *ret_bad = i;
            return err;
        }
    }
    enum err err = list_issuers(trust);
    if (err != ERR_OK) {
        trust_free(trust);
        return err;
    }
    *ret = trust;
    return ERR_OK;
}

struct trust *trust_free(struct trust *trust)
{
    if (trust == NULL)
        return NULL;
    for (size_t i = 0; i < trust->count; i++)
        X509_free(trust->cas[i].cert);
    free(trust->cas);
    free(trust->ids);
    free(trust);
    return NULL;
}

const struct issuer_set *trust_issuers(const struct trust *trust)
{
    return &trust->issuers;
}

/* The content of the key's BIT STRING, which the key hashes are over. */
static enum err key_bits(X509_PUBKEY *spki, struct span *ret)
{
    const unsigned char *bits;
    int size;
    if (X509_PUBKEY_get0_param(NULL, &bits, &size, NULL, spki) != 1 || size <= 0)
        return ERR_MALFORMED;
    *ret = span_of(bits, (size_t)size);
    return ERR_OK;
}

static bool has_sha1(struct span data, const uint8_t want[static SHA1_BYTES])
{
    uint8_t have[SHA1_BYTES];
    sha1_of(data, have);
    return memcmp(have, want, sizeof have) == 0;
}

static bool has_sha256(struct span data, const uint8_t want[static SHA256_BYTES])
{
    struct sha256 have = sha256_of(data);
    return memcmp(have.octets, want, sizeof have.octets) == 0;
}

/* The responder's certificate: the key is the signer's, the issuer is the one of the CertIDs. */
static enum err check_responder(const struct ocsp_template *t, X509 *cert)
{
    const unsigned char *name;
    size_t name_size;
    if (X509_NAME_get0_der(X509_get_issuer_name(cert), &name, &name_size) != 1 ||
        !has_sha1(span_of(name, name_size), t->name_sha1) ||
        !has_sha256(span_of(name, name_size), t->name_sha256))
        return ERR_MALFORMED;
    unsigned char *spki = NULL;
    int spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
    bool same = spki_size > 0 && span_equal(span_of(spki, (size_t)spki_size),
                                            span_of(t->signer_spki, t->signer_spki_size));
    OPENSSL_free(spki);
    return same ? ERR_OK : ERR_MALFORMED;
}

static enum err check_signer_key(const struct ocsp_template *t, X509_PUBKEY *spki)
{
    struct span bits;
    TRY(key_bits(spki, &bits));
    if (!has_sha1(bits, t->responder_key_sha1))
        return ERR_MALFORMED;
    bool by_ca = t->responder_cert_size == 0;
    if (by_ca && (!has_sha1(bits, t->key_sha1) || !has_sha256(bits, t->key_sha256)))
        return ERR_MALFORMED;
    return ERR_OK;
}

static enum err check_consistent(const struct ocsp_template *t, X509 *responder)
{
    const unsigned char *at = t->signer_spki;
    X509_PUBKEY *spki = d2i_X509_PUBKEY(NULL, &at, t->signer_spki_size);
    if (spki == NULL)
        return ERR_MALFORMED;
    enum err err = check_signer_key(t, spki);
    X509_PUBKEY_free(spki);
    TRY(err);
    struct template_verifier *verifier; /* made only when key and algorithm fit */
    TRY(template_verifier_new(t, &verifier));
    template_verifier_free(verifier);
    return responder == NULL ? ERR_OK : check_responder(t, responder);
}

static const struct trust_ca *find_ca(const struct trust *trust, const struct ocsp_template *t)
{
    for (size_t i = 0; i < trust->count; i++) {
        const struct ocsp_template *names = &trust->cas[i].names;
        if (names->issuer_id == t->issuer_id &&
            memcmp(names->name_sha1, t->name_sha1, sizeof t->name_sha1) == 0 &&
            memcmp(names->key_sha1, t->key_sha1, sizeof t->key_sha1) == 0 &&
            memcmp(names->name_sha256, t->name_sha256, sizeof t->name_sha256) == 0 &&
            memcmp(names->key_sha256, t->key_sha256, sizeof t->key_sha256) == 0)
            return &trust->cas[i];
    }
    return NULL;
}

static enum err check_ca(const struct trust *trust, const struct ocsp_template *t, X509 *responder)
{
    const struct trust_ca *ca = find_ca(trust, t);
    if (ca == NULL)
        return ERR_KEY;
    if (responder == NULL)
        return span_equal(span_of(t->signer_spki, t->signer_spki_size),
                          span_of(ca->names.signer_spki, ca->names.signer_spki_size))
                   ? ERR_OK
                   : ERR_KEY;
    return responder_cert_check(responder, ca->cert);
}

enum err trust_check(const struct trust *trust, const struct ocsp_template *t)
{
    X509 *responder = NULL;
    if (t->responder_cert_size > 0) {
        const unsigned char *at = t->responder_cert;
        responder = d2i_X509(NULL, &at, t->responder_cert_size);
        if (responder == NULL || at != t->responder_cert + t->responder_cert_size) {
            X509_free(responder);
            ERR_clear_error();
            return ERR_MALFORMED;
        }
    }
    enum err err = check_consistent(t, responder);
    if (err == ERR_OK && trust->count > 0)
        err = check_ca(trust, t, responder);
    X509_free(responder);
    ERR_clear_error();
    return err;
}
