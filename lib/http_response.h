/* SPDX-License-Identifier: Apache-2.0 */
/* Response head writer. Sticky error, no allocation. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* Every status any of the programs answers with. */
#define HTTP_STATUS_TABLE(X)                  \
    X(100, "Continue")                        \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(204, "No Content")                      \
    X(206, "Partial Content")                 \
    X(304, "Not Modified")                    \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(416, "Range Not Satisfiable")           \
    X(422, "Unprocessable Content")           \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(500, "Internal Server Error")           \
    X(503, "Service Unavailable")             \
    X(505, "HTTP Version Not Supported")

struct http_writer {
    uint8_t *out;
    size_t out_size;
    size_t size;
    enum err err; /* sticky: ERR_NO_SPACE, ERR_MALFORMED */
};

/** Status line "HTTP/1.1 <status> <reason>"; statuses are those of HTTP_STATUS_TABLE. */
void http_writer_start(struct http_writer *w, uint16_t status, uint8_t *out, size_t out_size);
/** A value with a control character would end the field early: ERR_MALFORMED. */
void http_writer_field(struct http_writer *w, const char *name, struct span value);
void http_writer_number(struct http_writer *w, const char *name, uint64_t value);
/** The same with a directive around the number, such as "max-age=" and ", public". */
void http_writer_directive(struct http_writer *w, const char *name, const char *before,
                           uint64_t value, const char *after);
/** IMF-fixdate (RFC 9110 5.6.7). */
void http_writer_date(struct http_writer *w, const char *name, uint64_t time_s);
/** The empty line. ERR_NO_SPACE, ERR_MALFORMED. */
MUST_CHECK enum err http_writer_finish(struct http_writer *w, size_t *ret_size);

/** "OK" for 200 and so on; "Unknown" outside the table; never NULL. */
const char *http_status_reason(uint16_t status);
