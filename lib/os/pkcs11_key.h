/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs in a PKCS#11 token: making one, and reading the public half of one. What goes wrong is
 * logged in words. */
#pragma once

#include "lib/os/signer.h"

/** The public key with the label and id of the options. ERR_KEY (none, or several), ERR_CONFIG,
 *  ERR_CRYPTO, ERR_UNSUPPORTED (neither RSA nor an elliptic curve by name). */
MUST_CHECK enum err pkcs11_key_public(const struct signer_options *options, EVP_PKEY **ret);
/** Makes a key pair with that label and id for RSA of 2048, 3072 or 4096 bits, P-256 or P-384: the
 *  private key never leaves the token. ERR_EXISTS: the token has a key of that label or id. */
MUST_CHECK enum err pkcs11_key_make(const struct signer_options *options, enum sig_alg alg,
                                    EVP_PKEY **ret);
