/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/hex.h"
#include "lib/os/log.h"
#include "lib/os/pkcs11_module.h"
#include "lib/os/signer_backend.h"

#define KEY_ID_BYTES_MAX    64
#define KEY_LABEL_BYTES_MAX 128
#define HASH_BYTES_MAX      48
#define PREFIX_BYTES        19

/* DigestInfo of SHA-256 up to the hash (RFC 8017 9.2 note 1), for tokens that only pad and sign. */
static const uint8_t sha256_prefix[PREFIX_BYTES] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                                    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                    0x01, 0x05, 0x00, 0x04, 0x20};

/* How octets become what C_Sign() takes. */
enum preparation { PREPARE_NONE, PREPARE_HASH, PREPARE_DIGEST_INFO };

struct token_signer {
    struct signer base;
    struct pkcs11_module *module;
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slot;
    /* Login belongs to the token, not to a session: one session stays open to keep it. */
    CK_SESSION_HANDLE keeper;
    pthread_mutex_t login_lock;
    char pin[SECRET_BYTES_MAX];
    char label[KEY_LABEL_BYTES_MAX];
    uint8_t id[KEY_ID_BYTES_MAX];
    size_t id_size;
    CK_MECHANISM_TYPE mechanism;
    enum preparation preparation;
    EVP_MD *md;
};

struct token_worker {
    struct signer_worker base;
    struct token_signer *signer;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    EVP_MD_CTX *digest;
    bool open;
};

static enum err login(struct token_signer *s, CK_SESSION_HANDLE session)
{
    if (s->pin[0] == '\0')
        return ERR_OK;
    pthread_mutex_lock(&s->login_lock);
    CK_RV rv = s->p11->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)s->pin, strlen(s->pin));
    pthread_mutex_unlock(&s->login_lock);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return ERR_OK;
    log_error("PKCS#11: the token refuses the login: 0x%lx", rv);
    return ERR_KEY;
}

static enum err session_open(struct token_signer *s, CK_SESSION_HANDLE *ret)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_RV rv = s->p11->C_OpenSession(s->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK) {
        log_error("PKCS#11: no session: 0x%lx", rv);
        return ERR_CRYPTO;
    }
    enum err err = login(s, session);
    if (err != ERR_OK) {
        s->p11->C_CloseSession(session);
        return err;
    }
    *ret = session;
    return ERR_OK;
}

static CK_ULONG key_attributes(struct token_signer *s, CK_ATTRIBUTE attributes[static 3],
                               CK_OBJECT_CLASS *class)
{
    CK_ULONG count = 0;
    attributes[count++] = (CK_ATTRIBUTE){CKA_CLASS, class, sizeof *class};
    if (s->label[0] != '\0')
        attributes[count++] = (CK_ATTRIBUTE){CKA_LABEL, s->label, strlen(s->label)};
    if (s->id_size > 0)
        attributes[count++] = (CK_ATTRIBUTE){CKA_ID, s->id, s->id_size};
    return count;
}

static enum err key_find(struct token_signer *s, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *ret)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE attributes[3];
    CK_ULONG attribute_count = key_attributes(s, attributes, &class);
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    CK_RV rv = s->p11->C_FindObjectsInit(session, attributes, attribute_count);
    if (rv == CKR_OK) {
        rv = s->p11->C_FindObjects(session, found, 2, &count);
        s->p11->C_FindObjectsFinal(session);
    }
    if (rv != CKR_OK) {
        log_error("PKCS#11: looking for the key: 0x%lx", rv);
        return ERR_CRYPTO;
    }
    if (count != 1) {
        log_error("PKCS#11: %s private key with label \"%s\"", count == 0 ? "no" : "more than one",
                  s->label);
        return ERR_KEY;
    }
    *ret = found[0];
    return ERR_OK;
}

static void worker_close(struct token_worker *w)
{
    if (w->open)
        w->signer->p11->C_CloseSession(w->session);
    w->open = false;
}

static enum err worker_open(struct token_worker *w)
{
    TRY(session_open(w->signer, &w->session));
    w->open = true;
    return key_find(w->signer, w->session, &w->key);
}

static enum err prepare(struct token_worker *w, struct span tbs,
                        uint8_t out[static PREFIX_BYTES + HASH_BYTES_MAX], struct span *ret)
{
    const struct token_signer *s = w->signer;
    if (s->preparation == PREPARE_NONE) {
        *ret = tbs;
        return ERR_OK;
    }
    size_t offset = 0;
    if (s->preparation == PREPARE_DIGEST_INFO) {
        memcpy(out, sha256_prefix, PREFIX_BYTES);
        offset = PREFIX_BYTES;
    }
    unsigned size = 0;
    if (EVP_DigestInit_ex2(w->digest, s->md, NULL) != 1 ||
        EVP_DigestUpdate(w->digest, tbs.data, tbs.size) != 1 ||
        EVP_DigestFinal_ex(w->digest, out + offset, &size) != 1)
        return ERR_CRYPTO;
    *ret = span_of(out, offset + size);
    return ERR_OK;
}

static CK_RV sign_once(struct token_worker *w, struct span input, uint8_t *out, CK_ULONG *size)
{
    CK_FUNCTION_LIST *p11 = w->signer->p11;
    CK_MECHANISM mechanism = {.mechanism = w->signer->mechanism};
    CK_RV rv = p11->C_SignInit(w->session, &mechanism, w->key);
    if (rv != CKR_OK)
        return rv;
    *size = SIGNATURE_BYTES_MAX;
    uint8_t copy[OCSP_REQUEST_BYTES_MAX]; /* C_Sign() takes octets it may write to */
    if (input.size > sizeof copy)
        return CKR_DATA_LEN_RANGE;
    memcpy(copy, input.data, input.size);
    return p11->C_Sign(w->session, copy, input.size, out, size);
}

static bool session_lost(CK_RV rv)
{
    switch (rv) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
        return true;
    default:
        return false;
    }
}

static enum err token_sign(struct signer_worker *base, struct span tbs,
                           uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    struct token_worker *w = (struct token_worker *)base;
    uint8_t prepared[PREFIX_BYTES + HASH_BYTES_MAX];
    struct span input = SPAN_EMPTY;
    TRY(prepare(w, tbs, prepared, &input));
    CK_ULONG size = 0;
    CK_RV rv = w->open ? sign_once(w, input, out, &size) : CKR_SESSION_CLOSED;
    if (session_lost(rv)) {
        log_warning("PKCS#11: the session was lost (0x%lx), opening another", rv);
        worker_close(w);
        TRY(worker_open(w));
        rv = sign_once(w, input, out, &size);
    }
    if (rv != CKR_OK || size != w->signer->base.alg->size) {
        log_error("PKCS#11: C_Sign: 0x%lx, %lu octets", rv, size);
        return ERR_CRYPTO;
    }
    *ret_size = size;
    return ERR_OK;
}

static void token_worker_free(struct signer_worker *base)
{
    struct token_worker *w = (struct token_worker *)base;
    worker_close(w);
    EVP_MD_CTX_free(w->digest);
    free(w);
}

static enum err token_worker_new(struct signer *base, struct signer_worker **ret)
{
    struct token_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return ERR_MEMORY;
    w->base.ops = base->ops;
    w->signer = (struct token_signer *)base;
    w->digest = EVP_MD_CTX_new();
    enum err err = w->digest == NULL ? ERR_MEMORY : worker_open(w);
    if (err != ERR_OK) {
        token_worker_free(&w->base);
        return err;
    }
    *ret = &w->base;
    return ERR_OK;
}

static void token_free(struct signer *base)
{
    struct token_signer *s = (struct token_signer *)base;
    if (s->keeper != CK_INVALID_HANDLE)
        s->p11->C_CloseSession(s->keeper);
    if (s->module != NULL)
        pkcs11_module_put(s->module);
    EVP_MD_free(s->md);
    pthread_mutex_destroy(&s->login_lock);
    OPENSSL_cleanse(s->pin, sizeof s->pin);
    free(s);
}

static const struct signer_ops token_ops = {
    .worker_new = token_worker_new,
    .worker_free = token_worker_free,
    .sign = token_sign,
    .free = token_free,
};

static bool token_can(const struct token_signer *s, CK_MECHANISM_TYPE mechanism)
{
    CK_MECHANISM_INFO info;
    return s->p11->C_GetMechanismInfo(s->slot, mechanism, &info) == CKR_OK &&
           (info.flags & CKF_SIGN);
}

static enum err mechanism_choose(struct token_signer *s)
{
    const struct sig_alg_info *alg = s->base.alg;
    s->preparation = PREPARE_NONE;
    if (alg->ecdsa) {
        s->mechanism = CKM_ECDSA;
        s->preparation = PREPARE_HASH;
    } else if (alg->alg == SIG_ED25519) {
        s->mechanism = CKM_EDDSA;
    } else if (token_can(s, CKM_SHA256_RSA_PKCS)) {
        s->mechanism = CKM_SHA256_RSA_PKCS;
    } else {
        s->mechanism = CKM_RSA_PKCS;
        s->preparation = PREPARE_DIGEST_INFO;
    }
    if (!token_can(s, s->mechanism)) {
        log_error("PKCS#11: the token cannot sign with %s", alg->text);
        return ERR_UNSUPPORTED;
    }
    s->md = EVP_MD_fetch(NULL, alg->alg == SIG_ECDSA_P384_SHA384 ? "SHA384" : "SHA256", NULL);
    return s->md == NULL ? ERR_CRYPTO : ERR_OK;
}

static bool set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static enum err options_take(struct token_signer *s, const struct signer_options *options)
{
    if (!set(options->module) || (!set(options->key_label) && !set(options->key_id))) {
        log_error("PKCS#11: the module and the key's label or id must be configured");
        return ERR_CONFIG;
    }
    if (set(options->key_label)) {
        if (strlen(options->key_label) >= sizeof s->label)
            return ERR_CONFIG;
        memcpy(s->label, options->key_label, strlen(options->key_label));
    }
    if (set(options->key_id) &&
        hex_decode(span_text(options->key_id), s->id, sizeof s->id, &s->id_size) != ERR_OK) {
        log_error("PKCS#11: the key id \"%s\" is not hexadecimal", options->key_id);
        return ERR_CONFIG;
    }
    return set(options->pin_file) ? secret_read(options->pin_file, s->pin) : ERR_OK;
}

static enum err token_open(struct token_signer *s, const struct signer_options *options)
{
    TRY(options_take(s, options));
    TRY(pkcs11_module_get(options->module, &s->module));
    s->p11 = pkcs11_module_functions(s->module);
    TRY(pkcs11_slot_find(s->p11, options->token_label, &s->slot));
    TRY(mechanism_choose(s));
    return session_open(s, &s->keeper);
}

enum err signer_pkcs11_open(const struct signer_options *options, const struct sig_alg_info *alg,
                            struct signer **ret)
{
    struct token_signer *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    s->base.ops = &token_ops;
    s->base.alg = alg;
    pthread_mutex_init(&s->login_lock, NULL);
    enum err err = token_open(s, options);
    if (err != ERR_OK) {
        token_free(&s->base);
        return err;
    }
    *ret = &s->base;
    return ERR_OK;
}
