/* SPDX-License-Identifier: Apache-2.0 */
/* From a profile to a signed certificate: encode, lint, show, sign, lint again. For the steps of a
 * ceremony. */
#pragma once

#include <openssl/x509.h>

#include "issuer/ca_ceremony.h"
#include "issuer/ca_profile.h"

/* The text of a kind, the beginning of its file names, its days. */
const char *ca_kind_text(enum ca_kind kind);
const char *ca_kind_stem(enum ca_kind kind);

/** Random serial, times from the options. ERR_RANGE (days), ERR_MALFORMED, ERR_CRYPTO. */
MUST_CHECK enum err ca_profile_begin(const struct ca_options *o, struct ca_profile *ret,
                                     struct ca_refusal *why);
/** The to-be-signed octets and a certificate around them with a made-up signature, which keeps all
 *  rules. `issuer`: NULL for a root. */
MUST_CHECK enum err ca_draft(const struct ca_profile *p, X509 *issuer,
                             uint8_t tbs[static CA_TBS_BYTES_MAX], size_t *ret_size, X509 **ret,
                             struct ca_refusal *why);
/** Signs them with the CA's key, and checks what came out. */
MUST_CHECK enum err ca_finish(const struct ca_profile *p, X509 *issuer, const struct ca_key *key,
                              struct span tbs, X509 **ret, struct ca_refusal *why);
/** A decimal number in [least, most]. ERR_RANGE. */
MUST_CHECK enum err ca_number(const char *option, const char *text, uint32_t least, uint32_t most,
                              uint32_t *ret, struct ca_refusal *why);
