/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Before what is measured: writes the frame anew with another source, and goes on to the filter or
 * to an empty program. It costs the same before either, so that the difference is the filter. */
#include "bench/shed_cost/plan.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct cost_plan plan;

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} next SEC(".maps");

SEC("xdp.frags")
int feed(struct xdp_md *context)
{
    __s32 longer = (__s32)COST_FRAME_BYTES - (__s32)bpf_xdp_get_buff_len(context);
    if (longer != 0 && bpf_xdp_adjust_tail(context, longer) != 0)
        return XDP_ABORTED;
    __u8 *frame = (__u8 *)(long)context->data;
    if (frame + COST_FRAME_BYTES > (__u8 *)(long)context->data_end)
        return XDP_ABORTED;
    __builtin_memcpy(frame, plan.frame, COST_FRAME_BYTES);
    __u32 source;
    __builtin_memcpy(&source, frame + COST_SOURCE_AT, sizeof source);
    source ^= bpf_get_prandom_u32() & plan.source_mask;
    __builtin_memcpy(frame + COST_SOURCE_AT, &source, sizeof source);
    bpf_tail_call(context, &next, 0);
    return XDP_ABORTED;
}

SEC("xdp.frags")
int empty(struct xdp_md *context)
{
    (void)context;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
