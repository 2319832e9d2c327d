/* SPDX-License-Identifier: Apache-2.0 */
/* Strict HTTP/1.1 request head codec (RFC 9112). Pure: bytes in, spans into the same bytes out.
 *
 * Strict where framing could be read in two ways (request smuggling): bare LF, obs-fold, space
 * before a colon, repeated or malformed Content-Length, Content-Length with Transfer-Encoding, no
 * or repeated Host in 1.1, control characters: all BAD, and the connection is closed after the
 * answer. The target is never normalised. */
#pragma once

#include "lib/limit.h"
#include "lib/span.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

/* Verdict of the head parser; the numbers of BAD rows are HTTP statuses to answer with. */
#define HTTP_VERDICT_TABLE(X)                                                                    \
    X(MORE, 0, "the head is not complete")                                                       \
    X(REQUEST, 0, "a complete head")                                                             \
    X(BAD_REQUEST, 400, "malformed head")                                                        \
    X(LENGTH_REQUIRED, 411, "a body without Content-Length")                                     \
    X(TARGET_TOO_LONG, 414, "the target is longer than HTTP_TARGET_BYTES_MAX")                   \
    X(HEAD_TOO_LARGE, 431, "the head is longer than HTTP_HEAD_BYTES_MAX or has too many fields") \
    X(VERSION, 505, "not HTTP/1.0 or HTTP/1.1")

enum http_verdict {
#define X(name, status, text) HTTP_##name,
    HTTP_VERDICT_TABLE(X)
#undef X
        HTTP_VERDICT_COUNT
};

struct http_request {
    enum http_method method;
    uint8_t minor_version; /* 0 or 1 */
    bool keep_alive;       /* what the client asked for (RFC 9112 9.3) */
    bool expect_continue;  /* Expect: 100-continue (RFC 9110 10.1.1) */
    bool has_content_length;
    uint64_t content_length_bytes; /* 0 without */
    size_t head_bytes;             /* the body starts here */
    struct span method_text;
    struct span target; /* as sent: origin form, absolute form, or "*" */
    struct span host;
    struct span content_type;        /* empty when absent; of repeated fields the first */
    struct span if_none_match;       /* one field's value; repeated fields: see the flag */
    struct span if_modified_since;   /* repeated: there and empty, which is no date (9110 13.1.3) */
    struct span if_match;            /* repeated: the first; http_request_field() has all */
    struct span if_unmodified_since; /* repeated: as If-Modified-Since */
    struct span range;
    struct span if_range;
    bool if_none_match_repeated; /* more than one field: treat as no condition */
    bool range_repeated;         /* more than one Range or If-Range: treat as no Range */
};

/** Reads the head at the start of `bytes`. `already_seen` is how many octets an earlier call with
 *  the same start returned MORE for, so that a dripping client costs linear time. One empty line
 *  (CRLF) before the request line is skipped (RFC 9112 2.2). `ret` is parsed into, so that nothing
 *  is copied: unless HTTP_REQUEST is returned it holds nothing of use. */
enum http_verdict http_request_parse(struct span bytes, size_t already_seen,
                                     struct http_request *ret);

/** The same without the short way for lines as they usually are (lib/http_line.h): for tests, which
 *  compare the two. */
enum http_verdict http_request_parse_any(struct span bytes, size_t already_seen,
                                         struct http_request *ret);

/** The next field of that name (lower case) of a request that was parsed: `*at` is NULL for the
 * first, and kept between the calls. false: no more. */
bool http_request_field(const struct http_request *request, const char *name, const uint8_t **at,
                        struct span *ret_value);

/** The HTTP status and the text of a verdict. */
uint16_t http_verdict_status(enum http_verdict verdict);
const char *http_verdict_text(enum http_verdict verdict);
