/* SPDX-License-Identifier: Apache-2.0 */
/* Filters to be measured, each with a policy of its own, all of it in use. */
#pragma once

#include "tests/bpf/filter_world.h"

/* name, prefixes on the allow list and on the deny list, whether the budget is spent, what a source
 * prefix may send a second (0: whatever it likes, but every token is counted) */
#define COST_WORLD_TABLE(X)         \
    X(WHOLE, 0, false, 0)           \
    X(LISTS_1000, 1000, false, 0)   \
    X(LISTS_10000, 10000, false, 0) \
    X(SPENT, 0, true, 0)            \
    X(SLOW, 0, false, 1000)

enum cost_world {
#define X(name, prefixes, spent, per_s) COST_WORLD_##name,
    COST_WORLD_TABLE(X)
#undef X
        COST_WORLD_COUNT
};

#define COST_SERVICE      "192.0.2.1"
#define COST_SERVICE_PORT 80

/** NULL: not permitted, why is printed. */
struct filter_world *cost_world_open(enum cost_world which);
/** As on an interface: the real clock, no cookies, a budget of 1,000 SYN a second. `denied`: the
 * deny list of IPv4 is this prefix, of so many bits; NULL: it is empty. */
struct filter_world *cost_world_open_live(const char *service, const char *denied, uint8_t bits);
