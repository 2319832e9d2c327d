/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/der_read.h"

#include "lib/check.h"

#define TAG_NUMBER_MASK   0x1f /* all ones: the tag goes on in more octets */
#define TAG_CONSTRUCTED   0x20
#define LENGTH_LONG       0x80
#define LENGTH_OCTETS_MAX 4

void der_reader_init(struct der_reader *r, struct span der)
{
    static const uint8_t nothing;
    const uint8_t *start = der.size == 0 ? &nothing : der.data;
    r->at = start;
    r->end[0] = start + der.size;
    r->depth = 0;
    r->err = ERR_OK;
}

void der_fail(struct der_reader *r, enum err err)
{
    if (r->err == ERR_OK)
        r->err = err;
}

bool der_at_end(const struct der_reader *r)
{
    return r->err != ERR_OK || r->at == r->end[r->depth];
}

bool der_next_is(const struct der_reader *r, uint8_t tag)
{
    return !der_at_end(r) && *r->at == tag;
}

/* What it means that the current level ends too early: only the outermost can be cut off, the
 * others contradict the element around them. */
static enum err too_short(const struct der_reader *r)
{
    return r->depth == 0 ? ERR_TRUNCATED : ERR_MALFORMED;
}

static enum err read_length(const struct der_reader *r, const uint8_t **at, size_t *ret)
{
    const uint8_t *end = r->end[r->depth];
    if (*at == end)
        return too_short(r);
    uint8_t first = *(*at)++;
    if (first < LENGTH_LONG) {
        *ret = first;
        return ERR_OK;
    }
    unsigned octets = first & (LENGTH_LONG - 1u);
    if (octets == 0 || octets > LENGTH_OCTETS_MAX)
        return ERR_MALFORMED;
    if ((size_t)(end - *at) < octets)
        return too_short(r);
    uint32_t length = 0;
    for (unsigned i = 0; i < octets; i++)
        length = length << 8 | *(*at)++;
    bool shortest = length >= LENGTH_LONG && length >> (8 * (octets - 1)) != 0;
    if (!shortest)
        return ERR_MALFORMED;
    *ret = length;
    return ERR_OK;
}

/* Parses the next element without moving. */
static enum err parse(const struct der_reader *r, uint8_t *ret_tag, struct span *ret_content)
{
    const uint8_t *at = r->at, *end = r->end[r->depth];
    if (at == end)
        return too_short(r);
    uint8_t tag = *at++;
    if ((tag & TAG_NUMBER_MASK) == TAG_NUMBER_MASK)
        return ERR_MALFORMED;
    size_t length;
    TRY(read_length(r, &at, &length));
    if (length > (size_t)(end - at))
        return too_short(r);
    *ret_tag = tag;
    *ret_content = span_of(at, length);
    return ERR_OK;
}

struct span der_take_any(struct der_reader *r, uint8_t *ret_tag)
{
    uint8_t tag = 0;
    struct span content = SPAN_EMPTY;
    if (r->err == ERR_OK)
        r->err = parse(r, &tag, &content);
    if (r->err != ERR_OK)
        return SPAN_EMPTY;
    r->at = content.data + content.size;
    *ret_tag = tag;
    return content;
}

struct span der_take(struct der_reader *r, uint8_t tag)
{
    uint8_t found = tag;
    struct span content = der_take_any(r, &found);
    if (found != tag)
        der_fail(r, ERR_MALFORMED);
    return r->err == ERR_OK ? content : SPAN_EMPTY;
}

bool der_integer_valid(struct span content)
{
    if (content.size == 0)
        return false;
    if (content.size == 1)
        return true;
    uint8_t first = content.data[0];
    bool second_high = content.data[1] & 0x80;
    return !(first == 0x00 && !second_high) && !(first == 0xff && second_high);
}

struct span der_take_integer(struct der_reader *r)
{
    struct span content = der_take(r, DER_INTEGER);
    if (!der_integer_valid(content))
        der_fail(r, ERR_MALFORMED);
    return r->err == ERR_OK ? content : SPAN_EMPTY;
}

void der_enter(struct der_reader *r, uint8_t tag)
{
    CHECK(tag & TAG_CONSTRUCTED);
    struct span content = der_take(r, tag);
    if (r->err != ERR_OK)
        return;
    if (r->depth == DER_DEPTH_MAX) {
        der_fail(r, ERR_LIMIT);
        return;
    }
    r->at = content.data;
    r->end[++r->depth] = content.data + content.size;
}

void der_leave(struct der_reader *r)
{
    if (r->err != ERR_OK)
        return;
    CHECK(r->depth > 0);
    if (r->at != r->end[r->depth])
        der_fail(r, ERR_MALFORMED);
    r->depth--;
}

enum err der_end(const struct der_reader *r)
{
    if (r->err != ERR_OK)
        return r->err;
    CHECK(r->depth == 0);
    return r->at == r->end[0] ? ERR_OK : ERR_TRAILING;
}
