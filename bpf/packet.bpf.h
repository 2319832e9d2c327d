/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* From a frame to what the policy asks about it. Nothing here knows what a service is. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>

#include "bpf/maps.bpf.h"

#define VLAN_TAG_BYTES       4
#define IP_AT_MASK           31 /* behind Ethernet and two tags: 14 to 22 */
#define IP_BYTES_MAX         65535
#define IP_MORE_OR_OFFSET    0x3fff
#define IP_OFFSET            0x1fff
#define FRAGMENT_IN_TCP_LAST 2 /* of offsets in eight octets: they are within the TCP header */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

union address {
    __u8 octets[16];
    __u32 words[4];
    __u64 halves[2];
};

struct packet {
    union address source, target;
    __be16 source_port, target_port; /* 0: not read */
    __u8 version;
    __u8 tcp_flags;
    bool group;          /* sent to more than this machine */
    bool later_fragment; /* without a TCP header */
    __u16 ip_at;         /* in the frame */
    __u16 tcp_at;
    __u16 segment_bytes; /* TCP header and data; 65535: or more */
    __u8 header_bytes;   /* of TCP, as it says itself */
    __u32 frame_bytes;
};

static __always_inline bool is_to_itself(const struct packet *p)
{
    return p->source.halves[0] == p->target.halves[0] && p->source.halves[1] == p->target.halves[1];
}

/* Addresses are written as they are read again, eight octets at a time: a processor waits for what
 * was written in smaller pieces. */
static __always_inline void put_v4_address(union address *to, __be32 address)
{
    to->halves[0] = bpf_cpu_to_be64((__u64)bpf_ntohl(address) << 32);
}

static __always_inline void put_v6_address(union address *to, const struct in6_addr *address)
{
    const __u64 *halves = (const void *)address;
    to->halves[0] = halves[0];
    to->halves[1] = halves[1];
}

/* Where a frame is looked into. */
struct view {
    struct xdp_md *context;
    void *data, *end; /* what can be read directly */
    bool pass_fragments;
};

static __always_inline void trouble_add(enum filter_trouble which)
{
    __u32 key = which;
    __u64 *count = bpf_map_lookup_elem(&trouble, &key);
    if (count != NULL)
        (*count)++;
}

/* A frame is taken for its first piece until something says that there is more: asking costs more
 * than all of parsing. The octets that are there behind `at`. */
static __always_inline __u32 bytes_behind(const struct view *v, struct packet *p, __u32 at,
                                          __u32 wanted)
{
    if (at + wanted > p->frame_bytes)
        p->frame_bytes = bpf_xdp_get_buff_len(v->context);
    return p->frame_bytes > at ? p->frame_bytes - at : 0;
}

/* Drivers give headers in one piece. One that does not is not a reason to drop everything. */
static __always_inline enum filter_reason split(void)
{
    trouble_add(FILTER_TROUBLE_SPLIT);
    return FILTER_REASON_OTHER;
}

/* A segment at tcp_at. FLOW: it is read. */
static __always_inline enum filter_reason parse_tcp(const struct view *v, struct packet *p,
                                                    __u32 tcp_at, __u32 segment_bytes)
{
    const struct tcphdr *tcp = v->data + tcp_at;
    if (segment_bytes < sizeof *tcp)
        return FILTER_REASON_SHORT;
    if ((void *)(tcp + 1) > v->end)
        return split();
    if (tcp->dest == 0)
        return FILTER_REASON_OTHER; /* among services port 0 says something else */
    p->source_port = tcp->source;
    p->target_port = tcp->dest;
    p->tcp_flags = ((const __u8 *)tcp)[13];
    p->header_bytes = tcp->doff * 4;
    p->tcp_at = tcp_at;
    p->segment_bytes = segment_bytes < IP_BYTES_MAX ? segment_bytes : IP_BYTES_MAX;
    return FILTER_REASON_FLOW;
}

/* A fragment, `offset` in eight octets. FLOW: it goes on, as what it is or as one that is not the
 * first. */
static __always_inline enum filter_reason check_fragment(const struct view *v, struct packet *p,
                                                         __u32 offset)
{
    if (!v->pass_fragments || (offset > 0 && offset <= FRAGMENT_IN_TCP_LAST))
        return FILTER_REASON_FRAGMENT;
    p->later_fragment = offset > 0;
    return FILTER_REASON_FLOW;
}

static __always_inline enum filter_reason parse_v4(const struct view *v, struct packet *p,
                                                   __u32 ip_at)
{
    const struct iphdr *ip = v->data + ip_at;
    if ((void *)(ip + 1) > v->end)
        return bytes_behind(v, p, ip_at, sizeof *ip) < sizeof *ip ? FILTER_REASON_OTHER : split();
    if (ip->version != 4 || ip->protocol != IPPROTO_TCP)
        return FILTER_REASON_OTHER;
    p->version = 4;
    put_v4_address(&p->source, ip->saddr);
    put_v4_address(&p->target, ip->daddr);

    __u32 header = ip->ihl * 4;
    __u32 total = bpf_ntohs(ip->tot_len);
    __u32 there = bytes_behind(v, p, ip_at, total != 0 ? total : IP_BYTES_MAX + 1);
    if (total == 0 && there > IP_BYTES_MAX)
        total = there;
    if (header < sizeof *ip || header > total || total > there)
        return FILTER_REASON_LENGTHS;
    __u32 fragment = bpf_ntohs(ip->frag_off) & IP_MORE_OR_OFFSET;
    if (fragment != 0) {
        enum filter_reason reason = check_fragment(v, p, fragment & IP_OFFSET);
        if (reason != FILTER_REASON_FLOW || p->later_fragment)
            return reason;
    }
    return parse_tcp(v, p, ip_at + header, total - header);
}

struct extension {
    __u8 next;
    __u8 size;
    __be16 fragment; /* offset in eight octets, three bits of something else */
    __u32 unused;
};

static __always_inline bool is_extension(__u8 protocol)
{
    const __u64 all = 1ull << IPPROTO_HOPOPTS | 1ull << IPPROTO_ROUTING | 1ull << IPPROTO_FRAGMENT |
                      1ull << IPPROTO_AH | 1ull << IPPROTO_DSTOPTS;
    return protocol < 64 && (all >> protocol & 1) != 0;
}

/* What a walk along extension headers comes to. */
struct chain {
    __u32 at; /* behind the IPv6 header */
    __u32 offset;
    __u8 next;
    bool fragment;
};

/* One extension header of a packet that ends at `end`. FLOW: the walk goes on behind it. */
static __always_inline enum filter_reason step(const struct view *v, struct chain *c, __u32 base,
                                               __u32 end)
{
    const struct extension *e = v->data + base + c->at;
    if (c->at + sizeof *e > end)
        return FILTER_REASON_HEADERS;
    if ((void *)(e + 1) > v->end)
        return split();
    __u32 bytes = (e->size + 1u) * 8;
    if (c->next == IPPROTO_AH)
        bytes = (e->size + 2u) * 4;
    if (c->next == IPPROTO_FRAGMENT) {
        bytes = sizeof *e;
        c->fragment = true;
        c->offset = bpf_ntohs(e->fragment) >> 3;
    }
    c->next = e->next;
    c->at += bytes;
    return c->at > FILTER_EXTENSION_BYTES_MAX || c->at > end ? FILTER_REASON_HEADERS
                                                             : FILTER_REASON_FLOW;
}

static __always_inline enum filter_reason parse_v6(const struct view *v, struct packet *p,
                                                   __u32 ip_at)
{
    const struct ipv6hdr *ip = v->data + ip_at;
    __u32 base = ip_at + sizeof *ip;
    if ((void *)(ip + 1) > v->end)
        return bytes_behind(v, p, ip_at, sizeof *ip) < sizeof *ip ? FILTER_REASON_OTHER : split();
    if (ip->version != 6)
        return FILTER_REASON_OTHER;
    p->version = 6;
    put_v6_address(&p->source, &ip->saddr);
    put_v6_address(&p->target, &ip->daddr);

    __u32 payload = bpf_ntohs(ip->payload_len);
    __u32 there = bytes_behind(v, p, base, payload != 0 ? payload : IP_BYTES_MAX);
    if (payload == 0 && there + sizeof *ip > IP_BYTES_MAX)
        payload = there;
    __u32 end = payload < there ? payload : there;
    struct chain c = {.next = ip->nexthdr};
    for (unsigned i = 0; i < FILTER_EXTENSIONS_MAX && is_extension(c.next) && c.offset == 0; i++) {
        enum filter_reason reason = step(v, &c, base, end);
        if (reason != FILTER_REASON_FLOW)
            return reason;
    }
    if (c.next != IPPROTO_TCP)
        return is_extension(c.next) && c.offset == 0 ? FILTER_REASON_HEADERS : FILTER_REASON_OTHER;
    if (payload > there)
        return FILTER_REASON_LENGTHS;
    if (c.fragment) {
        enum filter_reason reason = check_fragment(v, p, c.offset);
        if (reason != FILTER_REASON_FLOW || p->later_fragment)
            return reason;
    }
    return parse_tcp(v, p, base + c.at, end - c.at);
}

/* FLOW: a TCP segment (or a fragment of one that is not the first). Other reasons but OTHER hold
 * only where its destination is a service. `p` is zero before, but for the octets of the first
 * piece. */
static __always_inline enum filter_reason parse(const struct view *v, struct packet *p)
{
    const struct ethhdr *ethernet = v->data;
    if ((void *)(ethernet + 1) > v->end)
        return FILTER_REASON_OTHER;
    p->group = ethernet->h_dest[0] & 1;
    __be16 type = ethernet->h_proto;
    __u32 at = sizeof *ethernet;
    for (unsigned i = 0; i < FILTER_VLAN_MAX; i++) {
        const __be16 *tag = v->data + at;
        if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
            break;
        if ((void *)(tag + 2) > v->end)
            return FILTER_REASON_OTHER;
        type = tag[1];
        at += VLAN_TAG_BYTES;
    }
    /* Through memory the verifier forgets how many tags there were, and walks the rest once. */
    *(volatile __u16 *)&p->ip_at = at;
    at = *(volatile __u16 *)&p->ip_at & IP_AT_MASK;
    if (type == bpf_htons(ETH_P_IP))
        return parse_v4(v, p, at);
    return type == bpf_htons(ETH_P_IPV6) ? parse_v6(v, p, at) : FILTER_REASON_OTHER;
}
