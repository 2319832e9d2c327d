/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_range.h"

#include "lib/http_line.h"

#define BYTES_UNIT "bytes="

/* A position that does not fit is behind every end: it stays at the greatest. */
static uint64_t position_add(uint64_t position, uint8_t digit)
{
    uint64_t next;
    if (__builtin_mul_overflow(position, 10u, &next) ||
        __builtin_add_overflow(next, (uint64_t)(digit - '0'), &next))
        return UINT64_MAX;
    return next;
}

/* Digits at *at. false: there are none. */
static bool position_read(struct span s, size_t *at, uint64_t *ret)
{
    size_t start = *at;
    uint64_t position = 0;
    for (; *at < s.size && s.data[*at] >= '0' && s.data[*at] <= '9'; (*at)++)
        position = position_add(position, s.data[*at]);
    *ret = position;
    return *at > start;
}

static enum http_range_verdict suffix(uint64_t count, uint64_t size, struct http_range *ret)
{
    if (count == 0 || size == 0)
        return HTTP_RANGE_NOT_SATISFIABLE;
    count = count < size ? count : size;
    *ret = (struct http_range){.first = size - count, .count = count};
    return HTTP_RANGE_PART;
}

/* "first-last", "first-" or "-count", nothing around it. */
static enum http_range_verdict one_range(struct span spec, uint64_t size, struct http_range *ret)
{
    uint64_t first, last;
    size_t at = 0;
    bool has_first = position_read(spec, &at, &first);
    if (at == spec.size || spec.data[at++] != '-')
        return HTTP_RANGE_WHOLE;
    bool has_last = position_read(spec, &at, &last);
    if (at != spec.size || (!has_first && !has_last))
        return HTTP_RANGE_WHOLE;
    if (!has_first)
        return suffix(last, size, ret);
    if (has_last && last < first)
        return HTTP_RANGE_WHOLE;
    if (first >= size)
        return HTTP_RANGE_NOT_SATISFIABLE;
    if (!has_last || last >= size)
        last = size - 1;
    *ret = (struct http_range){.first = first, .count = last - first + 1};
    return HTTP_RANGE_PART;
}

static bool has_bytes_unit(struct span value)
{
    if (value.size < sizeof BYTES_UNIT - 1)
        return false;
    return strncasecmp((const char *)value.data, BYTES_UNIT, sizeof BYTES_UNIT - 1) == 0;
}

enum http_range_verdict http_range_read(struct span value, uint64_t size, struct http_range *ret)
{
    if (!has_bytes_unit(value))
        return HTTP_RANGE_WHOLE;
    struct span rest =
        span_of(value.data + sizeof BYTES_UNIT - 1, value.size - sizeof BYTES_UNIT + 1);
    struct span only = SPAN_EMPTY;
    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t used = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        struct span spec = http_trim(span_of(rest.data, used));
        if (spec.size > 0 && only.size > 0)
            return HTTP_RANGE_WHOLE;
        if (spec.size > 0) /* empty elements are allowed (RFC 9110 5.6.1.2) */
            only = spec;
        used += comma == NULL ? 0 : 1;
        rest = span_of(rest.data + used, rest.size - used);
    }
    return one_range(only, size, ret);
}
