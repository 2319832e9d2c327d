/* SPDX-License-Identifier: Apache-2.0 */
/* The published vectors, and templates with real keys, for the tests of the OCSP codec. */
#pragma once

#include <openssl/ocsp.h>

#include "sign_fixture.h"

#include "lib/base64.h"
#include "lib/ocsp_response.h"

#define FIXTURE_VECTOR_BYTES 2048

/* A base64 file of tests/data, which meson names in STATIM_TEST_DATA. */
static inline size_t fixture_vector(const char *name, uint8_t ret[static FIXTURE_VECTOR_BYTES])
{
    char path[FIXTURE_PATH_BYTES], text[2 * FIXTURE_VECTOR_BYTES];
    const char *directory = getenv("STATIM_TEST_DATA");
    fixture_path(directory == NULL ? "tests/data" : directory, name, path);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    size_t size = 0, der_size = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        if (c > ' ' && size < sizeof text)
            text[size++] = (char)c;
    fclose(file);
    CHECK(base64_decode(span_of(text, size), ret, FIXTURE_VECTOR_BYTES, &der_size) == ERR_OK);
    return der_size;
}

/* The key that signs statements: a CA's own, or a delegated responder's under a CA. */
struct fixture_signer {
    EVP_PKEY *key; /* signs the statements */
    X509 *cert;    /* of that key */
    struct ocsp_template t;
};

/* Takes the key. The CA above a delegated responder has a P-256 key: RSA keys take long to make. */
static inline void fixture_signer_of(EVP_PKEY *key, bool delegated, struct fixture_signer *ret)
{
    static uint8_t ca_der[RESPONDER_CERT_BYTES_MAX], responder_der[RESPONDER_CERT_BYTES_MAX];
    struct span responder_span = SPAN_EMPTY;
    EVP_PKEY *ca_key = delegated ? fixture_key(SIG_ECDSA_P256_SHA256) : key;
    X509 *ca = fixture_certificate(ca_key, "CA", ca_key, "CA");
    struct span ca_span = span_of(ca_der, fixture_der(ca, ca_der, sizeof ca_der));
    *ret = (struct fixture_signer){.key = key, .cert = ca};
    if (delegated) {
        ret->cert = fixture_certificate(key, "Responder", ca_key, "CA");
        responder_span =
            span_of(responder_der, fixture_der(ret->cert, responder_der, sizeof responder_der));
        EVP_PKEY_free(ca_key);
        X509_free(ca);
    }
    ret->t.template_no = 1;
    ret->t.certid_set = CERTID_BOTH;
    ret->t.refresh_interval_s = 302400;
    CHECK(template_from_certificates(ca_span, responder_span, &ret->t) == ERR_OK);
}

static inline void fixture_signer_make(enum sig_alg alg, bool delegated, struct fixture_signer *ret)
{
    fixture_signer_of(fixture_key(alg), delegated, ret);
    CHECK(ret->t.sig_alg == (uint8_t)alg);
}

static inline void fixture_signer_free(struct fixture_signer *signer)
{
    EVP_PKEY_free(signer->key);
    X509_free(signer->cert);
}

/* Signs any octets as a backend does; the signature in stored form. */
static inline struct span fixture_sign_octets(const struct fixture_signer *signer, struct span tbs,
                                              uint8_t ret[static SIGNATURE_BYTES_MAX])
{
    uint8_t x509[SIG_X509_BYTES_MAX];
    size_t x509_size = sizeof x509;
    enum sig_alg alg = (enum sig_alg)signer->t.sig_alg;
    const EVP_MD *md = alg == SIG_ED25519             ? NULL
                       : alg == SIG_ECDSA_P384_SHA384 ? EVP_sha384()
                                                      : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(ctx, NULL, md, NULL, signer->key) == 1);
    CHECK(EVP_DigestSign(ctx, x509, &x509_size, tbs.data, tbs.size) == 1);
    EVP_MD_CTX_free(ctx);
    CHECK(sig_from_x509(alg, span_of(x509, x509_size), ret, SIGNATURE_BYTES_MAX) == ERR_OK);
    return span_of(ret, sig_alg_info((uint8_t)alg)->size);
}

/* Signs a statement as a presigner does. */
static inline struct span fixture_sign(const struct fixture_signer *signer,
                                       const struct serial *serial, const struct facts *facts,
                                       uint32_t produced_at_s,
                                       uint8_t ret[static SIGNATURE_BYTES_MAX])
{
    uint8_t tbs[OCSP_TBS_BYTES_MAX];
    size_t tbs_size;
    CHECK(ocsp_tbs_encode(&signer->t, serial, facts, produced_at_s, tbs, sizeof tbs, &tbs_size) ==
          ERR_OK);
    return fixture_sign_octets(signer, span_of(tbs, tbs_size), ret);
}
