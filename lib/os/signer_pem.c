/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "lib/os/log.h"
#include "lib/os/ecdsa_key.h"
#include "lib/os/signer_backend.h"

struct pem_signer {
    struct signer base;
    EVP_PKEY *key;
    EVP_MD *md; /* fetched once: a fetch for each signature costs a lock and a look-up */
};

struct pem_worker {
    struct signer_worker base;
    const struct pem_signer *signer;
    EVP_PKEY *key;           /* a copy: threads do not meet in its reference count or its lock */
    EVP_MD_CTX *digest;      /* hashes; for Ed25519, which has no separate hash, signs */
    EVP_PKEY_CTX *context;   /* RSA: signs hashes; set up once */
    struct ecdsa_key *ecdsa; /* ECDSA: signs hashes */
};

static void log_crypto(const char *what)
{
    char text[256] = "no detail";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof text);
    log_error("%s: %s", what, text);
    ERR_clear_error();
}

struct passphrase {
    const char *text;
    bool asked;
};

static int passphrase_give(char *out, int out_size, int writing, void *context)
{
    (void)writing;
    struct passphrase *p = context;
    p->asked = true;
    size_t size = p->text == NULL ? 0 : strlen(p->text);
    if (size == 0 || size > (size_t)out_size)
        return -1;
    memcpy(out, p->text, size);
    return (int)size;
}

static enum err key_read_pem(const char *path, const char *passphrase, EVP_PKEY **ret)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        log_error("%s: the signing key cannot be opened: %m", path);
        return ERR_NOT_FOUND;
    }
    struct passphrase p = {.text = passphrase};
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, passphrase_give, &p);
    fclose(file);
    if (key == NULL) {
        log_crypto(path);
        log_error("%s: %s", path,
                  !p.asked         ? "is not a private key in PEM"
                  : p.text == NULL ? "is encrypted and no passphrase is configured"
                                   : "does not open with the configured passphrase");
        return ERR_KEY;
    }
    *ret = key;
    return ERR_OK;
}

static bool set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static enum err key_load(const struct signer_options *options, EVP_PKEY **ret)
{
    if (!set(options->key_file))
        return ERR_CONFIG;
    if (set(options->passphrase_file)) {
        char secret[SECRET_BYTES_MAX];
        TRY(secret_read(options->passphrase_file, secret));
        enum err err = key_read_pem(options->key_file, secret, ret);
        OPENSSL_cleanse(secret, sizeof secret);
        return err;
    }
    const char *secret = options->passphrase;
    if (set(options->passphrase_environment)) {
        secret = getenv(options->passphrase_environment);
        if (secret == NULL)
            log_warning("the environment has no %s", options->passphrase_environment);
    }
    return key_read_pem(options->key_file, secret, ret);
}

/* Whether the key is of the type and size that the algorithm's stored form is made for. */
static bool key_fits(const EVP_PKEY *key, const struct sig_alg_info *alg)
{
    switch (alg->alg) {
    case SIG_ECDSA_P256_SHA256:
    case SIG_ECDSA_P384_SHA384: {
        int bits = alg->alg == SIG_ECDSA_P256_SHA256 ? 256 : 384;
        return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == bits;
    }
    case SIG_RSA2048_SHA256:
    case SIG_RSA3072_SHA256:
    case SIG_RSA4096_SHA256:
        return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == alg->size * 8;
    case SIG_ED25519:
        return EVP_PKEY_is_a(key, "ED25519");
    }
    return false;
}

static void pem_worker_free(struct signer_worker *base)
{
    struct pem_worker *w = (struct pem_worker *)base;
    EVP_PKEY_CTX_free(w->context);
    ecdsa_key_free(w->ecdsa);
    EVP_MD_CTX_free(w->digest);
    EVP_PKEY_free(w->key);
    free(w);
}

static bool context_prepare(struct pem_worker *w)
{
    const struct pem_signer *signer = w->signer;
    if (signer->base.alg->ecdsa)
        return ecdsa_key_new(w->key, &w->ecdsa) == ERR_OK;
    if (signer->md == NULL)
        return true;
    w->context = EVP_PKEY_CTX_new_from_pkey(NULL, w->key, NULL);
    return w->context != NULL && EVP_PKEY_sign_init(w->context) == 1 &&
           EVP_PKEY_CTX_set_signature_md(w->context, signer->md) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(w->context, RSA_PKCS1_PADDING) == 1;
}

static enum err pem_worker_new(struct signer *base, struct signer_worker **ret);

static bool sign_hash(struct pem_worker *w, struct span tbs, uint8_t *out, size_t *size)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_size = 0;
    if (EVP_DigestInit_ex2(w->digest, w->signer->md, NULL) != 1 ||
        EVP_DigestUpdate(w->digest, tbs.data, tbs.size) != 1 ||
        EVP_DigestFinal_ex(w->digest, hash, &hash_size) != 1)
        return false;
    if (w->ecdsa == NULL)
        return EVP_PKEY_sign(w->context, out, size, hash, hash_size) == 1;
    *size = w->signer->base.alg->size;
    return ecdsa_key_sign(w->ecdsa, span_of(hash, hash_size), out, *size) == ERR_OK;
}

static bool sign_whole(struct pem_worker *w, struct span tbs, uint8_t *out, size_t *size)
{
    return EVP_DigestSignInit(w->digest, NULL, NULL, NULL, w->key) == 1 &&
           EVP_DigestSign(w->digest, out, size, tbs.data, tbs.size) == 1;
}

static enum err pem_sign(struct signer_worker *base, struct span tbs,
                         uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    struct pem_worker *w = (struct pem_worker *)base;
    size_t size = SIGNATURE_BYTES_MAX;
    bool made =
        w->signer->md != NULL ? sign_hash(w, tbs, out, &size) : sign_whole(w, tbs, out, &size);
    if (!made || size != w->signer->base.alg->size) {
        log_crypto("signing");
        return ERR_CRYPTO;
    }
    *ret_size = size;
    return ERR_OK;
}

static void pem_free(struct signer *base)
{
    struct pem_signer *signer = (struct pem_signer *)base;
    EVP_PKEY_free(signer->key);
    EVP_MD_free(signer->md);
    free(signer);
}

static const struct signer_ops pem_ops = {
    .worker_new = pem_worker_new,
    .worker_free = pem_worker_free,
    .sign = pem_sign,
    .free = pem_free,
};

static enum err pem_worker_new(struct signer *base, struct signer_worker **ret)
{
    const struct pem_signer *signer = (struct pem_signer *)base;
    struct pem_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return ERR_MEMORY;
    w->base.ops = &pem_ops;
    w->signer = signer;
    w->key = EVP_PKEY_dup(signer->key);
    w->digest = EVP_MD_CTX_new();
    if (w->key == NULL || w->digest == NULL || !context_prepare(w)) {
        log_crypto("preparing to sign");
        pem_worker_free(&w->base);
        return ERR_CRYPTO;
    }
    *ret = &w->base;
    return ERR_OK;
}

static enum err md_fetch(const struct sig_alg_info *alg, EVP_MD **ret)
{
    if (alg->alg == SIG_ED25519)
        return ERR_OK;
    *ret = EVP_MD_fetch(NULL, alg->alg == SIG_ECDSA_P384_SHA384 ? "SHA384" : "SHA256", NULL);
    return *ret == NULL ? ERR_CRYPTO : ERR_OK;
}

enum err signer_pem_open(const struct signer_options *options, const struct sig_alg_info *alg,
                         struct signer **ret)
{
    struct pem_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return ERR_MEMORY;
    signer->base.ops = &pem_ops;
    signer->base.alg = alg;
    enum err err = key_load(options, &signer->key);
    if (err == ERR_OK && !key_fits(signer->key, alg)) {
        log_error("%s: is not a key for %s, which the certificate is for", options->key_file,
                  alg->text);
        err = ERR_KEY;
    }
    if (err == ERR_OK)
        err = md_fetch(alg, &signer->md);
    if (err != ERR_OK) {
        pem_free(&signer->base);
        return err;
    }
    *ret = &signer->base;
    return ERR_OK;
}
