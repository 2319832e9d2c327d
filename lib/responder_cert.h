/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a CA has certified a responder to sign its OCSP statements (RFC 6960 4.2.2.2). */
#pragma once

#include <openssl/types.h>

#include "lib/err.h"

/** ERR_SIGNATURE: not issued by this CA (its name, its key). ERR_KEY: not for OCSP signing. Its
 *  validity in time is the caller's. */
MUST_CHECK enum err responder_cert_check(X509 *responder, X509 *ca);
