/* SPDX-License-Identifier: Apache-2.0 */
/* The first two octets say where the bytes are cut; the rest is what a client sends. The verdict
 * may not depend on the cut, the short way and the general one agree, a verdict may not change when
 * more arrives, and every span must lie in the head. */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/http_request.h"
#include "lib/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span part, struct span head)
{
    CHECK(part.data == NULL ? part.size == 0
                            : part.data >= head.data && part.size <= head.size &&
                                  (size_t)(part.data - head.data) <= head.size - part.size);
}

/* Of a name that may be repeated, the first is the one that was kept. */
static void check_repeated(const struct http_request *r, struct span head)
{
    const uint8_t *at = NULL;
    struct span value;
    unsigned count = 0;
    for (; http_request_field(r, "if-match", &at, &value); count++) {
        check_inside(value, head);
        CHECK(count > 0 || (value.data == r->if_match.data && value.size == r->if_match.size));
    }
    CHECK(count <= HTTP_FIELDS_MAX && (count > 0) == (r->if_match.data != NULL));
}

static void check_request(struct span bytes, const struct http_request *r)
{
    CHECK(r->head_bytes <= bytes.size && r->head_bytes <= HTTP_HEAD_BYTES_MAX);
    struct span head = span_of(bytes.data, r->head_bytes), path;
    const struct span parts[] = {r->method_text,       r->target,        r->host,
                                 r->content_type,      r->if_none_match, r->range,
                                 r->if_modified_since, r->if_range};
    CHECK(memcmp(head.data + head.size - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        check_inside(parts[i], head);
        if (parts[i].size > 0)
            CHECK(memchr(parts[i].data, '\n', parts[i].size) == NULL &&
                  memchr(parts[i].data, '\r', parts[i].size) == NULL);
    }
    check_repeated(r, head);
    CHECK(r->target.size > 0 && r->target.size <= HTTP_TARGET_BYTES_MAX);
    CHECK(r->minor_version == 0 || r->host.data != NULL);
    CHECK(r->has_content_length || (r->content_length_bytes == 0 && r->method != HTTP_POST));
    if (http_target_path(r->target, &path))
        CHECK(path.size > 0);
    (void)http_etag_matches(r->if_none_match, span_text("\"0123456789abcdef\""));
}

static bool same_span(struct span a, struct span b)
{
    return a.data == b.data && a.size == b.size;
}

static void check_agreement(enum http_verdict verdict, struct span bytes,
                            const struct http_request *r)
{
    struct http_request any;
    CHECK(http_request_parse_any(bytes, 0, &any) == verdict);
    if (verdict != HTTP_REQUEST)
        return;
    CHECK(r->method == any.method && r->minor_version == any.minor_version);
    CHECK(r->keep_alive == any.keep_alive && r->expect_continue == any.expect_continue);
    CHECK(r->has_content_length == any.has_content_length && r->head_bytes == any.head_bytes);
    CHECK(r->content_length_bytes == any.content_length_bytes);
    CHECK(same_span(r->method_text, any.method_text) && same_span(r->target, any.target));
    CHECK(same_span(r->host, any.host) && same_span(r->content_type, any.content_type));
    CHECK(same_span(r->if_none_match, any.if_none_match) && same_span(r->range, any.range));
    CHECK(same_span(r->if_modified_since, any.if_modified_since));
    CHECK(same_span(r->if_range, any.if_range));
    CHECK(r->if_none_match_repeated == any.if_none_match_repeated);
    CHECK(r->range_repeated == any.range_repeated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct http_request whole = {0}, parts = {0};
    struct span bytes = span_of(data + 2, size - 2);
    size_t cut = (size_t)(data[0] << 8 | data[1]) % (bytes.size + 1);
    enum http_verdict verdict = http_request_parse(bytes, 0, &whole);
    check_agreement(verdict, bytes, &whole);
    /* A copy of its own: reading past the cut is an error. */
    uint8_t *first = malloc(cut + 1);
    CHECK(first != NULL);
    memcpy(first, bytes.data, cut);
    first = realloc(first, cut > 0 ? cut : 1);
    CHECK(first != NULL);
    enum http_verdict early = http_request_parse(span_of(first, cut), 0, &parts);
    if (early == HTTP_REQUEST)
        CHECK(parts.head_bytes == whole.head_bytes);
    if (early != HTTP_MORE)
        CHECK(early == verdict);
    else if (cut > 0)
        CHECK(http_request_parse(bytes, cut, &parts) == verdict);
    free(first);
    if (verdict == HTTP_REQUEST)
        check_request(bytes, &whole);
    else
        CHECK(verdict == HTTP_MORE || http_verdict_status(verdict) >= 400);
    CHECK(bytes.size < HTTP_HEAD_BYTES_MAX || verdict != HTTP_MORE);
    return 0;
}
