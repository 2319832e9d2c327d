/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/pki.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdlib.h>

#include "lib/template.h"

#define PEM_FILE_BYTES_MAX (1u << 20)
#define PASSPHRASE_MAX     1024

enum err pki_certificate_read(const char *path, X509 **ret)
{
    struct buffer b = {0};
    TRY(file_read(path, PEM_FILE_BYTES_MAX, &b));
    BIO *bio = BIO_new_mem_buf(b.data, (int)b.size);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    buffer_done(&b);
    if (certificate == NULL) {
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    *ret = certificate;
    return ERR_OK;
}

enum err pki_template(X509 *ca, X509 *responder, struct ocsp_template *ret)
{
    struct ocsp_template t = {.template_no = 1, .certid_set = CERTID_BOTH, .refresh_interval_s = 1};
    unsigned char *ca_der = NULL, *responder_der = NULL;
    int ca_size = i2d_X509(ca, &ca_der);
    int responder_size = responder ? i2d_X509(responder, &responder_der) : 0;
    enum err err = ERR_MALFORMED;
    if (ca_size > 0 && responder_size >= 0)
        err = template_from_certificates(span_of(ca_der, (size_t)ca_size),
                                         span_of(responder_der, (size_t)responder_size), &t);
    OPENSSL_free(ca_der);
    OPENSSL_free(responder_der);
    if (err == ERR_OK)
        *ret = t;
    return err;
}

enum err pki_issuer_id(const char *ca_path, uint64_t *ret)
{
    X509 *ca;
    struct ocsp_template t;
    TRY(pki_certificate_read(ca_path, &ca));
    enum err err = pki_template(ca, NULL, &t);
    X509_free(ca);
    if (err == ERR_OK)
        *ret = t.issuer_id;
    return err;
}

/* The first line of the file, or the variable; "" without either. */
static enum err passphrase_get(const struct signer_options *options,
                               char ret[static PASSPHRASE_MAX])
{
    struct buffer b = {0};
    const char *value = "";
    size_t size = 0;
    if (options->passphrase_file != NULL) {
        TRY(file_read(options->passphrase_file, PASSPHRASE_MAX - 1, &b));
        value = (const char *)b.data;
        while (size < b.size && value[size] != '\n' && value[size] != '\r')
            size++;
    } else if (options->passphrase_environment != NULL) {
        value = getenv(options->passphrase_environment);
        size = value ? strlen(value) : 0;
    }
    bool fits = size < PASSPHRASE_MAX;
    if (fits) {
        memcpy(ret, size > 0 ? value : "", size);
        ret[size] = '\0';
    }
    if (b.data != NULL)
        OPENSSL_cleanse(b.data, b.size);
    buffer_done(&b);
    return fits ? ERR_OK : ERR_LIMIT;
}

enum err pki_key_read(const struct signer_options *options, EVP_PKEY **ret)
{
    char passphrase[PASSPHRASE_MAX];
    struct buffer b = {0};
    if (options->backend != SIGNER_PEM)
        return ERR_UNSUPPORTED;
    TRY(passphrase_get(options, passphrase));
    enum err err = file_read(options->key_file, PEM_FILE_BYTES_MAX, &b);
    if (err == ERR_OK) {
        BIO *bio = BIO_new_mem_buf(b.data, (int)b.size);
        EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase) : NULL;
        BIO_free(bio);
        OPENSSL_cleanse(b.data, b.size);
        ERR_clear_error();
        if (key != NULL)
            *ret = key;
        else
            err = ERR_KEY;
    }
    OPENSSL_cleanse(passphrase, sizeof passphrase);
    buffer_done(&b);
    return err;
}

enum err pki_key_make(const char *type, EVP_PKEY **ret)
{
    EVP_PKEY *key = NULL;
    if (strcmp(type, "p256") == 0)
        key = EVP_EC_gen("P-256");
    else if (strcmp(type, "p384") == 0)
        key = EVP_EC_gen("P-384");
    else if (strcmp(type, "rsa2048") == 0)
        key = EVP_RSA_gen(2048);
    else if (strcmp(type, "rsa3072") == 0)
        key = EVP_RSA_gen(3072);
    else if (strcmp(type, "rsa4096") == 0)
        key = EVP_RSA_gen(4096);
    else if (strcmp(type, "ed25519") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        return ERR_UNSUPPORTED;
    if (key == NULL)
        return ERR_CRYPTO;
    *ret = key;
    return ERR_OK;
}

static enum err take_bio(BIO *bio, struct buffer *b)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? buffer_append(b, span_of(data, (size_t)size)) : ERR_CRYPTO;
}

enum err pki_certificate_pem(X509 *certificate, struct buffer *b)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum err err = ERR_CRYPTO;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1)
        err = take_bio(bio, b);
    BIO_free(bio);
    return err;
}

enum err pki_key_pem(EVP_PKEY *key, struct buffer *b)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    enum err err = ERR_CRYPTO;
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        err = take_bio(bio, b);
    BIO_free(bio);
    return err;
}
