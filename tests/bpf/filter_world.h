/* SPDX-License-Identifier: Apache-2.0 */
/* The filter, loaded by itself with a clock that tests set, and run on frames without a network
 * (BPF_PROG_TEST_RUN). A failing system call ends the test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/filter.h"

#define WORLD_SKIP 77 /* meson: skipped */

struct filter_world;

struct world_service {
    const char *address;
    uint16_t port;
};

struct world_rule {
    enum filter_list list;
    const char *address;
    uint8_t bits;
};

/* A generation. Ends of lists: an address of NULL. rule_count and near_count are counted here. */
struct world_policy {
    struct filter_config config;
    const struct world_service *services;
    const struct world_rule *rules;
};

struct world_options {
    uint32_t buckets; /* 0: FILTER_BUCKETS_MIN */
    bool real_clock;
    bool no_cookies;
};

/** Loads. NULL: this process may not, or this kernel cannot; why is printed, and the test is
 * skipped (WORLD_SKIP). What should load and does not ends the test. */
struct filter_world *world_open(const struct world_options *options);
struct filter_world *world_close(struct filter_world *w);
int world_program(const struct filter_world *w);

/** Puts a policy in force: the next generation, as filter.h says. */
void world_policy(struct filter_world *w, const struct world_policy *policy);
/** A config with plausible secrets and nothing limited. */
struct filter_config world_config(void);
void world_time(struct filter_world *w, uint64_t now_ns);
void world_level(struct filter_world *w, uint32_t permille, uint64_t until_ns);
/** Empties buckets and gates (full of tokens), counters and events. */
void world_reset(struct filter_world *w);

/** Runs the filter on a frame. What it is afterwards goes to `out` (size + nothing more). Returns
 * XDP_PASS, XDP_DROP, XDP_TX. `linear`: octets of it in the first piece, 0 all; -1 is returned
 * where the kernel cannot do that. */
int world_run(struct filter_world *w, const uint8_t *frame, size_t size, size_t linear,
              uint8_t *out, size_t *ret_size);

struct filter_count world_count(struct filter_world *w, enum filter_reason reason);
uint64_t world_trouble(struct filter_world *w, enum filter_trouble trouble);
/** The last one of the events that are there, and takes all; false: there is none. */
bool world_event(struct filter_world *w, struct filter_event *ret);
struct filter_set world_set(struct filter_world *w, uint32_t index);
struct filter_gates world_gates(struct filter_world *w);
void world_set_gates(struct filter_world *w, const struct filter_gates *gates);
