/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_reader.h"

#include "lib/check.h"
#include "lib/http_line.h"
#include "lib/http_target.h"

static enum https_read refuse_verdict(struct https_reader *r, enum http_verdict verdict,
                                      struct problem *why)
{
    static const enum problem_type types[HTTP_VERDICT_COUNT] = {
        [HTTP_BAD_REQUEST] = PROBLEM_MALFORMED,
        [HTTP_LENGTH_REQUIRED] = PROBLEM_LENGTH_REQUIRED,
        [HTTP_TARGET_TOO_LONG] = PROBLEM_URI_TOO_LONG,
        [HTTP_HEAD_TOO_LARGE] = PROBLEM_HEAD_TOO_LARGE,
        [HTTP_VERSION] = PROBLEM_HTTP_VERSION,
    };
    r->keep_alive = false;
    problem_set(why, types[verdict], "%s", http_verdict_text(verdict));
    return HTTPS_READ_REFUSED;
}

#define REFUSE(type, ...)                      \
    do {                                       \
        problem_set(why, (type), __VA_ARGS__); \
        return HTTPS_READ_REFUSED;             \
    } while (0)

static void split_target(struct span target, struct span *ret_path, struct span *ret_query)
{
    const uint8_t *mark = memchr(target.data, '?', target.size);
    size_t size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    *ret_path = span_of(target.data, size);
    *ret_query = mark != NULL ? span_of(mark + 1, target.size - size - 1) : SPAN_EMPTY;
}

/* "application/json; charset=utf-8" is application/json. Types have no upper case in our tables. */
static bool is_type(struct span value, const char *type)
{
    size_t size = strlen(type);
    if (value.size < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = value.data[i];
        if ((c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c) != (uint8_t)type[i])
            return false;
    }
    struct span rest = http_trim(span_of(value.data + size, value.size - size));
    return rest.size == 0 || rest.data[0] == ';';
}

static enum https_read judge_body(const struct https_route *route, const struct http_request *h,
                                  struct span head, struct problem *why)
{
    struct span value;
    bool repeated = false;
    if (h->content_length_bytes > route->body_bytes_max)
        REFUSE(PROBLEM_TOO_LARGE, "at most %u octets are taken here", route->body_bytes_max);
    if (h->content_length_bytes == 0)
        return HTTPS_READ_REQUEST;
    if (https_field(head, "Content-Encoding", &value, NULL))
        REFUSE(PROBLEM_MEDIA_TYPE, "no content coding is taken");
    (void)https_field(head, "Content-Type", &value, &repeated);
    if (repeated)
        REFUSE(PROBLEM_MALFORMED, "Content-Type is given twice");
    if (route->content_type != NULL && !is_type(h->content_type, route->content_type))
        REFUSE(PROBLEM_MEDIA_TYPE, "the body must be %s", route->content_type);
    return HTTPS_READ_REQUEST;
}

/* What the head alone tells. */
static enum https_read judge_head(struct https_reader *r, const struct http_request *h,
                                  struct span head, struct problem *why)
{
    struct span target, path, query;
    if (!http_target_path(h->target, &target))
        REFUSE(PROBLEM_MALFORMED, "the target is not a path");
    split_target(target, &path, &query);
    r->is_head = h->method == HTTP_HEAD;
    https_route_find(r->routes, r->is_head ? HTTP_GET : h->method, path, &r->match);
    if (r->match.route != NULL)
        return judge_body(r->match.route, h, head, why);
    if (!r->match.allows_get && !r->match.allows_post)
        REFUSE(PROBLEM_NOT_FOUND, "there is no such path");
    REFUSE(PROBLEM_METHOD, "allowed here: %s", https_match_allow(&r->match));
}

static enum https_read read_head(struct https_reader *r, struct span bytes, struct problem *why)
{
    struct http_request h;
    enum http_verdict verdict = http_request_parse(bytes, r->seen, &h);
    if (verdict == HTTP_MORE) {
        r->seen = bytes.size;
        return HTTPS_READ_MORE;
    }
    if (verdict != HTTP_REQUEST)
        return refuse_verdict(r, verdict, why);
    r->keep_alive = h.keep_alive && h.minor_version == 1;
    r->head_bytes = h.head_bytes;
    r->total_bytes = h.head_bytes;
    enum https_read read = judge_head(r, &h, span_of(bytes.data, h.head_bytes), why);
    if (read != HTTPS_READ_REQUEST) {
        /* A body that nobody reads, or what belongs to a tunnel, would be taken for a request. */
        r->keep_alive &=
            h.content_length_bytes == 0 && h.method != HTTP_OTHER && why->type != PROBLEM_MALFORMED;
        return read;
    }
    r->total_bytes += (size_t)h.content_length_bytes;
    r->continued = !h.expect_continue;
    return read;
}

enum https_read https_reader_step(struct https_reader *reader, struct span bytes,
                                  struct problem *why)
{
    if (reader->head_bytes == 0) {
        enum https_read read = read_head(reader, bytes, why);
        if (read != HTTPS_READ_REQUEST)
            return read;
    }
    if (bytes.size >= reader->total_bytes)
        return HTTPS_READ_REQUEST;
    if (reader->continued || bytes.size > reader->head_bytes)
        return HTTPS_READ_MORE;
    reader->continued = true;
    return HTTPS_READ_CONTINUE;
}

void https_reader_request(const struct https_reader *reader, struct span bytes,
                          struct https_request *ret)
{
    struct http_request h;
    struct span target;
    CHECK(http_request_parse(bytes, 0, &h) == HTTP_REQUEST && h.head_bytes == reader->head_bytes);
    CHECK(http_target_path(h.target, &target));
    ret->method = reader->match.route->method;
    split_target(target, &ret->path, &ret->query);
    struct https_match match;
    https_route_find(reader->routes, ret->method, ret->path, &match);
    CHECK(match.route == reader->match.route);
    memcpy(ret->params, match.params, sizeof match.params);
    ret->content_type = h.content_type;
    ret->head = span_of(bytes.data, h.head_bytes);
    ret->body = span_of(bytes.data + h.head_bytes, reader->total_bytes - h.head_bytes);
}
