/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer_relay.h"

#include "edge/answer_file.h"
#include "edge/answer_head.h"
#include "edge/snapshot_relay.h"
#include "lib/check.h"
#include "lib/http_range.h"
#include "lib/http_response.h"
#include "lib/http_target.h"

#include <inttypes.h>
#include <stdio.h>

_Static_assert(PACK_BYTES_MAX <= UINT32_MAX && INDEX_BYTES_MAX <= UINT32_MAX,
               "places in a file fit the query");

/* The file at the request's path, put into the query. */
static bool find(const struct snapshot *snapshot, const struct http_request *request,
                 struct answer_query *query)
{
    struct span path;
    struct relay_file file;
    uint8_t key[RELAY_KEY_BYTES_MAX];
    if (snapshot == NULL || !http_target_path(request->target, &path) ||
        relay_name_read(path, &query->relay_name) != ERR_OK)
        return false;
    size_t key_size = relay_key_write(&query->relay_name, key);
    if (!snapshot_relay_find(snapshot, span_of(key, key_size), &file) ||
        file.octets.size > UINT32_MAX)
        return false;
    query->relay_file = (struct path_file){
        .about = {.blob = file.hash, .blob_bytes = file.octets.size}, .octets = file.octets.data};
    query->file = &query->relay_file;
    return true;
}

void answer_relay_begin(const struct snapshot *snapshot, const struct http_request *request,
                        struct answer_query *query)
{
    memset(query, 0, offsetof(struct answer_query, lookup));
    query->is_relay = true;
    query->range = SPAN_EMPTY;
    query->if_range = SPAN_EMPTY;
    query->without_body = request->method == HTTP_HEAD;
    query->outcome = OUTCOME_NOT_FOUND;
    if (!find(snapshot, request, query))
        return;
    answer_file_if_match(request, query);
    query->outcome = OUTCOME_FILE;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        query->outcome = OUTCOME_FILE_METHOD;
        return;
    }
    query->condition_repeated = request->if_none_match_repeated;
    query->if_none_match = request->if_none_match;
    if (request->method == HTTP_GET && !request->range_repeated) {
        query->range = request->range;
        query->if_range = request->if_range;
    }
}

/* Which octets, and the outcome. */
static enum outcome select_part(const struct answer_query *query, struct span etag,
                                struct http_range *ret)
{
    uint64_t size = query->file->about.blob_bytes;
    *ret = (struct http_range){.count = size};
    if (query->has_if_match && !query->if_match_holds)
        return OUTCOME_FILE_CONDITION;
    if (!query->condition_repeated && query->if_none_match.data != NULL &&
        http_etag_matches(query->if_none_match, etag))
        return OUTCOME_FILE_NOT_MODIFIED;
    bool applies = query->if_range.data == NULL || span_equal(query->if_range, etag);
    if (query->range.size == 0 || !applies)
        return OUTCOME_FILE;
    switch (http_range_read(query->range, size, ret)) {
    case HTTP_RANGE_PART:
        return OUTCOME_FILE_PART;
    case HTTP_RANGE_NOT_SATISFIABLE:
        return OUTCOME_FILE_RANGE;
    case HTTP_RANGE_WHOLE:
    default:
        return OUTCOME_FILE;
    }
}

#define NUMBERS_MAX 96 /* three numbers and a few words */

static void put_content_range(struct http_writer *w, const struct http_range *part, uint64_t whole)
{
    char text[NUMBERS_MAX];
    int size = snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->first,
                        part->first + part->count - 1, whole);
    http_writer_field(w, "Content-Range", span_of(text, (size_t)size));
}

static void put_cache_control(struct http_writer *w, enum relay_kind kind)
{
    if (kind == RELAY_HEAD)
        http_writer_directive(w, "Cache-Control", "public, max-age=", ANSWER_RELAY_HEAD_MAX_AGE_S,
                              "");
    else
        http_writer_directive(w, "Cache-Control", "public, max-age=", ANSWER_RELAY_FILE_MAX_AGE_S,
                              ", immutable");
}

static size_t head_write(const struct answer_clock *clock, const struct answer_query *query,
                         enum outcome outcome, struct span etag, const struct http_range *part,
                         enum answer_connection connection, uint8_t *out)
{
    struct http_writer w;
    size_t size = 0;
    http_writer_start(&w, outcome_info(outcome)->http_status, out, HTTP_RESPONSE_HEAD_MAX);
    http_writer_field(&w, "Date", span_of(clock->date, sizeof clock->date));
    if (outcome != OUTCOME_FILE_NOT_MODIFIED) {
        http_writer_field(&w, "Content-Type", span_text("application/octet-stream"));
        http_writer_number(&w, "Content-Length", part->count);
        http_writer_field(&w, "Accept-Ranges", span_text("bytes"));
    }
    if (outcome == OUTCOME_FILE_PART)
        put_content_range(&w, part, query->file->about.blob_bytes);
    put_cache_control(&w, query->relay_name.kind);
    http_writer_field(&w, "ETag", etag);
    answer_connection_field(&w, connection);
    /* Made of bounded parts. */
    enum err err = http_writer_finish(&w, &size);
    CHECK(err == ERR_OK);
    return size;
}

enum outcome answer_relay_finish(const struct answer_clock *clock, struct answer_query *query,
                                 enum answer_connection connection, uint8_t *out, size_t out_size,
                                 size_t *ret_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    if (query->outcome != OUTCOME_FILE) {
        *ret_size =
            answer_other(clock, query->outcome, query->without_body, connection, out, out_size);
        return query->outcome;
    }
    uint8_t octets[ANSWER_ETAG_BYTES];
    struct http_range part;
    answer_etag_write(query->file->about.blob.octets, octets);
    struct span etag = span_of(octets, sizeof octets);
    enum outcome outcome = select_part(query, etag, &part);
    if (outcome == OUTCOME_FILE_RANGE) {
        *ret_size = answer_file_range_error(clock, query->file->about.blob_bytes, connection, out,
                                            out_size);
        return outcome;
    }
    if (outcome == OUTCOME_FILE_CONDITION) {
        *ret_size = answer_other(clock, outcome, query->without_body, connection, out, out_size);
        return outcome;
    }
    *ret_size = head_write(clock, query, outcome, etag, &part, connection, out);
    if (outcome != OUTCOME_FILE_NOT_MODIFIED)
        *ret_size += answer_file_body(query, &part, out + *ret_size);
    return outcome;
}
