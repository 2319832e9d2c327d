/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the feeder in the kernel is told. */
#pragma once

#include <linux/types.h>

#define COST_FRAME_BYTES 60u /* a SYN of IPv4 with a maximum segment size */
#define COST_SOURCE_AT   26u

struct cost_plan {
    __u8 frame[COST_FRAME_BYTES];
    __u32 source_mask; /* the bits of the source that are drawn anew for each frame */
};
