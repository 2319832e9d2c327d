/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 section 4), and the OCSP GET path (RFC 6960 A.1). */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

#define BASE64_ENCODED_BYTES(n) (((n) + 2) / 3 * 4)

/** Strict alphabet; padding may be missing; non-zero leftover bits are refused. ERR_MALFORMED,
 *  ERR_NO_SPACE. */
MUST_CHECK enum err base64_decode(struct span text, uint8_t *out, size_t out_size,
                                  size_t *ret_size);
/** With padding, no NUL. ERR_NO_SPACE. */
MUST_CHECK enum err base64_encode(struct span data, char *out, size_t out_size, size_t *ret_size);

/* The room that lets a path of n octets be decoded the fast way. Less will do for the result. */
#define OCSP_PATH_DECODE_BYTES(n) ((n) + 16)

/** The path of an OCSP GET -> DER octets of the request. `path` starts with the configured prefix's
 *  "/" already removed; every octet counts and nothing is normalised ("//" stays). '+', '/' and '='
 *  are accepted raw and percent-encoded, "-" and "_" as base64url, padding may be missing, one
 *  leading run of "/" may precede the base64. All of `out` may be written to. ERR_MALFORMED,
 *  ERR_NO_SPACE. */
MUST_CHECK enum err ocsp_path_decode(struct span path, uint8_t *out, size_t out_size,
                                     size_t *ret_size);
/** DER -> base64 with '+', '/', '=' percent-encoded (what a careful client sends). ERR_NO_SPACE. */
MUST_CHECK enum err ocsp_path_encode(struct span der, char *out, size_t out_size, size_t *ret_size);
