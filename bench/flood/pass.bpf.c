/* SPDX-License-Identifier: Apache-2.0 */
/* For the other end of a veth: what a filter there sends by XDP_TX arrives only where there is a
 * program, too. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass_all(struct xdp_md *context)
{
    (void)context;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
