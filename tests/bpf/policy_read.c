/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/policy_read.h"

#include <netinet/in.h>
#include <string.h>

#define FLAG_FIN 0x01u
#define FLAG_SYN 0x02u
#define FLAG_RST 0x04u
#define FLAG_PSH 0x08u
#define FLAG_ACK 0x10u
#define FLAG_URG 0x20u
#define FLAG_ALL (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_PSH | FLAG_ACK | FLAG_URG)

#define HEADER_BYTES_V4  20u
#define HEADER_BYTES_V6  40u
#define HEADER_BYTES_TCP 20u

struct frame_view {
    const uint8_t *octets;
    uint32_t bytes; /* of the frame */
    uint32_t end;   /* of the packet in it */
};

/* What the headers of IP say. */
struct walk {
    bool is_tcp;
    bool headers, lengths, fragment; /* what is wrong, or a fragment at all */
    uint32_t offset_bytes;           /* of the fragment */
    uint32_t tcp_at;
};

static uint32_t get16(const struct frame_view *f, uint32_t at)
{
    return (uint32_t)f->octets[at] << 8 | f->octets[at + 1];
}

/* Where a packet ends that begins at `ip_at`: `said` octets long, if that can be. */
static uint32_t end_of(const struct frame_view *f, uint32_t ip_at, uint32_t said, bool is_zero,
                       bool *ret_beyond)
{
    uint32_t there = f->bytes - ip_at;
    if (is_zero && there > UINT16_MAX)
        return f->bytes;
    *ret_beyond = said > there;
    return ip_at + (said < there ? said : there);
}

static struct walk walk_v4(struct frame_view *f, uint32_t ip_at)
{
    struct walk w = {.is_tcp = f->octets[ip_at + 9] == IPPROTO_TCP};
    uint32_t header_bytes = (f->octets[ip_at] & 15u) * 4;
    uint32_t total_bytes = get16(f, ip_at + 2), fragment = get16(f, ip_at + 6);
    f->end = end_of(f, ip_at, total_bytes, total_bytes == 0, &w.lengths);
    if (header_bytes < HEADER_BYTES_V4 || ip_at + header_bytes > f->end)
        w.lengths = true;
    w.fragment = (fragment & 0x3fff) != 0;
    w.offset_bytes = (fragment & 0x1fff) * 8;
    w.tcp_at = ip_at + header_bytes;
    return w;
}

static bool is_extension(uint8_t type)
{
    return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_FRAGMENT ||
           type == IPPROTO_AH || type == IPPROTO_DSTOPTS;
}

static uint32_t extension_bytes(uint8_t type, uint8_t says)
{
    if (type == IPPROTO_FRAGMENT)
        return 8;
    return type == IPPROTO_AH ? (says + 2u) * 4 : (says + 1u) * 8;
}

static struct walk walk_v6(struct frame_view *f, uint32_t ip_at)
{
    struct walk w = {0};
    uint32_t payload_bytes = get16(f, ip_at + 4);
    f->end = end_of(f, ip_at, HEADER_BYTES_V6 + payload_bytes, payload_bytes == 0, &w.lengths);
    uint8_t type = f->octets[ip_at + 6];
    uint32_t at = ip_at + HEADER_BYTES_V6, first = at;
    for (unsigned count = 1; is_extension(type); count++) {
        uint32_t bytes = 0;
        if (at + 2 <= f->end)
            bytes = extension_bytes(type, f->octets[at + 1]);
        if (count > FILTER_EXTENSIONS_MAX || bytes == 0 || at + bytes > f->end ||
            at + bytes - first > FILTER_EXTENSION_BYTES_MAX) {
            w.headers = true;
            return w;
        }
        bool is_fragment = type == IPPROTO_FRAGMENT;
        type = f->octets[at];
        if (is_fragment) {
            w.fragment = true;
            w.offset_bytes = get16(f, at + 2) & 0xfff8;
        }
        at += bytes;
        if (is_fragment && w.offset_bytes != 0)
            break;
    }
    w.is_tcp = type == IPPROTO_TCP;
    w.tcp_at = at;
    return w;
}

/* The first list. */
static void judge_headers(const struct frame_view *f, const struct walk *w, bool pass_fragments,
                          struct policy_segment *s)
{
    s->by_address = true;
    if (w->headers)
        s->reason = FILTER_REASON_HEADERS;
    else if (w->lengths)
        s->reason = FILTER_REASON_LENGTHS;
    else if (w->fragment && (!pass_fragments || w->offset_bytes == 8 || w->offset_bytes == 16))
        s->reason = FILTER_REASON_FRAGMENT;
    else if (w->fragment && w->offset_bytes != 0)
        s->reason = FILTER_REASON_FLOW; /* goes on as no SYN */
    else if (f->end < w->tcp_at + HEADER_BYTES_TCP)
        s->reason = FILTER_REASON_SHORT;
    else
        s->by_address = false;
}

static bool are_flags_impossible(uint32_t flags)
{
    if (flags & FLAG_SYN)
        return (flags & (FLAG_FIN | FLAG_RST | FLAG_ACK | FLAG_URG)) != 0;
    if (flags & FLAG_RST)
        return (flags & (FLAG_FIN | FLAG_URG)) != 0;
    return (flags & FLAG_ACK) == 0;
}

/* The second list. */
static void judge_tcp(const struct frame_view *f, uint32_t at, struct policy_segment *s)
{
    uint32_t header_bytes = (uint32_t)(f->octets[at + 12] >> 4) * 4;
    s->source_port = (uint16_t)get16(f, at);
    s->target_port = (uint16_t)get16(f, at + 2);
    s->flags = f->octets[at + 13];
    bool same =
        s->source_port == s->target_port && memcmp(s->source, s->target, sizeof s->source) == 0;
    if (header_bytes < HEADER_BYTES_TCP || at + header_bytes > f->end)
        s->reason = FILTER_REASON_LENGTHS;
    else if (are_flags_impossible(s->flags & FLAG_ALL))
        s->reason = FILTER_REASON_FLAGS;
    else if (s->source_port == 0 || same)
        s->reason = FILTER_REASON_PORTS;
    else
        s->is_syn = (s->flags & FLAG_SYN) != 0;
}

/* Past Ethernet and its tags; 0: this is not IP. */
static uint32_t find_ip(const struct frame_view *f, uint8_t *ret_version)
{
    uint32_t at = 12;
    for (unsigned tags = 0; at + 2 <= f->bytes; tags++, at += 4) {
        uint32_t type = get16(f, at);
        if (type == 0x0800 || type == 0x86dd) {
            *ret_version = type == 0x0800 ? 4 : 6;
            return at + 2;
        }
        if ((type != 0x8100 && type != 0x88a8) || tags == FILTER_VLAN_MAX)
            return 0;
    }
    return 0;
}

struct policy_segment policy_read(const uint8_t *octets, uint32_t bytes, bool pass_fragments)
{
    struct frame_view f = {.octets = octets, .bytes = bytes};
    struct policy_segment s = {.reason = FILTER_REASON_FLOW};
    uint32_t ip_at = find_ip(&f, &s.version);
    if (ip_at == 0)
        return s;
    bool v4 = s.version == 4;
    if (ip_at + (v4 ? HEADER_BYTES_V4 : HEADER_BYTES_V6) > bytes || octets[ip_at] >> 4 != s.version)
        return s;
    memcpy(s.source, octets + ip_at + (v4 ? 12 : 8), v4 ? 4 : 16);
    memcpy(s.target, octets + ip_at + (v4 ? 16 : 24), v4 ? 4 : 16);
    s.group = (octets[0] & 1) != 0;
    struct walk w = v4 ? walk_v4(&f, ip_at) : walk_v6(&f, ip_at);
    s.is_tcp = w.is_tcp || w.headers;
    if (!s.is_tcp)
        return s;
    judge_headers(&f, &w, pass_fragments, &s);
    if (!s.by_address)
        judge_tcp(&f, w.tcp_at, &s);
    return s;
}
