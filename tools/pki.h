/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates for `statim init` and `statim responder`, through OpenSSL. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/os/file.h"
#include "lib/os/signer.h"

/** Reads the first PEM certificate of a file. ERR_NOT_FOUND, ERR_IO, ERR_MALFORMED, ERR_MEMORY. */
MUST_CHECK enum err pki_certificate_read(const char *path, X509 **ret);
/** A certificate's template parts (lib/template.h); responder may be NULL. */
MUST_CHECK enum err pki_template(X509 *ca, X509 *responder, struct ocsp_template *ret);
/** The issuer id of a CA certificate's file. */
MUST_CHECK enum err pki_issuer_id(const char *ca_path, uint64_t *ret);
/** Reads a private key in PEM, with its passphrase as the options say. ERR_NOT_FOUND, ERR_IO,
 *  ERR_KEY, ERR_UNSUPPORTED (not a PEM file), ERR_MEMORY. */
MUST_CHECK enum err pki_key_read(const struct signer_options *options, EVP_PKEY **ret);

#define PKI_KEY_TYPES "p256, p384, rsa2048, rsa3072, rsa4096, ed25519"
/** A fresh key. ERR_UNSUPPORTED: the type is none of PKI_KEY_TYPES. */
MUST_CHECK enum err pki_key_make(const char *type, EVP_PKEY **ret);

/** PEM texts, appended. ERR_CRYPTO, ERR_MEMORY. */
MUST_CHECK enum err pki_certificate_pem(X509 *certificate, struct buffer *b);
MUST_CHECK enum err pki_key_pem(EVP_PKEY *key, struct buffer *b);
