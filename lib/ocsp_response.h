/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic OCSPResponse encoder (RFC 6960 4.2.1, RFC 9919 3.2).
 *
 * The presigner hashes and signs what ocsp_tbs_encode() writes; the edge sends what
 * ocsp_response_encode() writes. The first is a part of the second, made by the same code, so the
 * signature the edge sends is over the octets it sends. */
#pragma once

#include "lib/template.h"

/* OCSPResponseStatus, RFC 6960 4.2.1 */
enum ocsp_response_status {
    OCSP_SUCCESSFUL = 0,
    OCSP_MALFORMED_REQUEST = 1,
    OCSP_INTERNAL_ERROR = 2,
    OCSP_TRY_LATER = 3,
    OCSP_UNAUTHORIZED = 6,
};

#define OCSP_TBS_BYTES_MAX 640

/** ResponseData (the to-be-signed part). No extensions; the default version is not encoded. The
 *  reason is encoded as the facts have it: REASON_ABSENT omits it, REASON_UNSPECIFIED is written as
 *  0. RFC 5280 5.3.1 would have unspecified omitted: whoever makes facts stores REASON_ABSENT then.
 *
 *  produced_at_s is an argument of its own for foreign vectors; our own statements pass
 *  facts->this_update_s. ERR_NO_SPACE, ERR_MALFORMED (a status, reason, CertID set or serial size
 *  that cannot be encoded). */
MUST_CHECK enum err ocsp_tbs_encode(const struct ocsp_template *t, const struct serial *serial,
                                    const struct facts *facts, uint32_t produced_at_s, uint8_t *out,
                                    size_t out_size, size_t *ret_size);

/** The whole successful OCSPResponse. `signature` in stored form. ERR_NO_SPACE, ERR_MALFORMED (as
 *  above, or the signature does not fit the template's algorithm). */
MUST_CHECK enum err ocsp_response_encode(const struct ocsp_template *t, const struct serial *serial,
                                         const struct facts *facts, uint32_t produced_at_s,
                                         struct span signature, uint8_t *out, size_t out_size,
                                         size_t *ret_size);

/** The five constant octets of an unsuccessful response; static storage. */
struct span ocsp_error_response(enum ocsp_response_status status);
