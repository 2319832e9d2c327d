/* SPDX-License-Identifier: Apache-2.0 */
/* The two certificates that `statim` issues: a CA of its own, and a delegated OCSP responder. */
#pragma once

#include <openssl/x509.h>

#include "lib/err.h"

/** A self-signed CA for ten years. ERR_CRYPTO. */
MUST_CHECK enum err pki_ca_make(EVP_PKEY *key, const char *common_name, uint64_t now_s, X509 **ret);
/** A delegated OCSP responder (RFC 6960 4.2.2.2) for `days`, but not longer than the CA; nocheck,
 *  because a client would have to ask this responder about itself. ERR_CRYPTO, ERR_EXPIRED (CA). */
MUST_CHECK enum err pki_responder_make(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, unsigned days,
                                       uint64_t now_s, X509 **ret);
