/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Answers in the frame of a SYN: RST and SYN cookie. They are made beside the frame and put over it
 * whole; the frame only gets shorter. */
#pragma once

#include "bpf/packet.bpf.h"

#define TCP_BYTES_MAX       60u
#define ETHERNET_BYTES_MIN  60u
#define OPTION_MSS          2u
#define OPTION_MSS_BYTES    4u
#define ANSWER_BYTES_V4_MAX 46u /* with Ethernet's 14 the shortest frame */

/* A TCP header with room for one option; zero where there is none. */
struct segment {
    struct tcphdr tcp;
    __u8 option[OPTION_MSS_BYTES];
} __attribute__((packed, aligned(4)));

struct answer_v4 {
    struct iphdr ip;
    struct segment segment;
    __u8 padding[4];
};
struct answer_v6 {
    struct ipv6hdr ip;
    struct segment segment;
};

/* Whether there is somebody at the other end to whom an answer may go. */
static __always_inline bool is_answerable(const struct packet *p)
{
    const union address *s = &p->source;
    if (p->group || is_to_itself(p))
        return false;
    if (p->version == 4) {
        __u8 first = s->octets[0];
        return s->words[0] != 0 && s->words[0] != 0xffffffff && first != 127 &&
               (first & 0xf0) != 0xe0;
    }
    bool low = s->halves[0] == 0 && (s->halves[1] & ~bpf_cpu_to_be64(1)) == 0; /* ::, ::1 */
    return !low && s->octets[0] != 0xff;
}

static __always_inline __u16 fold(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

/* The segment is complete but for its checksum; `sum` is that of the addresses. An option that is
 * not there is zero and changes nothing. */
static __always_inline void close_segment(struct segment *s, __u32 bytes, __u64 sum)
{
    sum += bpf_htonl(IPPROTO_TCP) + (__u64)bpf_htonl(bytes);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    s->tcp.check = fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)s, sizeof *s, (__u32)sum));
}

/* Puts `bytes` of an answer behind Ethernet and tags, and ends the frame there. */
static __always_inline bool put_answer(struct xdp_md *context, const struct packet *p, void *answer,
                                       __u32 bytes)
{
    struct ethhdr *ethernet = (void *)(long)context->data;
    __u8 sender[ETH_ALEN];
    if ((void *)(ethernet + 1) > (void *)(long)context->data_end)
        return false;
    __builtin_memcpy(sender, ethernet->h_source, ETH_ALEN);
    __builtin_memcpy(ethernet->h_source, ethernet->h_dest, ETH_ALEN);
    __builtin_memcpy(ethernet->h_dest, sender, ETH_ALEN);
    __s32 longer = (__s32)(p->ip_at + bytes) - (__s32)p->frame_bytes;
    return longer <= 0 && bpf_xdp_adjust_tail(context, longer) == 0 &&
           bpf_xdp_store_bytes(context, p->ip_at, answer, bytes) == 0;
}

static __always_inline bool put_v4(struct xdp_md *context, const struct packet *p,
                                   const struct segment *segment)
{
    struct answer_v4 a = {.segment = *segment};
    __u32 tcp_bytes = segment->tcp.doff * 4;
    a.ip.version = 4;
    a.ip.ihl = sizeof a.ip / 4;
    a.ip.tot_len = bpf_htons(sizeof a.ip + tcp_bytes);
    a.ip.frag_off = bpf_htons(0x4000); /* do not fragment */
    a.ip.ttl = FILTER_ANSWER_HOPS;
    a.ip.protocol = IPPROTO_TCP;
    a.ip.saddr = p->target.words[0];
    a.ip.daddr = p->source.words[0];
    a.ip.check = fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)&a.ip, sizeof a.ip, 0));
    close_segment(&a.segment, tcp_bytes, (__u64)a.ip.saddr + a.ip.daddr);

    __u32 bytes = sizeof a.ip + tcp_bytes;
    __u32 floor = p->frame_bytes < ETHERNET_BYTES_MIN ? p->frame_bytes : ETHERNET_BYTES_MIN;
    if (p->ip_at + bytes < floor)
        bytes = floor - p->ip_at;
    if (bytes < sizeof a.ip || bytes > ANSWER_BYTES_V4_MAX)
        return false;
    return put_answer(context, p, &a, bytes);
}

static __always_inline bool put_v6(struct xdp_md *context, const struct packet *p,
                                   const struct segment *segment)
{
    struct answer_v6 a = {.segment = *segment};
    __u32 tcp_bytes = segment->tcp.doff * 4;
    a.ip.version = 6;
    a.ip.payload_len = bpf_htons(tcp_bytes);
    a.ip.nexthdr = IPPROTO_TCP;
    a.ip.hop_limit = FILTER_ANSWER_HOPS;
    __builtin_memcpy(&a.ip.saddr, &p->target, sizeof a.ip.saddr);
    __builtin_memcpy(&a.ip.daddr, &p->source, sizeof a.ip.daddr);
    __u32 sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&a.ip.saddr, 2 * sizeof a.ip.saddr, 0);
    close_segment(&a.segment, tcp_bytes, sum);
    return put_answer(context, p, &a, sizeof a.ip + tcp_bytes);
}

static __always_inline bool put_segment(struct xdp_md *context, const struct packet *p,
                                        const struct segment *segment)
{
    return p->version == 4 ? put_v4(context, p, segment) : put_v6(context, p, segment);
}

/* The TCP header of a SYN with its options. */
struct syn {
    union {
        struct tcphdr tcp;
        __u8 octets[TCP_BYTES_MAX];
    };
};

/* The size of the TCP header in bounds that the verifier sees: it loses sight of them where clang
 * makes one comparison of two. 0: out of bounds. */
static __always_inline __u32 syn_bytes(const struct packet *p)
{
    __u32 bytes = p->header_bytes;
    if (bytes < sizeof(struct tcphdr))
        return 0;
    barrier_var(bytes);
    return bytes <= TCP_BYTES_MAX ? bytes : 0;
}

static __always_inline bool read_syn(struct xdp_md *context, const struct packet *p,
                                     struct syn *ret)
{
    __u32 bytes = syn_bytes(p);
    return bytes != 0 && bpf_xdp_load_bytes(context, p->tcp_at, ret, bytes) == 0;
}

static __always_inline struct segment answer_to(const struct syn *syn)
{
    struct segment s = {.tcp = {.source = syn->tcp.dest, .dest = syn->tcp.source}};
    s.tcp.doff = sizeof s.tcp / 4;
    s.tcp.ack = 1;
    return s;
}

static __always_inline bool send_refusal(struct xdp_md *context, const struct packet *p)
{
    struct syn syn = {0};
    if (!read_syn(context, p, &syn))
        return false;
    struct segment s = answer_to(&syn);
    __u32 data_bytes = p->segment_bytes - p->header_bytes;
    s.tcp.rst = 1;
    s.tcp.ack_seq = bpf_htonl(bpf_ntohl(syn.tcp.seq) + 1 + data_bytes);
    return put_segment(context, p, &s);
}

/* The kernel's cookie, its segment size in the upper half; negative: it has none. */
static __always_inline __s64 make_cookie(const struct packet *p, struct syn *syn)
{
    __u32 bytes = syn_bytes(p);
    if (bytes == 0)
        return -1;
    if (p->version == 4) {
        struct iphdr ip = {.saddr = p->source.words[0], .daddr = p->target.words[0]};
        return bpf_tcp_raw_gen_syncookie_ipv4(&ip, &syn->tcp, bytes);
    }
    struct ipv6hdr ip = {0};
    __builtin_memcpy(&ip.saddr, &p->source, sizeof ip.saddr);
    __builtin_memcpy(&ip.daddr, &p->target, sizeof ip.daddr);
    return bpf_tcp_raw_gen_syncookie_ipv6(&ip, &syn->tcp, bytes);
}

static __always_inline bool send_cookie(struct xdp_md *context, const struct packet *p)
{
    struct syn syn = {0};
    if (!read_syn(context, p, &syn))
        return false;
    __s64 cookie = make_cookie(p, &syn);
    if (cookie < 0)
        return false;
    struct segment s = answer_to(&syn);
    s.tcp.syn = 1;
    s.tcp.seq = bpf_htonl((__u32)cookie);
    s.tcp.ack_seq = bpf_htonl(bpf_ntohl(syn.tcp.seq) + 1);
    s.tcp.window = bpf_htons(FILTER_COOKIE_WINDOW);
    if (p->header_bytes >= sizeof s) {
        __u32 mss = (__u32)((__u64)cookie >> 32);
        s.tcp.doff = sizeof s / 4;
        s.option[0] = OPTION_MSS;
        s.option[1] = OPTION_MSS_BYTES;
        s.option[2] = mss >> 8;
        s.option[3] = mss;
    }
    return put_segment(context, p, &s);
}
