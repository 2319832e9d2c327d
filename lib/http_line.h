/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of an HTTP head as nearly all clients write them, found in one pass; anything else is
 * not for these functions to judge. Part of lib/http_request.c and
 * lib/http_target.c. */
#pragma once

#include "lib/octets.h"

struct http_line {
    struct span name;  /* of a field; of a request line the method */
    struct span value; /* without the spaces around it; the target */
    uint8_t minor_version;
    size_t bytes; /* with its CRLF */
};

/* Without the optional whitespace around a value (RFC 9110 5.6.3). */
static inline struct span http_trim(struct span s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static inline bool http_line_ends_at(struct span head, size_t at)
{
    return head.size - at >= 2 && head.data[at] == '\r' && head.data[at + 1] == '\n';
}

/* The size of a method's name when it is one of ours with a space after it. */
static inline size_t http_plain_method(const uint8_t *data)
{
    if (memcmp(data, "GET ", 4) == 0)
        return 3;
    bool known = memcmp(data, "POST", 4) == 0 || memcmp(data, "HEAD", 4) == 0;
    return known && data[4] == ' ' ? 4 : 0;
}

#define HTTP_PLAIN_VERSION       " HTTP/1."
#define HTTP_PLAIN_VERSION_BYTES (sizeof HTTP_PLAIN_VERSION) /* with the minor digit */

/** One of our methods, a target of visible ASCII, HTTP/1.0 or HTTP/1.1, single spaces. */
static inline bool http_line_plain_request(struct span head, size_t at, struct http_line *ret)
{
    if (head.size - at < HTTP_PLAIN_VERSION_BYTES)
        return false;
    size_t method_size = http_plain_method(head.data + at);
    if (method_size == 0)
        return false;
    size_t target_at = at + method_size + 1;
    size_t end = octets_find_not_visible(head.data, target_at, head.size);
    if (end == target_at || head.size - end < HTTP_PLAIN_VERSION_BYTES + 2 ||
        memcmp(head.data + end, HTTP_PLAIN_VERSION, HTTP_PLAIN_VERSION_BYTES - 1) != 0)
        return false;
    uint8_t minor = (uint8_t)(head.data[end + HTTP_PLAIN_VERSION_BYTES - 1] - '0');
    if (minor > 1 || !http_line_ends_at(head, end + HTTP_PLAIN_VERSION_BYTES))
        return false;
    ret->name = span_of(head.data + at, method_size);
    ret->value = span_of(head.data + target_at, end - target_at);
    ret->minor_version = minor;
    ret->bytes = end + HTTP_PLAIN_VERSION_BYTES + 2 - at;
    return true;
}

/** A name of letters, digits, "-" and ".", a colon, a value without control characters. */
static inline bool http_line_plain_field(struct span head, size_t at, struct http_line *ret)
{
    size_t colon = octets_find_colon(head.data, at, head.size);
    if (colon == at || colon == head.size || !octets_all_plain(head.data, at, colon))
        return false;
    size_t line_end = octets_find_control(head.data, colon + 1, head.size);
    if (!http_line_ends_at(head, line_end))
        return false;
    size_t start = colon + 1, end = line_end;
    while (start < end && head.data[start] == ' ')
        start++;
    while (start < end && head.data[end - 1] == ' ')
        end--;
    ret->name = span_of(head.data + at, colon - at);
    ret->value = span_of(head.data + start, end - start);
    ret->bytes = line_end + 2 - at;
    return true;
}
