/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/authority_chain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/os/log.h"

#define FILE_BYTES_MAX 65536

static enum err pem_read(const char *path, X509 **ret)
{
    struct buffer file = {0};
    enum err err = file_read(path, FILE_BYTES_MAX, &file);
    if (err != ERR_OK) {
        log_error("%s: the certificate cannot be read: %s", path, err_text(err));
        return err;
    }
    BIO *in = BIO_new_mem_buf(file.data, (int)file.size);
    X509 *certificate = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
    X509 *second = certificate == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    buffer_done(&file);
    ERR_clear_error();
    if (certificate != NULL && second == NULL) {
        *ret = certificate;
        return ERR_OK;
    }
    log_error("%s: not one certificate in PEM", path);
    X509_free(certificate);
    X509_free(second);
    return ERR_MALFORMED;
}

static enum err pem_append(X509 *certificate, struct buffer *pem)
{
    char *text = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    enum err err = ERR_MEMORY;
    if (out != NULL && PEM_write_bio_X509(out, certificate) == 1) {
        long size = BIO_get_mem_data(out, &text);
        err = buffer_append(pem, span_of(text, (size_t)size));
    }
    BIO_free(out);
    ERR_clear_error();
    return err;
}

static bool is_self_signed(X509 *certificate)
{
    return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) ==
           0;
}

static enum err check_times(const char *path, X509 *certificate, uint64_t now_s)
{
    time_t now = (time_t)now_s;
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0) {
        log_error("%s: not valid yet", path);
        return ERR_FUTURE;
    }
    if (X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0) {
        log_error("%s: past its validity", path);
        return ERR_EXPIRED;
    }
    return ERR_OK;
}

static enum err check_certified(const char *path, X509 *certificate, X509 *issuer)
{
    int code = X509_check_issued(issuer, certificate);
    bool is_certified = code == X509_V_OK && X509_check_ca(issuer) == 1 &&
                        X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    if (is_certified)
        return ERR_OK;
    log_error("%s: does not certify the one before it in the chain%s%s", path,
              code == X509_V_OK ? "" : ": ",
              code == X509_V_OK ? "" : X509_verify_cert_error_string(code));
    return ERR_CHAIN;
}

/* One certificate of the chain above `*below`, which it then takes the place of. */
static enum err chain_add(struct authority *authority, const char *path, uint64_t now_s,
                          X509 **below)
{
    X509 *certificate = NULL;
    TRY(pem_read(path, &certificate));
    enum err err = check_times(path, certificate, now_s);
    if (err == ERR_OK)
        err = check_certified(path, *below, certificate);
    /* Who checks a chain has the root already; sending it is waste. */
    if (err == ERR_OK && !is_self_signed(certificate))
        err = pem_append(certificate, &authority->chain_pem);
    X509_free(*below);
    *below = certificate;
    return err;
}

static enum err chain_read(struct authority *authority, uint64_t now_s)
{
    X509 *below = authority->certificate;
    X509_up_ref(below);
    enum err err = pem_append(below, &authority->chain_pem);
    for (size_t i = 0; err == ERR_OK && i < authority->config->chain_count; i++)
        err = chain_add(authority, authority->config->chain[i], now_s, &below);
    X509_free(below);
    return err;
}

static enum err der_read(struct authority *authority)
{
    unsigned char *der = NULL;
    int size = i2d_X509(authority->certificate, &der);
    if (size <= 0)
        return ERR_CRYPTO;
    enum err err = buffer_append(&authority->der, span_of(der, (size_t)size));
    OPENSSL_free(der);
    return err;
}

enum err authority_read(struct authority *authority, uint64_t now_s)
{
    const struct authority_config *config = authority->config;
    struct problem why = {0};
    TRY(pem_read(config->certificate, &authority->certificate));
    if (is_self_signed(authority->certificate)) {
        log_error("%s: is self-signed: the key of a root stays offline (statim ca); this program "
                  "signs with intermediates only",
                  config->certificate);
        return ERR_CHAIN;
    }
    TRY(check_times(config->certificate, authority->certificate, now_s));
    enum err err = leaf_ca_read(authority->certificate, &authority->ca, &why);
    if (err != ERR_OK) {
        log_error("%s: %s", config->certificate, why.detail);
        return err;
    }
    authority->ca.ocsp_url = config->ocsp_url;
    authority->ca.ca_issuers_url = config->ca_issuers_url;
    authority->ca.crl_url_base = config->crl_url_base;
    TRY(der_read(authority));
    return chain_read(authority, now_s);
}
