/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, certificates and directories for the tests of the presigner. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/check.h"
#include "lib/template.h"

#define FIXTURE_PATH_BYTES 512

static inline EVP_PKEY *fixture_key(enum sig_alg alg)
{
    switch (alg) {
    case SIG_ECDSA_P256_SHA256:
        return EVP_EC_gen("P-256");
    case SIG_ECDSA_P384_SHA384:
        return EVP_EC_gen("P-384");
    case SIG_RSA2048_SHA256:
        return EVP_RSA_gen(2048);
    case SIG_RSA3072_SHA256:
        return EVP_RSA_gen(3072);
    case SIG_RSA4096_SHA256:
        return EVP_RSA_gen(4096);
    case SIG_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

/* A certificate for `key` named `name`, signed by `ca_key` as `ca_name`. */
static inline X509 *fixture_certificate(EVP_PKEY *key, const char *name, EVP_PKEY *ca_key,
                                        const char *ca_name)
{
    X509 *x = X509_new();
    CHECK(x != NULL);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600L * 24 * 3650);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_NAME *issuer = X509_NAME_new();
    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, (const unsigned char *)ca_name, -1, -1,
                               0);
    X509_set_issuer_name(x, issuer);
    X509_NAME_free(issuer);
    if (key != ca_key) {
        X509_EXTENSION *eku = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "OCSPSigning");
        X509_add_ext(x, eku, -1);
        X509_EXTENSION_free(eku);
    }
    const EVP_MD *md = EVP_PKEY_is_a(ca_key, "ED25519") ? NULL : EVP_sha256();
    CHECK(X509_sign(x, ca_key, md) > 0);
    return x;
}

static inline size_t fixture_der(X509 *x, uint8_t *out, size_t out_size)
{
    int size = i2d_X509(x, NULL);
    CHECK(size > 0 && (size_t)size <= out_size);
    return (size_t)i2d_X509(x, &out);
}

static inline void fixture_template(EVP_PKEY *key, const char *name, struct ocsp_template *ret)
{
    uint8_t der[4096];
    X509 *x = fixture_certificate(key, name, key, name);
    size_t size = fixture_der(x, der, sizeof der);
    X509_free(x);
    CHECK(template_from_certificates(span_of(der, size), SPAN_EMPTY, ret) == ERR_OK);
    ret->template_no = 1;
    ret->certid_set = CERTID_BOTH;
    ret->refresh_interval_s = 3600;
}

static inline void fixture_pem(EVP_PKEY *key, const char *path, const char *passphrase)
{
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    CHECK(PEM_write_PKCS8PrivateKey(file, key, passphrase == NULL ? NULL : EVP_aes_256_cbc(), NULL,
                                    0, NULL, (void *)(uintptr_t)(const void *)passphrase) == 1);
    fclose(file);
}

static inline void fixture_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    CHECK(file != NULL && fputs(text, file) >= 0);
    fclose(file);
}

static inline void fixture_directory(char ret[static FIXTURE_PATH_BYTES])
{
    /* Memory, where there is such a folder: these tests fsync thousands of small files. */
    const char *base = getenv("TMPDIR");
    if (base == NULL)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(ret, FIXTURE_PATH_BYTES, "%s/statim-test-XXXXXX", base);
    CHECK(mkdtemp(ret) != NULL);
}

static inline const char *fixture_path(const char *directory, const char *name,
                                       char ret[static FIXTURE_PATH_BYTES])
{
    CHECK(snprintf(ret, FIXTURE_PATH_BYTES, "%s/%s", directory, name) < FIXTURE_PATH_BYTES);
    return ret;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fixture_remove(const char *directory)
{
    nftw(directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
