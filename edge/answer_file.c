/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer_file.h"

#include "edge/answer_head.h"
#include "lib/check.h"
#include "lib/http_range.h"
#include "lib/http_response.h"
#include "lib/http_target.h"

#include <inttypes.h>
#include <stdio.h>

_Static_assert(BLOB_BYTES_MAX <= UINT32_MAX, "places in a file fit the query");

void answer_file_if_match(const struct http_request *request, struct answer_query *query)
{
    uint8_t etag[ANSWER_ETAG_BYTES];
    const uint8_t *at = NULL;
    struct span list;
    query->has_if_match = request->if_match.data != NULL;
    query->if_match_holds = false;
    if (!query->has_if_match)
        return;
    answer_etag_write(query->file->about.blob.octets, etag);
    while (!query->if_match_holds && http_request_field(request, "if-match", &at, &list))
        query->if_match_holds = http_etag_is_listed(list, span_of(etag, sizeof etag));
}

bool answer_file_begin(const struct path_table *table, struct span path,
                       const struct http_request *request, struct answer_query *query)
{
    const struct path_file *file = path_table_find(table, path);
    if (file == NULL)
        return false;
    query->file = file;
    query->outcome = OUTCOME_FILE;
    query->without_body = request->method == HTTP_HEAD;
    query->range = SPAN_EMPTY;
    query->if_range = SPAN_EMPTY;
    answer_file_if_match(request, query);
    query->if_unmodified_since = request->if_unmodified_since;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        query->outcome = OUTCOME_FILE_METHOD;
        return true;
    }
    query->condition_repeated = request->if_none_match_repeated;
    query->if_none_match = request->if_none_match;
    query->if_modified_since = request->if_modified_since;
    if (request->method == HTTP_GET && !request->range_repeated) {
        query->range = request->range;
        query->if_range = request->if_range;
    }
    return true;
}

/* What is said of a file, whole or in part. */
struct validators {
    uint8_t etag[ANSWER_ETAG_BYTES];
    uint64_t modified_s;
    uint64_t max_age_s;
    uint64_t stale_if_error_s;
};

static void validators_make(const struct blob_path *about, uint64_t now_s, struct validators *ret)
{
    answer_etag_write(about->blob.octets, ret->etag);
    ret->modified_s = about->modified_s < now_s ? about->modified_s : now_s;
    ret->max_age_s = about->next_s == 0      ? ANSWER_FILE_MAX_AGE_S
                     : about->next_s > now_s ? about->next_s - now_s
                                             : ANSWER_LATE_MAX_AGE_S;
    ret->stale_if_error_s = ANSWER_FILE_STALE_IF_ERROR_S;
    if (about->expires_s == 0)
        return;
    uint64_t left_s = about->expires_s - now_s;
    if (ret->max_age_s > left_s)
        ret->max_age_s = left_s;
    ret->stale_if_error_s = left_s - ret->max_age_s;
}

/* RFC 9110 13.2.2: what has to hold. If-Match decides alone when it is there. */
static bool is_another(const struct answer_clock *clock, const struct answer_query *query,
                       const struct validators *v)
{
    uint64_t since_s;
    if (query->has_if_match)
        return !query->if_match_holds;
    return query->if_unmodified_since.size > 0 &&
           http_date_read(query->if_unmodified_since, clock->now_s, &since_s) == ERR_OK &&
           since_s < v->modified_s;
}

/* The same for what the client has already: If-None-Match decides alone when it is there. */
static bool is_not_modified(const struct answer_clock *clock, const struct answer_query *query,
                            const struct validators *v)
{
    uint64_t since_s;
    if (query->condition_repeated)
        return false;
    if (query->if_none_match.data != NULL)
        return http_etag_matches(query->if_none_match, span_of(v->etag, sizeof v->etag));
    return query->if_modified_since.size > 0 &&
           http_date_read(query->if_modified_since, clock->now_s, &since_s) == ERR_OK &&
           since_s == v->modified_s;
}

/* Whether the client's part is of this very file (RFC 9110 13.1.5). */
static bool range_applies(struct span if_range, const struct validators *v)
{
    return if_range.data == NULL || span_equal(if_range, span_of(v->etag, sizeof v->etag));
}

/* Which octets, and the outcome. */
static enum outcome select_part(const struct answer_query *query, const struct validators *v,
                                struct http_range *ret)
{
    uint64_t size = query->file->about.blob_bytes;
    *ret = (struct http_range){.count = size};
    if (query->range.size == 0 || !range_applies(query->if_range, v))
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

static bool is_tag_octet(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_';
}

/* Between the first two "/" of the path; empty: there is none that can be a tag. */
static struct span tag_segment(struct span path)
{
    size_t end = 1;
    while (end < path.size && is_tag_octet(path.data[end]))
        end++;
    bool fits =
        end > 1 && end < path.size && path.data[end] == '/' && end - 1 <= ANSWER_TAG_SEGMENT_MAX;
    return fits ? span_of(path.data + 1, end - 1) : SPAN_EMPTY;
}

static void put_cache_tag(struct http_writer *w, const struct blob_path *about)
{
    uint8_t tag[MEDIA_TYPE_MAX + 1 + ANSWER_TAG_SEGMENT_MAX];
    const uint8_t *slash = memchr(about->media_type.data, '/', about->media_type.size);
    size_t before = slash == NULL ? 0 : (size_t)(slash + 1 - about->media_type.data);
    size_t size = about->media_type.size - before;
    memcpy(tag, about->media_type.data + before, size);
    struct span segment = tag_segment(about->path);
    if (segment.size > 0) {
        tag[size++] = ',';
        memcpy(tag + size, segment.data, segment.size);
        size += segment.size;
    }
    http_writer_field(w, "Cache-Tag", span_of(tag, size));
}

#define NUMBERS_MAX 96 /* three numbers and a few words */

static void put_cache_control(struct http_writer *w, const struct validators *v)
{
    char text[NUMBERS_MAX];
    int size = snprintf(text, sizeof text, "public, max-age=%" PRIu64 ", stale-if-error=%" PRIu64,
                        v->max_age_s, v->stale_if_error_s);
    http_writer_field(w, "Cache-Control", span_of(text, (size_t)size));
}

static void put_content_range(struct http_writer *w, const struct http_range *part, uint64_t whole)
{
    char text[NUMBERS_MAX];
    int size = snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->first,
                        part->first + part->count - 1, whole);
    http_writer_field(w, "Content-Range", span_of(text, (size_t)size));
}

/* `part` is NULL in a 304. */
static size_t head_write(const struct answer_clock *clock, const struct blob_path *about,
                         enum outcome outcome, const struct validators *v,
                         const struct http_range *part, enum answer_connection connection,
                         uint8_t *out)
{
    struct http_writer w;
    size_t size = 0;
    http_writer_start(&w, outcome_info(outcome)->http_status, out, HTTP_RESPONSE_HEAD_MAX);
    http_writer_field(&w, "Date", span_of(clock->date, sizeof clock->date));
    if (part != NULL) {
        http_writer_field(&w, "Content-Type", about->media_type);
        http_writer_number(&w, "Content-Length", part->count);
        http_writer_field(&w, "Accept-Ranges", span_text("bytes"));
    }
    if (outcome == OUTCOME_FILE_PART)
        put_content_range(&w, part, about->blob_bytes);
    put_cache_control(&w, v);
    http_writer_date(&w, "Expires", clock->now_s + v->max_age_s);
    http_writer_date(&w, "Last-Modified", v->modified_s);
    http_writer_field(&w, "ETag", span_of(v->etag, sizeof v->etag));
    put_cache_tag(&w, about);
    answer_connection_field(&w, connection);
    /* Made of bounded parts. */
    enum err err = http_writer_finish(&w, &size);
    CHECK(err == ERR_OK);
    return size;
}

size_t answer_file_body(struct answer_query *query, const struct http_range *part, uint8_t *out)
{
    if (query->without_body || part->count == 0)
        return 0;
    if (part->count > ANSWER_FILE_COPY_MAX) {
        query->body_at = (uint32_t)part->first;
        query->body_bytes = (uint32_t)part->count;
        return 0;
    }
    memcpy(out, query->file->octets + part->first, (size_t)part->count);
    return (size_t)part->count;
}

enum outcome answer_file_finish(const struct answer_clock *clock, struct answer_query *query,
                                enum answer_connection connection, uint8_t *out, size_t out_size,
                                size_t *ret_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    const struct blob_path *about = &query->file->about;
    enum outcome outcome = query->outcome;
    if (outcome == OUTCOME_FILE && about->expires_s != 0 && clock->now_s >= about->expires_s)
        outcome = OUTCOME_FILE_EXPIRED;
    if (outcome != OUTCOME_FILE) {
        *ret_size = answer_other(clock, outcome, query->without_body, connection, out, out_size);
        return outcome;
    }
    struct validators v;
    struct http_range part;
    validators_make(about, clock->now_s, &v);
    if (is_another(clock, query, &v)) {
        outcome = OUTCOME_FILE_CONDITION;
        *ret_size = answer_other(clock, outcome, query->without_body, connection, out, out_size);
        return outcome;
    }
    if (is_not_modified(clock, query, &v)) {
        outcome = OUTCOME_FILE_NOT_MODIFIED;
        *ret_size = head_write(clock, about, outcome, &v, NULL, connection, out);
        return outcome;
    }
    outcome = select_part(query, &v, &part);
    if (outcome == OUTCOME_FILE_RANGE) {
        *ret_size = answer_file_range_error(clock, about->blob_bytes, connection, out, out_size);
        return outcome;
    }
    size_t head_size = head_write(clock, about, outcome, &v, &part, connection, out);
    *ret_size = head_size + answer_file_body(query, &part, out + head_size);
    return outcome;
}
