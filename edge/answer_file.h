/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with files: what the snapshot's path table has at the request's path. Part of
 * edge/answer.c; pure.
 *
 * GET and HEAD of a path that is in the table, octet for octet and without a query: 200, 206 (one
 * range), 304, 416, 503; any other method 405.
 *
 *  - Never past its time: from `expires` on the answer is 503, not to be stored, with Retry-After.
 *    An expired CRL that is served looks like a good one to clients that do not check nextUpdate,
 *    and a client that does is not helped by it; a cache behind us may know a newer one.
 *  - A file of a slow clock's future is served (clients judge thisUpdate by their own clock), but
 *    Last-Modified is never after Date (RFC 9110 8.8.2.1).
 *  - max-age lasts to the next planned one, ANSWER_LATE_MAX_AGE_S when that is late; what has no
 *    plan gets ANSWER_FILE_MAX_AGE_S. stale-if-error begins where max-age ends and lasts until
 *    `expires`, so that no cache may use a file past its time. Expires says the same as max-age.
 *  - If-Modified-Since confirms only exactly the date that was given: a file may be replaced by one
 *    with an earlier date when a clock was set back, and that must not be confirmed away.
 *  - If-Range: the strong entity tag; else the whole. A date is none (RFC 9110 8.8.2.2): two CRLs
 * may be made in one second, and a client must not put parts of both together. Range counts for GET
 * only. Repeated fields count as no Range.
 *  - Entity tag: the leading 16 octets of the file's SHA-256.
 *  - Cache-Tag: the subtype of the media type ("pkix-crl"), and the path's first segment when there
 *    are more and it is of letters, digits, "-", "." and "_": purge by kind, or by issuer's folder.
 */
#pragma once

#include "edge/answer.h"
#include "lib/http_range.h"

#define ANSWER_FILE_MAX_AGE_S        86400
#define ANSWER_FILE_STALE_IF_ERROR_S 604800 /* of a file that does not expire */
#define ANSWER_TAG_SEGMENT_MAX       64
/* Files up to here are written behind their head, as one piece with it. */
#define ANSWER_FILE_COPY_MAX OCSP_RESPONSE_BYTES_MAX

/** false: there is no file at the path, `query` is unchanged. */
bool answer_file_begin(const struct path_table *table, struct span path,
                       const struct http_request *request, struct answer_query *query);
/** If-Match of the query's file (RFC 9110 13.1.1): all of its fields together are one list. */
void answer_file_if_match(const struct http_request *request, struct answer_query *query);
/** As answer_finish(), for a query with a file. */
enum outcome answer_file_finish(const struct answer_clock *clock, struct answer_query *query,
                                enum answer_connection connection, uint8_t *out, size_t out_size,
                                size_t *ret_size);
/** The body of a part: behind the head when it is small (what is put at `out` is returned), else
 * left in the query for the connection to send. */
size_t answer_file_body(struct answer_query *query, const struct http_range *part, uint8_t *out);
