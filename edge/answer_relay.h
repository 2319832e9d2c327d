/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a relay listener: the files of the publication, out of the snapshot's copy, and
 * nothing else (404). Pure but for the lookup (edge/snapshot_relay.h).
 *
 * GET and HEAD: 200, 206 (one range), 304, 416; any other method 405.
 *
 *  - Everything but the head never changes under its name and may be kept for ever. The head may be
 *    kept for ANSWER_RELAY_HEAD_MAX_AGE_S: it is the news.
 *  - A head past its validity is served: who asks verifies it and goes to the next origin.
 *  - Entity tag: the leading 16 octets of the file's SHA-256. There is no Last-Modified, so that
 *    If-Modified-Since and If-Range with a date never apply.
 *  - Range counts for GET only. Repeated fields count as no Range. */
#pragma once

#include "edge/answer.h"

#define ANSWER_RELAY_HEAD_MAX_AGE_S 1
#define ANSWER_RELAY_FILE_MAX_AGE_S 31536000

/** As answer_begin(), of a request at a relay listener. */
void answer_relay_begin(const struct snapshot *snapshot, const struct http_request *request,
                        struct answer_query *query);
/** As answer_finish(), for a query with a relay's file. */
enum outcome answer_relay_finish(const struct answer_clock *clock, struct answer_query *query,
                                 enum answer_connection connection, uint8_t *out, size_t out_size,
                                 size_t *ret_size);
