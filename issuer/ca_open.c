/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_open.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "issuer/ca_lint.h"
#include "issuer/ca_request.h"
#include "lib/hex.h"
#include "lib/key_alg.h"

static enum err certificate_use(struct ca *ca, uint64_t now_s, struct ca_refusal *why)
{
    const char *path = ca->folder.path;
    const unsigned char *der = NULL;
    size_t size = 0;
    time_t now = (time_t)now_s;
    const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(ca->certificate);
    if (X509_check_ca(ca->certificate) != 1 || key_id == NULL)
        return ca_refuse(why, ERR_KEY, "%s/ca.pem: not the certificate of a CA", path);
    if (X509_cmp_time(X509_get0_notBefore(ca->certificate), &now) > 0)
        return ca_refuse(why, ERR_FUTURE, "%s/ca.pem: not valid yet", path);
    if (X509_cmp_time(X509_get0_notAfter(ca->certificate), &now) < 0)
        return ca_refuse(why, ERR_EXPIRED, "%s/ca.pem: past its validity", path);
    if (X509_NAME_get0_der(X509_get_subject_name(ca->certificate), &der, &size) != 1 ||
        key_alg_of(X509_get0_pubkey(ca->certificate), &ca->alg) != ERR_OK)
        return ca_refuse(why, ERR_KEY, "%s/ca.pem: a name or key of no use here", path);
    ca->subject = span_of(der, size);
    ca->key_id = span_of(ASN1_STRING_get0_data(key_id), (size_t)ASN1_STRING_length(key_id));
    return ERR_OK;
}

static enum err open_in_folder(const struct ca_options *o, struct ca *ca, struct ca_refusal *why)
{
    struct buffer file = {0};
    char path[PATH_BYTES_MAX];
    TRY(ca_folder_path(&ca->folder, "ca.pem", path));
    if (!ca_folder_has(&ca->folder, "ca.pem"))
        return ca_refuse(why, ERR_NOT_FOUND, "%s: no CA: it has no certificate", o->folder);
    enum err err = ca_certificate_read(path, &file, &ca->certificate, why);
    buffer_done(&file);
    TRY(err);
    TRY(certificate_use(ca, o->now_s, why));
    return ca_key_of_folder(&ca->folder, "ca", &o->key, X509_get0_pubkey(ca->certificate), &ca->key,
                            why);
}

enum err ca_open(const struct ca_options *o, struct ca *ret, struct ca_refusal *why)
{
    *ret = (struct ca){0};
    TRY(ca_folder_open(o->folder, false, &ret->folder, why));
    enum err err = open_in_folder(o, ret, why);
    if (err != ERR_OK)
        ca_close(ret);
    return err;
}

void ca_close(struct ca *ca)
{
    X509_free(ca->certificate);
    ca_key_done(&ca->key);
    ca_folder_close(&ca->folder);
}

enum err ca_step_certificate(struct ca_step *step, X509 *certificate, const char *name,
                             const char *out)
{
    struct buffer pem = {0};
    enum err err = ca_certificate_pem(certificate, &pem);
    if (err == ERR_OK)
        err = ca_step_write(step, name, true, span_of(pem.data, pem.size), 0644, false);
    if (err == ERR_OK && out != NULL)
        err = ca_step_write(step, out, false, span_of(pem.data, pem.size), 0644, false);
    buffer_done(&pem);
    return err;
}

static void show_extensions(X509 *certificate)
{
    BIO *out = BIO_new_fp(stdout, BIO_NOCLOSE);
    if (out != NULL)
        X509V3_extensions_print(out, NULL, X509_get0_extensions(certificate), 0, 2);
    BIO_free(out);
}

void ca_show(X509 *certificate, const char *what, bool is_signed)
{
    uint8_t hash[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];
    unsigned size = 0;
    BIO *out = BIO_new_fp(stdout, BIO_NOCLOSE);
    if (out == NULL || X509_digest(certificate, EVP_sha256(), hash, &size) != 1 ||
        hex_encode(span_of(hash, sizeof hash), text, sizeof text) != ERR_OK) {
        BIO_free(out);
        return;
    }
    BIO_printf(out, "%s: ", what);
    X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    BIO_printf(out, "\n  issuer ");
    X509_NAME_print_ex(out, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253);
    BIO_printf(out, "\n  serial ");
    i2a_ASN1_INTEGER(out, X509_get0_serialNumber(certificate));
    BIO_printf(out, "\n  from ");
    ASN1_TIME_print(out, X509_get0_notBefore(certificate));
    BIO_printf(out, "\n  until ");
    ASN1_TIME_print(out, X509_get0_notAfter(certificate));
    BIO_printf(out, "\n");
    BIO_free(out);
    show_extensions(certificate);
    if (is_signed)
        printf("  SHA-256 %s\n", text);
}

enum err ca_lint_or_refuse(X509 *certificate, X509 *issuer, enum ca_kind kind, const char *path,
                           struct ca_refusal *why)
{
    const struct ca_lint_rule *broken = ca_lint(certificate, issuer, kind);
    if (broken == NULL)
        return ERR_OK;
    return ca_refuse(why, ERR_CONFLICT, "%s: lint: %s (%s, zlint %s)", path, broken->id,
                     broken->section, broken->zlint);
}

enum err ca_verify_chain(X509 *certificate, X509 *issuer, const char *path, uint64_t now_s,
                         struct ca_refusal *why)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int code = X509_V_ERR_OUT_OF_MEM;
    if (store != NULL && context != NULL && X509_STORE_add_cert(store, issuer) == 1 &&
        X509_STORE_CTX_init(context, store, certificate, NULL) == 1) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
        X509_STORE_CTX_set_time(context, 0, (time_t)now_s);
        code = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    }
    /* The anchor itself would verify: a certificate that is its own issuer is not what is meant. */
    if (code == X509_V_OK && X509_cmp(certificate, issuer) == 0)
        code = X509_V_ERR_SUBJECT_ISSUER_MISMATCH;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    if (code == X509_V_OK)
        return ERR_OK;
    return ca_refuse(why, ERR_CHAIN, "%s: its chain does not verify: %s", path,
                     X509_verify_cert_error_string(code));
}
