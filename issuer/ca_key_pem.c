/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_key_pem.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "lib/os/signer_backend.h"

#define PBKDF2_ROUNDS 600000
#define SALT_BYTES    16

static enum err secret_ask(bool is_new, char out[static CA_SECRET_BYTES_MAX],
                           struct ca_refusal *why)
{
    const char *prompt = is_new ? "New passphrase for the key: " : "Passphrase of the key: ";
    if (UI_UTIL_read_pw_string(out, CA_SECRET_BYTES_MAX, prompt, is_new) != 0)
        return ca_refuse(why, ERR_IO, "passphrase: not given, or not twice the same");
    return ERR_OK;
}

enum err ca_secret_get(const char *file, bool is_new, char out[static CA_SECRET_BYTES_MAX],
                       struct ca_refusal *why)
{
    _Static_assert(SECRET_BYTES_MAX == CA_SECRET_BYTES_MAX, "one size");
    if (file == NULL) {
        TRY(secret_ask(is_new, out, why));
    } else {
        enum err err = secret_read(file, out);
        if (err != ERR_OK)
            return ca_refuse(why, err, "%s: no passphrase in it: %s", file, err_text(err));
    }
    if (is_new && strlen(out) < CA_SECRET_BYTES_MIN)
        return ca_refuse(why, ERR_RANGE, "passphrase: shorter than %d characters",
                         CA_SECRET_BYTES_MIN);
    return ERR_OK;
}

static bool encrypt(EVP_PKEY *key, const char *secret, BIO *out)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *alg = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, NULL, SALT_BYTES, NULL,
                                        NID_hmacWithSHA256);
    X509_SIG *sealed = plain == NULL || alg == NULL
                           ? NULL
                           : PKCS8_set0_pbe(secret, (int)strlen(secret), plain, alg);
    /* The sealed one has taken the algorithm over. */
    if (sealed == NULL)
        X509_ALGOR_free(alg);
    bool done = sealed != NULL && PEM_write_bio_PKCS8(out, sealed) == 1;
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return done;
}

enum err ca_key_pem(EVP_PKEY *key, const char *secret, struct buffer *b)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (out == NULL)
        return ERR_MEMORY;
    enum err err = encrypt(key, secret, out) ? ERR_OK : ERR_CRYPTO;
    long size = BIO_get_mem_data(out, &text);
    if (err == ERR_OK)
        err = buffer_append(b, span_of(text, (size_t)size));
    BIO_free(out);
    return err;
}

bool ca_key_encrypted(struct span pem)
{
    static const char mark[] = "ENCRYPTED";
    return memmem(pem.data, pem.size, mark, sizeof mark - 1) != NULL;
}
