/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of the answers, and the whole of those that are not statements. */
#pragma once

#include "edge/answer.h"
#include "lib/http_response.h"

#define ANSWER_ETAG_OCTETS 16 /* of the signature: a unique digest already */
#define ANSWER_ETAG_BYTES  (2 * ANSWER_ETAG_OCTETS + 2)
#define ANSWER_NO_LENGTH   SIZE_MAX

/** What caches are told about a statement. */
struct answer_validators {
    uint32_t max_age_s;
    uint32_t this_update_s;
    uint32_t until_s;         /* Expires */
    const uint8_t *signature; /* ANSWER_ETAG_OCTETS at least */
};

/** The statement is fresh at now_s, to be used until until_s, which is not beyond its nextUpdate;
 * its signature has ANSWER_ETAG_OCTETS at least. */
void answer_validators_make(const struct ocsp_template *t, const struct statement *statement,
                            uint64_t until_s, uint64_t now_s, struct answer_validators *ret);

/** The entity tag of a statement, with its quotes. */
void answer_etag_write(const uint8_t signature[static ANSWER_ETAG_OCTETS],
                       uint8_t ret[static ANSWER_ETAG_BYTES]);

/** Head of a statement: 200 with the body's size, or 304 with ANSWER_NO_LENGTH. Returns its size;
 *  HTTP_RESPONSE_HEAD_MAX is room enough. */
size_t answer_head_statement(const struct answer_clock *clock,
                             const struct answer_validators *validators, size_t body_size,
                             enum answer_connection connection, uint8_t *out, size_t out_size);

/** Head and body of any other outcome. Returns the size. */
size_t answer_other(const struct answer_clock *clock, enum outcome outcome, bool without_body,
                    enum answer_connection connection, uint8_t *out, size_t out_size);

/** 416: no octet of the range is in the file, which has file_bytes. */
size_t answer_file_range_error(const struct answer_clock *clock, uint64_t file_bytes,
                               enum answer_connection connection, uint8_t *out, size_t out_size);
/** The Connection field, where one is needed. */
void answer_connection_field(struct http_writer *w, enum answer_connection connection);
