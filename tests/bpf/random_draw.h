/* SPDX-License-Identifier: Apache-2.0 */
/* Random frames and policies from a seed, drawn so that every rule is met often: few addresses,
 * ports and sizes, most of them near a limit. */
#pragma once

#include "tests/bpf/filter_world.h"
#include "tests/bpf/packet.h"
#include "tests/bpf/policy_model.h"

/* A policy as the world and the model want it. */
struct drawn_policy {
    struct filter_config config;
    struct model_service services[MODEL_SERVICES_MAX];
    struct model_rule rules[MODEL_RULES_MAX];
    uint32_t service_count;
    uint32_t rule_count;
};

uint64_t draw_below(uint64_t *state, uint64_t limit);
bool draw_one_in(uint64_t *state, uint64_t count);

/** The hash key stays `key`. */
struct drawn_policy draw_policy(uint64_t *state, const __u64 key[static 2]);
/** `*ret_is_whole`: nothing was spoilt, so that `*ret` describes all of the frame. */
void draw_frame(uint64_t *state, struct packet *ret, struct packet_frame *ret_frame,
                bool *ret_is_whole);
