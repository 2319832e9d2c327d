/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_query.h"

#include "lib/check.h"
#include "lib/hex.h"
#include "lib/textline.h"

/* A part up to `stop`, taken from `rest` with it. */
static struct span take_until(struct span *rest, uint8_t stop)
{
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, stop, rest->size) : NULL;
    size_t size = at != NULL ? (size_t)(at - rest->data) : rest->size;
    struct span part = span_of(rest->data, size);
    size += at != NULL ? 1 : 0;
    *rest = span_of(rest->data + size, rest->size - size);
    return part;
}

/* The next octet of `text` at `*at`, decoded; false: a broken escape, or not printable ASCII. */
static bool decode_one(struct span text, size_t *at, uint8_t *ret)
{
    uint8_t c = text.data[(*at)++];
    if (c == '+') {
        c = ' ';
    } else if (c == '%') {
        if (text.size - *at < 2)
            return false;
        unsigned high = hex_digit(text.data[*at]), low = hex_digit(text.data[*at + 1]);
        if (high > 15 || low > 15)
            return false;
        c = (uint8_t)(high << 4 | low);
        *at += 2;
    }
    *ret = c;
    return c >= ' ' && c <= '~';
}

/* Never longer than the text itself. */
static bool decode(struct span text, uint8_t *out, size_t *ret_size)
{
    size_t size = 0;
    for (size_t at = 0; at < text.size;)
        if (!decode_one(text, &at, &out[size++]))
            return false;
    *ret_size = size;
    return true;
}

static size_t find_name(struct span name, const char *const *names)
{
    size_t i = 0;
    while (names[i] != NULL && !span_equal(name, span_text(names[i])))
        i++;
    return i;
}

enum err https_query_read(struct span query, const char *const *names, struct https_query *ret,
                          struct problem *why)
{
    size_t used = 0;
    for (size_t i = 0; i < HTTPS_QUERY_NAMES_MAX; i++)
        ret->values[i] = SPAN_EMPTY;
    if (query.size > sizeof ret->octets)
        return problem_set(why, PROBLEM_FIELD, "the query is too long");
    while (query.size > 0) {
        size_t name_size, value_size;
        struct span value = take_until(&query, '&');
        struct span name = take_until(&value, '=');
        uint8_t *at = ret->octets + used;
        if (!decode(name, at, &name_size) || !decode(value, at + name_size, &value_size))
            return problem_set(why, PROBLEM_FIELD,
                               "the query has a broken escape or an octet that is not text");
        size_t i = find_name(span_of(at, name_size), names);
        CHECK(i < HTTPS_QUERY_NAMES_MAX || names[i] == NULL);
        if (names[i] == NULL)
            return problem_set(why, PROBLEM_FIELD, "unknown parameter \"%.*s\"",
                               (int)(name_size < 64 ? name_size : 64), (const char *)at);
        if (ret->values[i].data != NULL)
            return problem_set(why, PROBLEM_FIELD, "%s is given twice", names[i]);
        ret->values[i] = span_of(at + name_size, value_size);
        used += name_size + value_size;
    }
    return ERR_OK;
}

enum err https_query_number(struct span value, const char *name, uint64_t min, uint64_t max,
                            uint64_t when_absent, uint64_t *ret, struct problem *why)
{
    uint64_t number = when_absent;
    if (value.data != NULL &&
        (text_decimal(value, &number) != ERR_OK || number < min || number > max))
        return problem_set(why, PROBLEM_FIELD, "%s is not a number from %llu to %llu", name,
                           (unsigned long long)min, (unsigned long long)max);
    *ret = number;
    return ERR_OK;
}
