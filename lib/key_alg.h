/* SPDX-License-Identifier: Apache-2.0 */
/* Which signature algorithm an OpenSSL key signs statements with. */
#pragma once

#include <openssl/types.h>

#include "lib/sig_alg.h"

/** P-256, P-384, RSA of exactly 2048, 3072 or 4096 bits, Ed25519. ERR_UNSUPPORTED otherwise: the
 *  stored size of a signature follows from the algorithm number, so other RSA sizes have none. */
MUST_CHECK enum err key_alg_of(const EVP_PKEY *key, enum sig_alg *ret);

/** The OpenSSL name of the digest the algorithm signs; NULL for Ed25519, which hashes itself. */
const char *key_alg_digest(enum sig_alg alg);
