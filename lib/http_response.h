/* SPDX-License-Identifier: Apache-2.0 */
/* Response head writer. Sticky error, no allocation. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

struct http_writer {
    uint8_t *out;
    size_t out_size;
    size_t size;
    enum err err; /* sticky: ERR_NO_SPACE */
};

/** Status line "HTTP/1.1 <status> <reason>"; statuses are those of HTTP_STATUS_TABLE. */
void http_writer_start(struct http_writer *w, uint16_t status, uint8_t *out, size_t out_size);
void http_writer_field(struct http_writer *w, const char *name, struct span value);
void http_writer_number(struct http_writer *w, const char *name, uint64_t value);
/** IMF-fixdate (RFC 9110 5.6.7). */
void http_writer_date(struct http_writer *w, const char *name, uint64_t time_s);
/** The empty line. ERR_NO_SPACE. */
MUST_CHECK enum err http_writer_finish(struct http_writer *w, size_t *ret_size);

/** "OK" for 200 and so on; "Unknown" outside the table; never NULL. */
const char *http_status_reason(uint16_t status);
