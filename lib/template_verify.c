/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "lib/key_alg.h"
#include "lib/ocsp_response.h"

/* OpenSSL looks algorithms up anew with each EVP_DigestVerifyInit; a digest and a key context made
 * once save that for ECDSA and RSA. Ed25519 signs the message itself and has only the long way. */
struct template_verifier {
    struct ocsp_template t;
    EVP_PKEY *key;
    EVP_MD *md;            /* NULL for Ed25519 */
    EVP_PKEY_CTX *key_ctx; /* NULL for Ed25519 */
    EVP_MD_CTX *md_ctx;
};

static enum err read_key(const struct ocsp_template *t, EVP_PKEY **ret)
{
    const unsigned char *at = t->signer_spki;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, t->signer_spki_size);
    enum sig_alg alg;
    bool fits = key != NULL && at == t->signer_spki + t->signer_spki_size &&
                key_alg_of(key, &alg) == ERR_OK && (uint8_t)alg == t->sig_alg;
    if (!fits) {
        EVP_PKEY_free(key);
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    *ret = key;
    return ERR_OK;
}

static enum err make_contexts(struct template_verifier *v)
{
    v->md_ctx = EVP_MD_CTX_new();
    if (v->md_ctx == NULL)
        return ERR_CRYPTO;
    const char *digest = key_alg_digest((enum sig_alg)v->t.sig_alg);
    if (digest == NULL)
        return ERR_OK;
    v->md = EVP_MD_fetch(NULL, digest, NULL);
    v->key_ctx = EVP_PKEY_CTX_new(v->key, NULL);
    if (v->md == NULL || v->key_ctx == NULL || EVP_PKEY_verify_init(v->key_ctx) != 1 ||
        EVP_PKEY_CTX_set_signature_md(v->key_ctx, v->md) != 1)
        return ERR_CRYPTO;
    return ERR_OK;
}

enum err template_verifier_new(const struct ocsp_template *t, struct template_verifier **ret)
{
    EVP_PKEY *key;
    TRY(read_key(t, &key));
    struct template_verifier *v = calloc(1, sizeof *v);
    if (v == NULL) {
        EVP_PKEY_free(key);
        return ERR_MEMORY;
    }
    v->t = *t;
    v->key = key;
    enum err err = make_contexts(v);
    if (err != ERR_OK) {
        template_verifier_free(v);
        ERR_clear_error();
        return err;
    }
    *ret = v;
    return ERR_OK;
}

struct template_verifier *template_verifier_free(struct template_verifier *v)
{
    if (v == NULL)
        return NULL;
    EVP_MD_CTX_free(v->md_ctx);
    EVP_PKEY_CTX_free(v->key_ctx);
    EVP_MD_free(v->md);
    EVP_PKEY_free(v->key);
    free(v);
    return NULL;
}

static int verify_digest(struct template_verifier *v, struct span tbs, struct span signature)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestInit_ex2(v->md_ctx, v->md, NULL) != 1 ||
        EVP_DigestUpdate(v->md_ctx, tbs.data, tbs.size) != 1 ||
        EVP_DigestFinal_ex(v->md_ctx, digest, &size) != 1)
        return -1;
    return EVP_PKEY_verify(v->key_ctx, signature.data, signature.size, digest, size);
}

static int verify_message(struct template_verifier *v, struct span tbs, struct span signature)
{
    if (EVP_DigestVerifyInit(v->md_ctx, NULL, NULL, NULL, v->key) != 1)
        return -1;
    int verdict = EVP_DigestVerify(v->md_ctx, signature.data, signature.size, tbs.data, tbs.size);
    EVP_MD_CTX_reset(v->md_ctx);
    return verdict;
}

enum err template_verify(struct template_verifier *v, const struct statement *statement)
{
    uint8_t tbs[OCSP_TBS_BYTES_MAX], x509[SIG_X509_BYTES_MAX];
    size_t tbs_size, x509_size;
    TRY(ocsp_tbs_encode(&v->t, &statement->serial, &statement->facts,
                        statement->facts.this_update_s, tbs, sizeof tbs, &tbs_size));
    TRY(sig_to_x509((enum sig_alg)v->t.sig_alg, statement->signature, x509, sizeof x509,
                    &x509_size));
    struct span message = span_of(tbs, tbs_size), signature = span_of(x509, x509_size);
    int verdict = v->md == NULL ? verify_message(v, message, signature)
                                : verify_digest(v, message, signature);
    if (verdict == 1)
        return ERR_OK;
    /* OpenSSL answers a signature that is out of range like one that does not fit: by 0 or by an
     * error of its own. Neither verifies. */
    ERR_clear_error();
    return ERR_SIGNATURE;
}
