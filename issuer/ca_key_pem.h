/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as files of the ceremony: encrypted PKCS#8 in PEM, and the passphrase for it. For
 * ca_key.c. */
#pragma once

#include "issuer/ca_key.h"

/** The passphrase: first line of the file, or asked on the terminal, twice for a new key.
 * ERR_RANGE: shorter than CA_SECRET_BYTES_MIN (of a new one); ERR_NOT_FOUND, ERR_IO (no terminal,
 * not equal). */
MUST_CHECK enum err ca_secret_get(const char *file, bool is_new,
                                  char out[static CA_SECRET_BYTES_MAX], struct ca_refusal *why);
/** PBES2 with AES-256-CBC and PBKDF2 (HMAC-SHA-256, 600,000 rounds). ERR_CRYPTO, ERR_MEMORY. */
MUST_CHECK enum err ca_key_pem(EVP_PKEY *key, const char *secret, struct buffer *b);
/** Whether that PEM asks for a passphrase. */
bool ca_key_encrypted(struct span pem);
