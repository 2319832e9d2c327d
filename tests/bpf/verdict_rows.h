/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict table: a frame, what is configured, what has been before, and the reason it must get.
 */
#pragma once

#include <stddef.h>

#include "bpf/filter.h"
#include "tests/bpf/frame.h"

/* What is configured beside services [192.0.2.1]:80, :443, [2001:db8::1]:80. Rates are 1 a second.
 */
enum {
    ALLOW = 1,     /* 198.51.100.0/24, 2001:db8:99::/48 */
    DENY = 1 << 1, /* 198.51.100.7/32, 2001:db8:99::/64 */
    OBSERVE = 1 << 2,
    PASS_FRAGMENTS = 1 << 3,
    SYN_RATE = 1 << 4,        /* bursts of 3 */
    PACKET_RATE = 1 << 5,     /* bursts of 3 */
    BUDGET = 1 << 6,          /* bursts of 2 */
    COOKIES = 1 << 7,         /* bursts of 1 */
    SHED_ALL = 1 << 8,        /* for the next minute */
    REFUSE = 1 << 9,          /* bursts of 1 */
    NO_COOKIE_MADE = 1 << 10, /* loaded for a kernel that makes none */
};

struct verdict_row {
    const char *name;
    struct frame frame;
    unsigned with;
    unsigned before;         /* frames like it that came before */
    const char *before_from; /* from there; NULL: from the same */
    uint8_t before_flags;    /* with those; 0: the same */
    uint64_t later_ns;       /* so much later it comes itself */
    enum filter_reason want;
};

extern const struct verdict_row verdict_rows[];
extern const size_t verdict_row_count;
