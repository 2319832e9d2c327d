/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_request.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "issuer/ca_key_policy.h"
#include "issuer/key_policy.h"
#include "issuer/pem_one.h"

static enum err read_file(const char *path, struct buffer *file, struct ca_refusal *why)
{
    enum err err = file_read(path, CA_INPUT_BYTES_MAX, file);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "%s: %s", path, err_text(err));
}

enum err ca_certificate_read(const char *path, struct buffer *file, X509 **ret,
                             struct ca_refusal *why)
{
    uint8_t *der = NULL;
    size_t size = 0;
    enum pem_flaw flaw;
    TRY(read_file(path, file, why));
    if (pem_one_read(span_of(file->data, file->size), PEM_STRING_X509, PEM_STRING_X509_OLD, &der,
                     &size, &flaw) != ERR_OK)
        der = NULL;
    const unsigned char *at = der;
    X509 *certificate = der == NULL ? NULL : d2i_X509(NULL, &at, (long)size);
    bool whole = certificate != NULL && at == der + size;
    OPENSSL_free(der);
    if (!whole) {
        X509_free(certificate);
        ERR_clear_error();
        return ca_refuse(why, ERR_MALFORMED, "%s: not one certificate in PEM or DER", path);
    }
    *ret = certificate;
    return ERR_OK;
}

enum err ca_certificate_pem(X509 *certificate, struct buffer *pem)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    enum err err = out != NULL && PEM_write_bio_X509(out, certificate) == 1 ? ERR_OK : ERR_MEMORY;
    long size = out == NULL ? 0 : BIO_get_mem_data(out, &text);
    if (err == ERR_OK)
        err = buffer_append(pem, span_of(text, (size_t)size));
    BIO_free(out);
    return err;
}

static void asked_fill(X509_REQ *request, char out[static CA_ASKED_BYTES])
{
    STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(request);
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < sk_X509_EXTENSION_num(asked) && used < CA_ASKED_BYTES; i++) {
        char name[80];
        OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(sk_X509_EXTENSION_value(asked, i)),
                    0);
        used +=
            (size_t)snprintf(out + used, CA_ASKED_BYTES - used, "%s%s", i == 0 ? "" : ", ", name);
    }
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
}

static bool digest_good(const X509_REQ *request)
{
    switch (X509_REQ_get_signature_nid(request)) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
        return true;
    default:
        return false;
    }
}

/* By its curve's name, not by the curve's parameters, which OpenSSL writes again as it read them.
 */
static bool form_good(const struct ca_request *r)
{
    enum key_alg alg;
    enum key_flaw flaw;
    return key_alg_kind(r->key, &alg, &flaw) == ERR_OK &&
           key_form_check(alg, span_of(r->spki, r->spki_size), &flaw) == ERR_OK;
}

static enum err check(const char *path, enum ca_kind kind, struct ca_request *r,
                      struct ca_refusal *why)
{
    char key_why[CA_KEY_WHY_BYTES] = "of an unknown kind";
    const unsigned char *der = NULL;
    size_t size = 0;
    if (X509_REQ_get_version(r->request) != X509_REQ_VERSION_1)
        return ca_refuse(why, ERR_UNSUPPORTED, "%s: not version 1 (RFC 2986 4.1)", path);
    r->key = X509_REQ_get0_pubkey(r->request);
    if (r->key == NULL)
        return ca_refuse(why, ERR_KEY, "%s: a public key that is none", path);
    if (ca_key_check(r->key, kind, key_why) != ERR_OK)
        return ca_refuse(why, ERR_KEY, "%s: key: %s", path, key_why);
    if (!digest_good(r->request))
        return ca_refuse(why, ERR_UNSUPPORTED, "%s: not signed with SHA-256 or better", path);
    if (X509_REQ_verify(r->request, r->key) != 1)
        return ca_refuse(why, ERR_SIGNATURE, "%s: no proof of possession: its signature is wrong",
                         path);
    int spki_size = i2d_PUBKEY(r->key, &r->spki);
    if (spki_size <= 0 ||
        X509_NAME_get0_der(X509_REQ_get_subject_name(r->request), &der, &size) != 1)
        return ca_refuse(why, ERR_CRYPTO, "%s: cannot be encoded again", path);
    r->spki_size = (size_t)spki_size;
    if (!form_good(r))
        return ca_refuse(why, ERR_KEY, "%s: key: %s", path, key_flaw_text(KEY_FLAW_FORM));
    r->subject = span_of(der, size);
    asked_fill(r->request, r->asked);
    return ERR_OK;
}

enum err ca_request_read(const char *path, enum ca_kind kind, struct buffer *file,
                         struct ca_request *ret, struct ca_refusal *why)
{
    uint8_t *der = NULL;
    size_t size = 0;
    enum pem_flaw flaw;
    struct ca_request r = {0};
    TRY(read_file(path, file, why));
    if (pem_one_read(span_of(file->data, file->size), PEM_STRING_X509_REQ, PEM_STRING_X509_REQ_OLD,
                     &der, &size, &flaw) != ERR_OK)
        der = NULL;
    const unsigned char *at = der;
    r.request = der == NULL ? NULL : d2i_X509_REQ(NULL, &at, (long)size);
    enum err err = r.request != NULL && at == der + size ? ERR_OK : ERR_MALFORMED;
    OPENSSL_free(der);
    r.hash = sha256_of(span_of(file->data, file->size));
    err = err == ERR_OK
              ? check(path, kind, &r, why)
              : ca_refuse(why, err, "%s: not one certification request in PEM or DER", path);
    ERR_clear_error();
    if (err != ERR_OK) {
        ca_request_done(&r);
        return err;
    }
    *ret = r;
    return ERR_OK;
}

void ca_request_done(struct ca_request *request)
{
    X509_REQ_free(request->request);
    OPENSSL_free(request->spki);
    *request = (struct ca_request){0};
}
