/* SPDX-License-Identifier: Apache-2.0 */
/* Whose statements an edge takes. A template must be consistent in itself; when CA certificates are
 * configured, it must also be of one of them: signed by that CA, or by a responder that this CA has
 * certified for OCSP signing (RFC 6960 4.2.2.2). Whether a responder certificate is still valid in
 * time is its publisher's care: a statement's nextUpdate never goes beyond it. */
#pragma once

#include "edge/issuer_set.h"
#include "lib/template.h"

#define TRUST_FILE_BYTES_MAX (1u << 20)

struct trust;

/** Reads PEM files, one or more certificates each; no file: every consistent template is taken. On
 *  failure *ret_bad (may be NULL) is the number of the file. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT,
 *  ERR_MALFORMED (no certificate, or one that does not decode), ERR_UNSUPPORTED (key type),
 *  ERR_MEMORY. */
MUST_CHECK enum err trust_load(char *const *files, unsigned count, struct trust **ret,
                               unsigned *ret_bad);
/** NULL in, NULL out. */
struct trust *trust_free(struct trust *trust);

/** The issuers of the configured CAs. Lives as long as `trust`. */
const struct issuer_set *trust_issuers(const struct trust *trust);

/** ERR_MALFORMED: keys, hashes or the responder certificate contradict one another, or do not
 * decode. ERR_KEY: no configured CA is that issuer, or the signer is neither the CA nor certified
 * by it. ERR_SIGNATURE: the responder certificate is not signed by the CA's key. */
MUST_CHECK enum err trust_check(const struct trust *trust, const struct ocsp_template *t);
