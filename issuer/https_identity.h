/* SPDX-License-Identifier: Apache-2.0 */
/* Who a client certificate says its holder is. The chain has been verified by TLS; what a CA let
 * into the name is judged here, so that no name can pass for another in a list of roles. */
#pragma once

#include <openssl/x509.h>

#include "issuer/https.h"

/** Sets has_certificate, common_name, fingerprint (of the DER) and not_after_s; the address is left
 * alone. The name is empty unless the subject has exactly one CN, of visible ASCII and spaces
 * within, without "," "=" and quotes, that fits. ERR_CRYPTO. */
MUST_CHECK enum err https_identity_of(const X509 *certificate, struct https_peer *ret);
