/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_target.h"

#include "lib/http_line.h"

static bool starts_with_ignoring_case(struct span s, const char *lower)
{
    size_t size = strlen(lower);
    if (s.size < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = s.data[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)lower[i])
            return false;
    }
    return true;
}

bool http_target_path(struct span target, struct span *ret)
{
    if (target.size > 0 && target.data[0] == '/') {
        *ret = target;
        return true;
    }
    size_t at = starts_with_ignoring_case(target, "http://")    ? sizeof "http://" - 1
                : starts_with_ignoring_case(target, "https://") ? sizeof "https://" - 1
                                                                : 0;
    if (at == 0)
        return false;
    size_t authority = at;
    while (at < target.size && target.data[at] != '/' && target.data[at] != '?')
        at++;
    if (at == authority) /* RFC 9110 4.2.1: an empty host is invalid */
        return false;
    *ret = at == target.size ? span_text("/") : span_of(target.data + at, target.size - at);
    return true;
}

/* One entity-tag (RFC 9110 8.8.3) at the start of `s`; its quoted part in ret. The octets used,
 * 0 when malformed. */
static size_t read_etag(struct span s, struct span *ret)
{
    size_t start = s.size >= 2 && s.data[0] == 'W' && s.data[1] == '/' ? 2 : 0;
    if (start >= s.size || s.data[start] != '"')
        return 0;
    for (size_t i = start + 1; i < s.size; i++) {
        if (s.data[i] == '"') {
            *ret = span_of(s.data + start, i + 1 - start);
            return i + 1;
        }
        if (s.data[i] <= 0x20 || s.data[i] == 0x7F)
            return 0;
    }
    return 0;
}

static bool list_has(struct span list, struct span etag, bool weak)
{
    struct span rest = http_trim(list);
    bool matches = false;
    if (span_equal(rest, span_text("*")))
        return true;
    while (rest.size > 0) {
        struct span opaque = SPAN_EMPTY;
        size_t used = 0;
        if (rest.data[0] != ',') { /* empty elements are allowed (RFC 9110 5.6.1.2) */
            used = read_etag(rest, &opaque);
            if (used == 0)
                return false;
            matches |= span_equal(opaque, etag) && (weak || opaque.data == rest.data);
        }
        rest = http_trim(span_of(rest.data + used, rest.size - used));
        if (rest.size > 0) {
            if (rest.data[0] != ',')
                return false;
            rest = http_trim(span_of(rest.data + 1, rest.size - 1));
        }
    }
    return matches;
}

bool http_etag_matches(struct span if_none_match, struct span etag)
{
    return list_has(if_none_match, etag, true);
}

bool http_etag_is_listed(struct span if_match, struct span etag)
{
    return list_has(if_match, etag, false);
}
