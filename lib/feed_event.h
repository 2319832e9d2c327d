/* SPDX-License-Identifier: Apache-2.0 */
/* Status events as statim-issuer hands them to the presigner: lines of JSON in one canonical form
 * (docs/formats.md, "Feed"), so that a line has one spelling and its SHA-256 names the event. Pure.
 *
 *   {"seq":7,"type":"issued","serial":"1A2B","not_after":1811000000,"shard":"1/3",
 *    "time":1795000000}
 *   {"seq":8,"type":"revoked","serial":"1A2B","not_after":1811000000,"shard":"1/3",
 *    "revoked_at":1795000100,"reason":"keyCompromise","time":1795000100}
 *
 * each on one line without the break shown here. Members come in this order, without blanks;
 * integers are decimal without leading zeros; the serial is upper-case hex without leading zero
 * octets (lib/serial.h). An event has all there is to know of its certificate: a revoked one that
 * comes without an issued one before it is whole, too. */
#pragma once

#include "lib/digest.h"
#include "lib/facts.h"

/* Without the newline: members, 16 digits of seq and time, a serial, 10 digits of other times. */
#define FEED_LINE_BYTES_MAX 320
/* The greatest integer that every reader of JSON has exactly (RFC 8785 3.2.2.3). */
#define FEED_NUMBER_MAX ((UINT64_C(1) << 53) - 1)
/* Events in one answer. */
#define FEED_EVENTS_MAX 1000

#define FEED_EVENTS_PATH    "/v1/events"
#define FEED_PUBLISHED_PATH "/v1/events/published"
#define FEED_MEDIA_TYPE     "application/x-ndjson"
/* The field Link of an answer, around the URL of the last shard of the set that the CA's new
 * certificates get theirs in. */
#define FEED_CRL_LINK_BEGIN "<"
#define FEED_CRL_LINK_END   ">; rel=\"urn:statim:crl\""

struct feed_event {
    uint64_t seq;   /* of the CA's events, from 1 without gaps */
    uint8_t status; /* CERT_GOOD: issued; CERT_REVOKED */
    uint8_t reason; /* REASON_ABSENT when good or revoked without one; never removeFromCRL */
    struct serial serial;
    uint32_t not_after_s;
    uint32_t shard;        /* lib/crl_shard.h; CRL_SHARD_NONE: the certificate names no CRL */
    uint32_t revoked_at_s; /* 0 when good */
    uint64_t time_s;       /* when it was recorded, by the issuer's clock */
};

/** The line without a newline, not NUL-terminated. ERR_RANGE: a member is out of its range (seq 0,
 *  a number above FEED_NUMBER_MAX, a serial that is not positive, a good one with a reason). */
MUST_CHECK enum err feed_event_write(const struct feed_event *event,
                                     uint8_t ret[static FEED_LINE_BYTES_MAX], size_t *ret_size);
/** Takes exactly what feed_event_write() makes. ERR_MALFORMED, ERR_LIMIT (too long), ERR_RANGE. */
MUST_CHECK enum err feed_event_read(struct span line, struct feed_event *ret);
/** The URL in that field; empty when it is another link. */
struct span feed_crl_link_url(struct span link);
