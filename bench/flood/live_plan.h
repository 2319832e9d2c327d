/* SPDX-License-Identifier: Apache-2.0 */
/* What user space tells flood.bpf.c, and what that counts. Shared by both. */
#pragma once

#include <linux/types.h>

#define LIVE_FRAME_BYTES_MAX 96
#define LIVE_TAIL_BYTES      4 /* with which a frame comes, and without which it goes */

struct live_plan {
    __u8 frame[LIVE_FRAME_BYTES_MAX]; /* with source, port, sequence and checksums of zero */
    __u32 frame_bytes;
    __u32 tcp_offset;
    __u8 from[16];  /* the prefix */
    __u8 drawn[16]; /* bits that are not of the prefix */
    __u32 ip_sum;   /* RFC 1071, not folded, of `frame`; of TCP with its pseudo header */
    __u32 tcp_sum;
    __u32 source_count; /* 0: each frame another */
    __u32 rate_per_s;   /* 0: as fast as it can */
    __u64 start_ns;     /* of the monotonic clock */
};

struct live_count {
    __u64 made;
    __u64 left_out; /* of the rate, since too late */
};
