/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the frames of a flood where they are sent: run by BPF_PROG_TEST_RUN with live frames, whose
 * XDP_TX puts them on the interface. A frame that comes back from use has been written to by
 * whoever had it, so all of it is written each time. Words are big-endian where they are sums. */
#include "bench/flood/live_plan.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPV4_FRAME      54u /* with a bare TCP header */
#define IPV6_FRAME      74u
#define OPTIONS         12u
#define PORT_FIRST      1024u
#define LATE_MAX_US     5000u /* what is later is left out, not made up for in a burst */
#define HASH_MULTIPLIER 0x9e3779b1u

struct live_plan plan; /* set before the first run */
struct live_count count;

static __always_inline __u32 word_sum(__u32 word)
{
    return (bpf_ntohl(word) >> 16) + (bpf_ntohl(word) & 0xffff);
}

static __always_inline __u16 folded(__u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return bpf_htons((__u16)~sum);
}

static __always_inline __u32 draw(__u32 turn)
{
    if (plan.source_count == 0)
        return bpf_get_prandom_u32();
    __u32 hash = (turn + 1) * HASH_MULTIPLIER;
    return hash ^ hash >> 15;
}

/* One word of the source; its sum. */
static __always_inline __u32 put_source(__u8 *at, __u32 word_no, __u32 turn)
{
    const __u32 *from = (const __u32 *)plan.from;
    const __u32 *drawn = (const __u32 *)plan.drawn;
    __u32 word = from[word_no] | (draw(turn + word_no) & drawn[word_no]);
    __builtin_memcpy(at, &word, sizeof word);
    return word_sum(word);
}

/* Port and sequence number, then the checksum over all. */
static __always_inline void put_tcp(__u8 *tcp, __u32 source_sum)
{
    __u32 port = PORT_FIRST + (bpf_get_prandom_u32() & 0x7fff);
    __u32 sequence = bpf_get_prandom_u32();
    __u16 port_word = bpf_htons((__u16)port);
    __u16 sum = folded(plan.tcp_sum + source_sum + port + word_sum(sequence));
    __builtin_memcpy(tcp, &port_word, sizeof port_word);
    __builtin_memcpy(tcp + 4, &sequence, sizeof sequence);
    __builtin_memcpy(tcp + 16, &sum, sizeof sum);
}

static __always_inline int put_ipv4(__u8 *frame, const __u8 *end, __u32 turn)
{
    if (frame + IPV4_FRAME > end)
        return XDP_ABORTED;
    __builtin_memcpy(frame, plan.frame, IPV4_FRAME);
    __u32 source_sum = put_source(frame + 26, 0, turn);
    __u16 ip_sum = folded(plan.ip_sum + source_sum);
    __builtin_memcpy(frame + 24, &ip_sum, sizeof ip_sum);
    put_tcp(frame + 34, source_sum);
    if (frame + IPV4_FRAME + OPTIONS <= end)
        __builtin_memcpy(frame + IPV4_FRAME, plan.frame + IPV4_FRAME, OPTIONS);
    return XDP_TX;
}

static __always_inline int put_ipv6(__u8 *frame, const __u8 *end, __u32 turn)
{
    if (frame + IPV6_FRAME > end)
        return XDP_ABORTED;
    __builtin_memcpy(frame, plan.frame, IPV6_FRAME);
    __u32 source_sum = 0;
    for (__u32 i = 0; i < 4; i++)
        source_sum += put_source(frame + 22 + 4 * i, i, turn);
    put_tcp(frame + 54, source_sum);
    if (frame + IPV6_FRAME + OPTIONS <= end)
        __builtin_memcpy(frame + IPV6_FRAME, plan.frame + IPV6_FRAME, OPTIONS);
    return XDP_TX;
}

static __always_inline _Bool is_due(void)
{
    if (plan.rate_per_s == 0)
        return 1;
    __u64 since_us = (bpf_ktime_get_ns() - plan.start_ns) / 1000;
    __u64 late_us = since_us > LATE_MAX_US ? since_us - LATE_MAX_US : 0;
    __u64 too_late = late_us * plan.rate_per_s / 1000000, gone = count.made + count.left_out;
    if (too_late > gone) {
        count.left_out += too_late - gone;
        gone = too_late;
    }
    return since_us * plan.rate_per_s / 1000000 > gone;
}

/* The kernel takes what a frame's last user left of its length, but for a program that changes it.
 */
static __always_inline _Bool set_length(struct xdp_md *context)
{
    return bpf_xdp_adjust_tail(context, -LIVE_TAIL_BYTES) == 0;
}

SEC("xdp")
int make_frame(struct xdp_md *context)
{
    if (!is_due())
        return XDP_DROP;
    if (!set_length(context))
        return XDP_ABORTED;
    __u8 *frame = (__u8 *)(long)context->data;
    const __u8 *end = (const __u8 *)(long)context->data_end;
    __u32 turn = plan.source_count == 0 ? 0 : (__u32)(count.made % plan.source_count) * 4;
    count.made++;
    return plan.tcp_offset == 34 ? put_ipv4(frame, end, turn) : put_ipv6(frame, end, turn);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
