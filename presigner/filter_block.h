/* SPDX-License-Identifier: Apache-2.0 */
/* By what a filter knows an issuer. */
#pragma once

#include <openssl/types.h>

#include "lib/digest.h"

/** SHA-256 of the certificate's SubjectPublicKeyInfo. ERR_CRYPTO. */
MUST_CHECK enum err filter_block_of(const X509 *certificate, struct sha256 *ret);
