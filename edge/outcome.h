/* SPDX-License-Identifier: Apache-2.0 */
/* Every request ends in exactly one outcome of this table; the sum of all outcome counters equals
 * the requests. A row gives the enum, the HTTP status, the OCSPResponseStatus, the counter, the
 * text. */
#pragma once

#include <stdint.h>

#include "lib/ocsp_response.h"

#define OUTCOME_NO_OCSP 255 /* no OCSP body */

/* name, HTTP status, OCSPResponseStatus, counter label, text */
#define OUTCOME_TABLE(X)                                                                           \
    X(GOOD, 200, OCSP_SUCCESSFUL, "good", "known and good")                                        \
    X(REVOKED, 200, OCSP_SUCCESSFUL, "revoked", "known and revoked")                               \
    X(NOT_MODIFIED, 304, OUTCOME_NO_OCSP, "not_modified", "the client's copy is current")          \
    X(UNKNOWN_SERIAL, 200, OCSP_UNAUTHORIZED, "unknown_serial", "no statement for this serial")    \
    X(UNKNOWN_ISSUER, 200, OCSP_UNAUTHORIZED, "unknown_issuer", "no such issuer here")             \
    X(MULTIPLE, 200, OCSP_UNAUTHORIZED, "multiple_requests", "more than one Request")              \
    X(STALE, 200, OCSP_TRY_LATER, "stale", "the statement is past its nextUpdate")                 \
    X(FUTURE, 200, OCSP_TRY_LATER, "future", "the statement's thisUpdate is in the future")        \
    X(NOT_READY, 200, OCSP_TRY_LATER, "not_ready", "no complete data set yet")                     \
    X(MALFORMED, 200, OCSP_MALFORMED_REQUEST, "malformed", "the OCSPRequest does not decode")      \
    X(NOT_FOUND, 404, OUTCOME_NO_OCSP, "http_404", "no such path")                                 \
    X(BAD_HTTP, 400, OUTCOME_NO_OCSP, "http_400", "malformed HTTP")                                \
    X(METHOD, 405, OUTCOME_NO_OCSP, "http_405", "not GET, HEAD or POST")                           \
    X(TIMEOUT, 408, OUTCOME_NO_OCSP, "http_408", "the request did not arrive in time")             \
    X(LENGTH_REQUIRED, 411, OUTCOME_NO_OCSP, "http_411", "a body without Content-Length")          \
    X(BODY_TOO_LARGE, 413, OUTCOME_NO_OCSP, "http_413", "the body is above its limit")             \
    X(TARGET_TOO_LONG, 414, OUTCOME_NO_OCSP, "http_414", "the target is above its limit")          \
    X(MEDIA_TYPE, 415, OUTCOME_NO_OCSP, "http_415", "a POST that is not application/ocsp-request") \
    X(HEAD_TOO_LARGE, 431, OUTCOME_NO_OCSP, "http_431", "the request head is above its limit")     \
    X(VERSION, 505, OUTCOME_NO_OCSP, "http_505", "not HTTP/1.0 or HTTP/1.1")                       \
    X(FILE, 200, OUTCOME_NO_OCSP, "file", "a file")                                                \
    X(FILE_PART, 206, OUTCOME_NO_OCSP, "file_part", "a range of a file")                           \
    X(FILE_NOT_MODIFIED, 304, OUTCOME_NO_OCSP, "file_not_modified",                                \
      "the client's copy of the file is current")                                                  \
    X(FILE_METHOD, 405, OUTCOME_NO_OCSP, "file_405", "a file, and not GET or HEAD")                \
    X(FILE_CONDITION, 412, OUTCOME_NO_OCSP, "file_412",                                            \
      "the file is another than the client asked for")                                             \
    X(FILE_RANGE, 416, OUTCOME_NO_OCSP, "file_416", "the range begins behind the file's end")      \
    X(FILE_EXPIRED, 503, OUTCOME_NO_OCSP, "file_expired", "the file is past its time")

enum outcome {
#define X(name, http, ocsp, label, text) OUTCOME_##name,
    OUTCOME_TABLE(X)
#undef X
        OUTCOME_COUNT
};

struct outcome_info {
    uint16_t http_status;
    uint8_t ocsp_status;
    const char *label;
    const char *text;
};

/** The row of an outcome; the outcome must be one of the table. */
const struct outcome_info *outcome_info(enum outcome outcome);
