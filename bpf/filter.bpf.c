/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The XDP filter: the policy of filter.h. Needs a kernel of 6.1 or later. */
#include "bpf/maps.bpf.h"

static void add(enum filter_trouble which)
{
    __u32 key = which;
    __u64 *count = bpf_map_lookup_elem(&trouble, &key);
    if (count != NULL)
        (*count)++;
}

SEC("xdp.frags")
int statim_filter(struct xdp_md *context)
{
    __u32 key = 0;
    const struct filter_control *c = bpf_map_lookup_elem(&control, &key);
    (void)context;
    if (c == NULL || c->generation == 0)
        add(FILTER_TROUBLE_UNSET);
    return XDP_PASS;
}

/* The kernel gives SYN cookies only to programs under the GPL. These files are under either. */
char LICENSE[] SEC("license") = "GPL";
