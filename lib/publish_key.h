/* SPDX-License-Identifier: Apache-2.0 */
/* The Ed25519 key pair that signs heads and log entries.
 *
 * The public half travels as a C2SP verifier key: "<name>+<8 hex key id>+<base64 of 0x01 || key>";
 * the key id is the leading 4 octets of SHA-256(name || "\n" || 0x01 || key). The name is the
 * network's. */
#pragma once

#include "lib/err.h"
#include "lib/limit.h"
#include "lib/span.h"

#define ED25519_PUBLIC_BYTES    32
#define ED25519_SIGNATURE_BYTES 64
#define PUBLISH_KEY_ID_BYTES    4
#define VKEY_TEXT_BYTES         (NETWORK_NAME_MAX + 1 + 8 + 1 + 48)

struct verify_key {
    char network[NETWORK_NAME_MAX + 1];
    uint8_t id[PUBLISH_KEY_ID_BYTES];
    uint8_t public_key[ED25519_PUBLIC_BYTES];
};

/** A network name: 1..NETWORK_NAME_MAX of A-Z a-z 0-9 . - ; first a letter or digit. ERR_MALFORMED.
 */
MUST_CHECK enum err network_name_check(struct span name);

/** Text -> key; the id must fit the key. ERR_MALFORMED, ERR_KEY. */
MUST_CHECK enum err verify_key_from_text(struct span text, struct verify_key *ret);
void verify_key_to_text(const struct verify_key *key, char ret[static VKEY_TEXT_BYTES]);
/** From name and raw key. ERR_MALFORMED (name). */
MUST_CHECK enum err verify_key_make(struct span network,
                                    const uint8_t public_key[static ED25519_PUBLIC_BYTES],
                                    struct verify_key *ret);
/** ERR_SIGNATURE, ERR_CRYPTO. */
MUST_CHECK enum err verify_key_verify(const struct verify_key *key, struct span message,
                                      const uint8_t signature[static ED25519_SIGNATURE_BYTES]);

/** The private half; opaque, owned by the caller. */
struct publish_key;
/** A fresh pair. ERR_CRYPTO. */
MUST_CHECK enum err publish_key_generate(struct span network, struct publish_key **ret);
/** PKCS#8 PEM. ERR_MALFORMED, ERR_KEY (not Ed25519). */
MUST_CHECK enum err publish_key_from_pem(struct span network, struct span pem,
                                         struct publish_key **ret);
/** PKCS#8 PEM text into `out`. ERR_NO_SPACE, ERR_CRYPTO. */
MUST_CHECK enum err publish_key_to_pem(const struct publish_key *key, char *out, size_t out_size,
                                       size_t *ret_size);
/** The public half; borrowed. */
const struct verify_key *publish_key_public(const struct publish_key *key);
/** ERR_CRYPTO. */
MUST_CHECK enum err publish_key_sign(const struct publish_key *key, struct span message,
                                     uint8_t ret[static ED25519_SIGNATURE_BYTES]);
/** Takes NULL; returns NULL. */
struct publish_key *publish_key_free(struct publish_key *key);
