/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA signing of hashes with one key by one thread, at less cost than EVP_PKEY_sign().
 *
 * The same code of libcrypto does the mathematics. Saved are, for each signature, a new BN_CTX, a
 * fetch of SHA-512, the provider's layers, and the way to DER and back: about a tenth of P-256. The
 * nonce comes from libcrypto's private random generator, uniform below the order, as
 * ECDSA_sign_setup() draws it; EVP_PKEY_sign() mixes the key and the hash into it besides, as a
 * guard against a generator that has failed (docs/threat-model.md). */
#pragma once

#include <openssl/types.h>

#include "lib/err.h"
#include "lib/span.h"

struct ecdsa_key;

/** Takes a copy of the private key. ERR_KEY (not an EC key with a private part), ERR_CRYPTO,
 *  ERR_MEMORY. */
MUST_CHECK enum err ecdsa_key_new(const EVP_PKEY *key, struct ecdsa_key **ret);
/** Takes NULL, returns NULL. */
struct ecdsa_key *ecdsa_key_free(struct ecdsa_key *key);

/** Signs a hash as r||s, each half of `out_size` wide (FIPS 186-5 6.4). out_size is twice the
 *  octets of the order. ERR_CRYPTO. Not thread-safe. */
MUST_CHECK enum err ecdsa_key_sign(struct ecdsa_key *key, struct span hash, uint8_t *out,
                                   size_t out_size);
