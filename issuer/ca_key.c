/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/ca_key_pem.h"
#include "lib/hex.h"
#include "lib/key_alg.h"
#include "lib/os/pkcs11_key.h"

#define KEY_FILE_BYTES_MAX 65536
#define NAME_BYTES         64

struct type {
    const char *text;
    enum sig_alg alg;
};

static const struct type types[] = {{"p256", SIG_ECDSA_P256_SHA256},
                                    {"p384", SIG_ECDSA_P384_SHA384},
                                    {"rsa3072", SIG_RSA3072_SHA256},
                                    {"rsa4096", SIG_RSA4096_SHA256}};

static enum err type_find(const char *text, enum sig_alg *ret, struct ca_refusal *why)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(text, types[i].text) == 0) {
            *ret = types[i].alg;
            return ERR_OK;
        }
    return ca_refuse(why, ERR_UNSUPPORTED, "--key-type %s: one of " CA_KEY_TYPES, text);
}

static enum err spki_fill(struct ca_key *key, struct ca_refusal *why)
{
    int size = i2d_PUBKEY(key->public_key, &key->spki);
    if (size <= 0)
        return ca_refuse(why, ERR_CRYPTO, "the public key cannot be encoded");
    key->spki_size = (size_t)size;
    return ERR_OK;
}

static bool is_uri(const char *where)
{
    return strncmp(where, "pkcs11:", 7) == 0;
}

/* One attribute of the URI as text; hexadecimal for the id. */
static bool take_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, char *out, size_t out_size)
{
    const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, type);
    if (a == NULL)
        return true;
    if (type == CKA_ID)
        return hex_encode(span_of(a->pValue, a->ulValueLen), out, out_size) == ERR_OK;
    return (size_t)snprintf(out, out_size, "%.*s", (int)a->ulValueLen, (const char *)a->pValue) <
           out_size;
}

static bool take_uri(P11KitUri *uri, struct ca_key *key)
{
    const CK_TOKEN_INFO *token = p11_kit_uri_get_token_info(uri);
    const char *module = p11_kit_uri_get_module_path(uri);
    const char *pin = p11_kit_uri_get_pin_source(uri);
    if (pin != NULL && strncmp(pin, "file:", 5) == 0)
        pin += 5;
    size_t size = sizeof token->label;
    while (size > 0 && (token->label[size - 1] == ' ' || token->label[size - 1] == '\0'))
        size--;
    memcpy(key->token, token->label, size);
    return take_attribute(uri, CKA_LABEL, key->label, sizeof key->label) &&
           take_attribute(uri, CKA_ID, key->id, sizeof key->id) && module != NULL &&
           (size_t)snprintf(key->module, sizeof key->module, "%s", module) < sizeof key->module &&
           (size_t)snprintf(key->pin_file, sizeof key->pin_file, "%s", pin == NULL ? "" : pin) <
               sizeof key->pin_file;
}

static enum err uri_read(const char *text, const char *pin_file, struct ca_key *key,
                         struct ca_refusal *why)
{
    P11KitUri *uri = p11_kit_uri_new();
    bool read = uri != NULL &&
                p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri) == P11_KIT_URI_OK &&
                !p11_kit_uri_any_unrecognized(uri) && take_uri(uri, key);
    p11_kit_uri_free(uri);
    if (!read)
        return ca_refuse(why, ERR_CONFIG, "--key %s: not a pkcs11: URI with a module-path", text);
    if (key->label[0] == '\0' && key->id[0] == '\0')
        return ca_refuse(why, ERR_CONFIG, "--key %s: neither object nor id", text);
    if (pin_file != NULL)
        snprintf(key->pin_file, sizeof key->pin_file, "%s", pin_file);
    key->options = (struct signer_options){.backend = SIGNER_PKCS11,
                                           .module = key->module,
                                           .token_label = key->token,
                                           .key_label = key->label,
                                           .key_id = key->id,
                                           .pin_file = key->pin_file};
    return ERR_OK;
}

static enum err begin_token(const struct ca_key_options *o, struct ca_key *key,
                            struct ca_refusal *why)
{
    enum sig_alg alg = SIG_ECDSA_P256_SHA256;
    TRY(uri_read(o->where, o->pin_file, key, why));
    if (o->type != NULL)
        TRY(type_find(o->type, &alg, why));
    enum err err = o->type != NULL ? pkcs11_key_make(&key->options, alg, &key->public_key)
                                   : pkcs11_key_public(&key->options, &key->public_key);
    if (err != ERR_OK)
        return ca_refuse(why, err, "--key %s: %s", o->where,
                         err == ERR_EXISTS ? "the token has a key of that name already; leave out "
                                             "--key-type to use it"
                                           : err_text(err));
    return ERR_OK;
}

static enum err read_secret_for(const char *path, const char *passphrase_file, struct ca_key *key,
                                struct ca_refusal *why)
{
    struct buffer pem = {0};
    enum err err = file_read(path, KEY_FILE_BYTES_MAX, &pem);
    bool encrypted = err == ERR_OK && ca_key_encrypted(span_of(pem.data, pem.size));
    if (pem.data != NULL)
        OPENSSL_cleanse(pem.data, pem.size);
    buffer_done(&pem);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", path, err_text(err));
    if (encrypted)
        TRY(ca_secret_get(passphrase_file, false, key->secret, why));
    key->options = (struct signer_options){
        .backend = SIGNER_PEM, .key_file = key->path, .passphrase = encrypted ? key->secret : NULL};
    return ERR_OK;
}

/* An existing key in a file of its own. */
static enum err begin_file(const struct ca_key_options *o, struct ca_key *key,
                           struct ca_refusal *why)
{
    if (o->type != NULL)
        return ca_refuse(why, ERR_CONFIG, "--key-type: --key %s names a key that exists", o->where);
    char *full = realpath(o->where, NULL);
    if (full == NULL ||
        (size_t)snprintf(key->path, sizeof key->path, "%s", full) >= PATH_BYTES_MAX) {
        free(full);
        return ca_refuse(why, ERR_NOT_FOUND, "--key %s: no such file", o->where);
    }
    free(full);
    snprintf(key->where, sizeof key->where, "%s", key->path);
    TRY(read_secret_for(key->path, o->passphrase_file, key, why));
    BIO *in = BIO_new_file(key->path, "r");
    EVP_PKEY *private_key =
        in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, NULL, key->secret);
    BIO_free(in);
    if (private_key == NULL)
        return ca_refuse(why, ERR_KEY, "--key %s: no private key in PEM, or another passphrase",
                         o->where);
    key->public_key = private_key;
    return ERR_OK;
}

static EVP_PKEY *make(enum sig_alg alg)
{
    switch (alg) {
    case SIG_ECDSA_P256_SHA256:
        return EVP_EC_gen("P-256");
    case SIG_ECDSA_P384_SHA384:
        return EVP_EC_gen("P-384");
    case SIG_RSA3072_SHA256:
        return EVP_RSA_gen(3072);
    case SIG_RSA4096_SHA256:
        return EVP_RSA_gen(4096);
    case SIG_RSA2048_SHA256:
    case SIG_ED25519:
        break;
    }
    return NULL;
}

static enum err begin_new(const struct ca_key_options *o, const char *stem,
                          const char *default_type, struct ca_step *step, struct ca_key *key,
                          struct ca_refusal *why)
{
    enum sig_alg alg = SIG_ECDSA_P256_SHA256;
    struct buffer pem = {0};
    char name[NAME_BYTES];
    TRY(type_find(o->type == NULL ? default_type : o->type, &alg, why));
    TRY(ca_secret_get(o->passphrase_file, true, key->secret, why));
    snprintf(name, sizeof name, "%s-key.pem", stem);
    key->private_key = make(alg);
    enum err err =
        key->private_key == NULL ? ERR_CRYPTO : ca_key_pem(key->private_key, key->secret, &pem);
    if (err == ERR_OK)
        err = ca_step_write(step, name, true, span_of(pem.data, pem.size), 0600, false);
    buffer_done(&pem);
    if (err != ERR_OK)
        return ca_refuse(why, err, "a new key: %s", err_text(err));
    key->in_folder = true;
    key->public_key = key->private_key;
    EVP_PKEY_up_ref(key->public_key);
    return ERR_OK;
}

static enum err begin(const struct ca_key_options *o, const char *stem, const char *default_type,
                      struct ca_step *step, struct ca_key *key, struct ca_refusal *why)
{
    char name[NAME_BYTES];
    if (o->where == NULL) {
        TRY(begin_new(o, stem, default_type, step, key, why));
        return spki_fill(key, why);
    }
    if (strlen(o->where) >= CA_URI_BYTES_MAX)
        return ca_refuse(why, ERR_LIMIT, "--key: longer than %d octets", CA_URI_BYTES_MAX - 1);
    snprintf(key->where, sizeof key->where, "%s", o->where);
    TRY(is_uri(o->where) ? begin_token(o, key, why) : begin_file(o, key, why));
    snprintf(name, sizeof name, "%s-key.where", stem);
    TRY(ca_step_write(step, name, true, span_text(key->where), 0600, false));
    return spki_fill(key, why);
}

enum err ca_key_begin(const struct ca_key_options *o, const char *stem, const char *default_type,
                      struct ca_step *step, struct ca_key *ret, struct ca_refusal *why)
{
    *ret = (struct ca_key){0};
    enum err err = begin(o, stem, default_type, step, ret, why);
    if (err != ERR_OK)
        ca_key_done(ret);
    return err;
}

/* A key that is in memory only. */
static enum err sign_new(const struct ca_key *key, struct span tbs, enum sig_alg alg,
                         uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    uint8_t x509[SIG_X509_BYTES_MAX];
    size_t size = sizeof x509, stored_size = sig_alg_info((uint8_t)alg)->size;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context != NULL &&
                EVP_DigestSignInit_ex(context, NULL, key_alg_digest(alg), NULL, NULL,
                                      key->private_key, NULL) == 1 &&
                EVP_DigestSign(context, x509, &size, tbs.data, tbs.size) == 1;
    EVP_MD_CTX_free(context);
    if (!made)
        return ERR_CRYPTO;
    TRY(sig_from_x509(alg, span_of(x509, size), out, SIGNATURE_BYTES_MAX));
    *ret_size = stored_size;
    return ERR_OK;
}

static enum err sign_where(const struct ca_key *key, struct span tbs,
                           uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    struct signer *signer = NULL;
    struct signer_worker *worker = NULL;
    TRY(signer_open_for(&key->options, key->public_key, &signer));
    enum err err = signer_worker_new(signer, &worker);
    if (err == ERR_OK)
        err = signer_worker_sign(worker, tbs, out, ret_size);
    signer_worker_free(worker);
    signer_free(signer);
    return err;
}

enum err ca_key_sign(const struct ca_key *key, struct span tbs,
                     uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size,
                     struct ca_refusal *why)
{
    enum sig_alg alg;
    enum err err = key_alg_of(key->public_key, &alg);
    if (err == ERR_OK)
        err = key->private_key != NULL ? sign_new(key, tbs, alg, out, ret_size)
                                       : sign_where(key, tbs, out, ret_size);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "the key does not sign: %s", err_text(err));
}

static enum err find_in_folder(const struct ca_folder *folder, const char *stem,
                               const struct ca_key_options *o, struct ca_key *key,
                               struct ca_refusal *why)
{
    char name[NAME_BYTES], path[PATH_BYTES_MAX];
    struct buffer where = {0};
    snprintf(name, sizeof name, "%s-key.where", stem);
    if (!ca_folder_has(folder, name)) {
        snprintf(name, sizeof name, "%s-key.pem", stem);
        TRY(ca_folder_path(folder, name, key->path));
        return read_secret_for(key->path, o->passphrase_file, key, why);
    }
    TRY(ca_folder_path(folder, name, path));
    enum err err = file_read(path, CA_URI_BYTES_MAX - 1, &where);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: %s", path, err_text(err));
    memcpy(key->where, where.data, where.size);
    buffer_done(&where);
    if (is_uri(key->where))
        return uri_read(key->where, o->pin_file, key, why);
    snprintf(key->path, sizeof key->path, "%s", key->where);
    return read_secret_for(key->path, o->passphrase_file, key, why);
}

enum err ca_key_of_folder(const struct ca_folder *folder, const char *stem,
                          const struct ca_key_options *o, EVP_PKEY *public_key, struct ca_key *ret,
                          struct ca_refusal *why)
{
    struct signer *signer = NULL;
    *ret = (struct ca_key){.public_key = public_key};
    EVP_PKEY_up_ref(public_key);
    enum err err = find_in_folder(folder, stem, o, ret, why);
    if (err == ERR_OK) {
        err = signer_open_for(&ret->options, public_key, &signer);
        signer_free(signer);
        if (err != ERR_OK)
            err = ca_refuse(why, err, "%s: the key of the folder does not open, or is another: %s",
                            folder->path, err_text(err));
    }
    if (err == ERR_OK)
        err = spki_fill(ret, why);
    if (err != ERR_OK)
        ca_key_done(ret);
    return err;
}

void ca_key_done(struct ca_key *key)
{
    EVP_PKEY_free(key->public_key);
    EVP_PKEY_free(key->private_key);
    OPENSSL_free(key->spki);
    OPENSSL_cleanse(key, sizeof *key);
}
