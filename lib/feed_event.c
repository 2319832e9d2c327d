/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/feed_event.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/crl_shard.h"

static bool is_good(const struct feed_event *e)
{
    return e->status == CERT_GOOD && e->reason == REASON_ABSENT && e->revoked_at_s == 0;
}

static bool is_revoked(const struct feed_event *e)
{
    return e->status == CERT_REVOKED && reason_valid(e->reason) &&
           e->reason != REASON_REMOVE_FROM_CRL;
}

/* A set and a place, or neither. */
static bool shard_valid(uint32_t shard)
{
    return shard == CRL_SHARD_NONE || (shard >> 16 != 0 && (shard & 0xffff) < CRL_SET_COUNT_MAX);
}

static bool serial_valid(const struct serial *serial)
{
    struct serial again;
    if (serial->size == 0 || serial->size > SERIAL_BYTES_MAX)
        return false;
    if (serial_from_content(span_of(serial->octets, serial->size), &again) != ERR_OK)
        return false;
    return serial->size > 1 || serial->octets[0] != 0;
}

static bool event_valid(const struct feed_event *e)
{
    return e->seq > 0 && e->seq <= FEED_NUMBER_MAX && e->time_s <= FEED_NUMBER_MAX &&
           serial_valid(&e->serial) && shard_valid(e->shard) && (is_good(e) || is_revoked(e));
}

/* --- Writing --- */

static void shard_text(uint32_t shard, char ret[static 16])
{
    ret[0] = '\0';
    if (shard != CRL_SHARD_NONE)
        snprintf(ret, 16, "%" PRIu32 "/%" PRIu32, shard >> 16, shard & 0xffff);
}

enum err feed_event_write(const struct feed_event *e, uint8_t ret[static FEED_LINE_BYTES_MAX],
                          size_t *ret_size)
{
    char serial[SERIAL_HEX_MAX], shard[16], line[FEED_LINE_BYTES_MAX];
    char revocation[80] = "";
    if (!event_valid(e))
        return ERR_RANGE;
    serial_to_hex(&e->serial, serial);
    shard_text(e->shard, shard);
    if (e->status == CERT_REVOKED)
        snprintf(revocation, sizeof revocation, ",\"revoked_at\":%" PRIu32 ",\"reason\":\"%s\"",
                 e->revoked_at_s, reason_text(e->reason));
    int size =
        snprintf(line, sizeof line,
                 "{\"seq\":%" PRIu64 ",\"type\":\"%s\",\"serial\":\"%s\",\"not_after\":%" PRIu32
                 ",\"shard\":\"%s\"%s,\"time\":%" PRIu64 "}",
                 e->seq, e->status == CERT_GOOD ? "issued" : "revoked", serial, e->not_after_s,
                 shard, revocation, e->time_s);
    if (size < 0 || (size_t)size >= sizeof line)
        return ERR_RANGE;
    memcpy(ret, line, (size_t)size);
    *ret_size = (size_t)size;
    return ERR_OK;
}

/* --- Reading --- */

/* What is left of the line. */
struct reader {
    struct span rest;
};

static bool take(struct reader *r, const char *text)
{
    struct span s = span_text(text);
    if (r->rest.size < s.size || memcmp(r->rest.data, s.data, s.size) != 0)
        return false;
    r->rest = span_of(r->rest.data + s.size, r->rest.size - s.size);
    return true;
}

static enum err expect(struct reader *r, const char *text)
{
    return take(r, text) ? ERR_OK : ERR_MALFORMED;
}

static enum err take_number(struct reader *r, uint64_t max, uint64_t *ret)
{
    uint64_t number = 0;
    size_t size = 0;
    while (size < r->rest.size && r->rest.data[size] >= '0' && r->rest.data[size] <= '9') {
        number = number * 10 + (r->rest.data[size++] - (uint64_t)'0');
        if (number > max)
            return ERR_RANGE;
    }
    if (size == 0 || (size > 1 && r->rest.data[0] == '0'))
        return ERR_MALFORMED;
    r->rest = span_of(r->rest.data + size, r->rest.size - size);
    *ret = number;
    return ERR_OK;
}

static enum err take_u32(struct reader *r, uint32_t *ret)
{
    uint64_t number = 0;
    TRY(take_number(r, UINT32_MAX, &number));
    *ret = (uint32_t)number;
    return ERR_OK;
}

/* Up to the next quote, which is taken too. */
static enum err take_text(struct reader *r, struct span *ret)
{
    const uint8_t *end = r->rest.size > 0 ? memchr(r->rest.data, '"', r->rest.size) : NULL;
    if (end == NULL)
        return ERR_MALFORMED;
    size_t size = (size_t)(end - r->rest.data);
    *ret = span_of(r->rest.data, size);
    r->rest = span_of(end + 1, r->rest.size - size - 1);
    return ERR_OK;
}

static enum err take_serial(struct reader *r, struct serial *ret)
{
    char again[SERIAL_HEX_MAX];
    struct span text;
    TRY(take_text(r, &text));
    TRY(serial_from_hex(text, ret));
    serial_to_hex(ret, again);
    return span_equal(text, span_text(again)) ? ERR_OK : ERR_MALFORMED;
}

static enum err take_shard(struct reader *r, uint32_t *ret)
{
    uint64_t set = 0, place = 0;
    if (take(r, "\"")) {
        *ret = CRL_SHARD_NONE;
        return ERR_OK;
    }
    TRY(take_number(r, UINT16_MAX, &set));
    TRY(expect(r, "/"));
    TRY(take_number(r, UINT16_MAX, &place));
    TRY(expect(r, "\""));
    if (set == 0)
        return ERR_RANGE;
    *ret = crl_shard_pack((uint16_t)set, (uint16_t)place);
    return ERR_OK;
}

/* The words of the RFC as they are written there: reason_from_text() takes more. */
static enum err take_reason(struct reader *r, uint8_t *ret)
{
    enum reason reason = REASON_ABSENT;
    struct span text;
    TRY(take_text(r, &text));
    if (text.size > 0)
        TRY(reason_from_text(text, &reason));
    if (!span_equal(text, span_text(reason_text((uint8_t)reason))))
        return ERR_MALFORMED;
    *ret = (uint8_t)reason;
    return ERR_OK;
}

static enum err take_revocation(struct reader *r, struct feed_event *e)
{
    TRY(expect(r, ",\"revoked_at\":"));
    TRY(take_u32(r, &e->revoked_at_s));
    TRY(expect(r, ",\"reason\":\""));
    return take_reason(r, &e->reason);
}

static enum err take_type(struct reader *r, uint8_t *ret)
{
    bool revoked = take(r, "revoked\"");
    *ret = revoked ? CERT_REVOKED : CERT_GOOD;
    return revoked || take(r, "issued\"") ? ERR_OK : ERR_MALFORMED;
}

enum err feed_event_read(struct span line, struct feed_event *ret)
{
    struct feed_event e = {.reason = REASON_ABSENT};
    struct reader r = {line};
    if (line.size > FEED_LINE_BYTES_MAX)
        return ERR_LIMIT;
    TRY(expect(&r, "{\"seq\":"));
    TRY(take_number(&r, FEED_NUMBER_MAX, &e.seq));
    TRY(expect(&r, ",\"type\":\""));
    TRY(take_type(&r, &e.status));
    TRY(expect(&r, ",\"serial\":\""));
    TRY(take_serial(&r, &e.serial));
    TRY(expect(&r, ",\"not_after\":"));
    TRY(take_u32(&r, &e.not_after_s));
    TRY(expect(&r, ",\"shard\":\""));
    TRY(take_shard(&r, &e.shard));
    if (e.status == CERT_REVOKED)
        TRY(take_revocation(&r, &e));
    TRY(expect(&r, ",\"time\":"));
    TRY(take_number(&r, FEED_NUMBER_MAX, &e.time_s));
    TRY(expect(&r, "}"));
    if (r.rest.size != 0)
        return ERR_MALFORMED;
    if (!event_valid(&e))
        return ERR_RANGE;
    *ret = e;
    return ERR_OK;
}

struct span feed_crl_link_url(struct span link)
{
    struct span begin = span_text(FEED_CRL_LINK_BEGIN), end = span_text(FEED_CRL_LINK_END);
    if (link.size < begin.size + end.size || !span_equal(span_of(link.data, begin.size), begin) ||
        !span_equal(span_of(link.data + link.size - end.size, end.size), end))
        return SPAN_EMPTY;
    return span_of(link.data + begin.size, link.size - begin.size - end.size);
}
