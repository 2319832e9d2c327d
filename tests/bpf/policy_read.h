/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of bpf/filter.h ("What is read") makes of a frame, for the model of the policy.
 * Written from that text alone, so that it can judge the filter. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/filter.h"

struct policy_segment {
    bool is_tcp; /* false: OTHER whatever it is addressed to; the rest is then not set */
    /* The first list says so, or it is a later fragment that passes: enough that the address is
     * one of a service. Ports and flags are then 0. */
    bool by_address;
    enum filter_reason reason; /* what is wrong with it; FLOW: nothing */
    bool is_syn;
    bool group; /* sent to a group's hardware address */
    uint8_t version;
    uint8_t source[16]; /* IPv4 in the first four, the rest zero */
    uint8_t target[16];
    uint16_t source_port;
    uint16_t target_port;
    uint8_t flags;
};

struct policy_segment policy_read(const uint8_t *octets, uint32_t bytes, bool pass_fragments);
