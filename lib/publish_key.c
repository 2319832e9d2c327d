/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/publish_key.h"

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/digest.h"
#include "lib/hex.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

/* C2SP signed-note: the algorithm octet before an Ed25519 key. */
#define VKEY_ALGORITHM        0x01
#define VKEY_KEY_BYTES        (1 + ED25519_PUBLIC_BYTES)
#define PUBLISH_PEM_BYTES_MAX 65536

struct publish_key {
    EVP_PKEY *pkey;
    struct verify_key public_half;
};

static bool letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum err network_name_check(struct span name)
{
    if (name.size == 0 || name.size > NETWORK_NAME_MAX || !letter_or_digit(name.data[0]))
        return ERR_MALFORMED;
    for (size_t i = 1; i < name.size; i++)
        if (!letter_or_digit(name.data[i]) && name.data[i] != '.' && name.data[i] != '-')
            return ERR_MALFORMED;
    return ERR_OK;
}

enum err verify_key_make(struct span network, const uint8_t public_key[static ED25519_PUBLIC_BYTES],
                         struct verify_key *ret)
{
    TRY(network_name_check(network));
    struct verify_key key = {.network = ""};
    memcpy(key.network, network.data, network.size);
    memcpy(key.public_key, public_key, ED25519_PUBLIC_BYTES);

    uint8_t named[NETWORK_NAME_MAX + 1 + VKEY_KEY_BYTES];
    memcpy(named, network.data, network.size);
    named[network.size] = '\n';
    named[network.size + 1] = VKEY_ALGORITHM;
    memcpy(named + network.size + 2, public_key, ED25519_PUBLIC_BYTES);
    struct sha256 hash = sha256_of(span_of(named, network.size + 1 + VKEY_KEY_BYTES));
    memcpy(key.id, hash.octets, PUBLISH_KEY_ID_BYTES);
    *ret = key;
    return ERR_OK;
}

enum err verify_key_from_text(struct span text, struct verify_key *ret)
{
    /* A name has no '+'; the base64 may have some: only the first two part the fields. */
    const uint8_t *plus = text.size > 0 ? memchr(text.data, '+', text.size) : NULL;
    if (plus == NULL)
        return ERR_MALFORMED;
    struct span name = span_of(text.data, (size_t)(plus - text.data));
    struct span rest = span_of(plus + 1, text.size - name.size - 1);
    size_t id_digits = 2 * (size_t)PUBLISH_KEY_ID_BYTES;
    if (rest.size <= id_digits || rest.data[id_digits] != '+')
        return ERR_MALFORMED;

    uint8_t id[PUBLISH_KEY_ID_BYTES];
    uint8_t octets[VKEY_KEY_BYTES];
    size_t size;
    TRY(hex_decode(span_of(rest.data, id_digits), id, sizeof id, &size));
    struct span base64 = span_of(rest.data + id_digits + 1, rest.size - id_digits - 1);
    if (base64.size != BASE64_ENCODED_BYTES(VKEY_KEY_BYTES) ||
        base64_decode(base64, octets, sizeof octets, &size) != ERR_OK || size != sizeof octets)
        return ERR_MALFORMED;
    if (octets[0] != VKEY_ALGORITHM)
        return ERR_KEY;
    struct verify_key key;
    TRY(verify_key_make(name, octets + 1, &key));
    if (memcmp(key.id, id, sizeof id) != 0)
        return ERR_KEY;
    *ret = key;
    return ERR_OK;
}

void verify_key_to_text(const struct verify_key *key, char ret[static VKEY_TEXT_BYTES])
{
    uint8_t octets[VKEY_KEY_BYTES];
    octets[0] = VKEY_ALGORITHM;
    memcpy(octets + 1, key->public_key, ED25519_PUBLIC_BYTES);
    char id[2 * PUBLISH_KEY_ID_BYTES + 1];
    char base64[BASE64_ENCODED_BYTES(VKEY_KEY_BYTES)];
    size_t size;
    CHECK(hex_encode(span_of(key->id, sizeof key->id), id, sizeof id) == ERR_OK);
    CHECK(base64_encode(span_of(octets, sizeof octets), base64, sizeof base64, &size) == ERR_OK);
    int written = snprintf(ret, VKEY_TEXT_BYTES, "%s+%s+%.*s", key->network, id, (int)size, base64);
    CHECK(written > 0 && written < VKEY_TEXT_BYTES);
}

enum err verify_key_verify(const struct verify_key *key, struct span message,
                           const uint8_t signature[static ED25519_SIGNATURE_BYTES])
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key, ED25519_PUBLIC_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum err err = ERR_CRYPTO;
    if (pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
        err = EVP_DigestVerify(ctx, signature, ED25519_SIGNATURE_BYTES, message.data,
                               message.size) == 1
                  ? ERR_OK
                  : ERR_SIGNATURE;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    if (err != ERR_OK)
        ERR_clear_error();
    return err;
}

/* Takes over pkey, also on failure. */
static enum err key_from_pkey(struct span network, EVP_PKEY *pkey, struct publish_key **ret)
{
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    size_t size = sizeof public_key;
    struct publish_key *key = NULL;
    enum err err = ERR_KEY;
    if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(pkey, public_key, &size) != 1 || size != sizeof public_key)
        goto fail;
    err = ERR_MEMORY;
    key = calloc(1, sizeof *key);
    if (key == NULL)
        goto fail;
    err = verify_key_make(network, public_key, &key->public_half);
    if (err != ERR_OK)
        goto fail;
    key->pkey = pkey;
    *ret = key;
    return ERR_OK;
fail:
    free(key);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return err;
}

enum err publish_key_generate(struct span network, struct publish_key **ret)
{
    TRY(network_name_check(network));
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    return key_from_pkey(network, pkey, ret);
}

/* Without a callback OpenSSL asks the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

enum err publish_key_from_pem(struct span network, struct span pem, struct publish_key **ret)
{
    TRY(network_name_check(network));
    if (pem.size == 0 || pem.size > PUBLISH_PEM_BYTES_MAX)
        return ERR_MALFORMED;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    if (bio == NULL)
        return ERR_MEMORY;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (pkey == NULL) {
        ERR_clear_error();
        return ERR_MALFORMED;
    }
    return key_from_pkey(network, pkey, ret);
}

enum err publish_key_to_pem(const struct publish_key *key, char *out, size_t out_size,
                            size_t *ret_size)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    enum err err = ERR_CRYPTO;
    char *text = NULL;
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)) {
        long size = BIO_get_mem_data(bio, &text);
        err = size > 0 && (size_t)size <= out_size ? ERR_OK : ERR_NO_SPACE;
        if (err == ERR_OK) {
            memcpy(out, text, (size_t)size);
            *ret_size = (size_t)size;
        }
    }
    BIO_free(bio);
    if (err != ERR_OK)
        ERR_clear_error();
    return err;
}

const struct verify_key *publish_key_public(const struct publish_key *key)
{
    return &key->public_half;
}

enum err publish_key_sign(const struct publish_key *key, struct span message,
                          uint8_t ret[static ED25519_SIGNATURE_BYTES])
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    size_t size = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, signature, &size, message.data, message.size) == 1 &&
              size == sizeof signature;
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    memcpy(ret, signature, sizeof signature);
    return ERR_OK;
}

struct publish_key *publish_key_free(struct publish_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
    return NULL;
}
