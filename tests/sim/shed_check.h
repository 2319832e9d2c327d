/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of the controller's decisions whatever happens, judged from what it was told and
 * what it said, and from nothing inside of it. A breach prints the seed and aborts. */
#pragma once

#include "bpf/controller.h"

#define SHED_CHECK_CHANGES 1024 /* the worlds allow 604 at most within a window */

/* By how much bad looks outweigh good ones, up to what is enough. */
struct shed_sums {
    uint32_t dead, not_ready, stale_long, stale, unhealthy, overload;
};

struct shed_check {
    const char *world; /* for the message */
    uint64_t seed, looks;
    struct shed_sums sums;
    bool hot; /* the last answered look was overloaded */
    bool has_last;
    bool last_level_word, last_route_word;
    struct decision last;
    uint64_t last_ns;
    uint64_t last_high_ns;  /* a look that showed overload, or may have */
    uint64_t last_down_ns;  /* the level shrank */
    uint64_t at_most_ns;    /* since when the own level is at the most; 0: it is not */
    uint64_t two_bad_ns;    /* when bad looks last outweighed good ones by two */
    uint64_t own_change_ns; /* of the route */
    uint64_t deprefered_ns; /* since when it is worse than announced, own or not */
    bool for_load;          /* the own route is worse for overload, and nothing else since */
    uint64_t route_word_ns; /* when a word on the route was last in force */
    uint64_t changes[SHED_CHECK_CHANGES]; /* of the own route, as a ring */
    uint64_t change_count;
};

void shed_check_start(struct shed_check *k, const char *world, uint64_t seed);
/** One look and the decision that followed. */
void shed_check_look(struct shed_check *k, const struct controller_config *config,
                     const struct measurement *m, const struct controller_override *word,
                     const struct decision *d, uint64_t now_ns);
/** Prints what was breached, where, and aborts. */
_Noreturn void shed_check_failed(const struct shed_check *k, const char *what, int line);

#define SHED_CHECK(k, condition)                        \
    do {                                                \
        if (!(condition))                               \
            shed_check_failed(k, #condition, __LINE__); \
    } while (0)
