/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The limit for whoever drops frames: drops them all, and looks at none. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop_all(struct xdp_md *context)
{
    (void)context;
    return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
