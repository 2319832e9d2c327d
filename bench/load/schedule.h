/* SPDX-License-Identifier: Apache-2.0 */
/* When the requests of one thread are due (open loop): at a constant rate or as a Poisson process.
 * A cursor over the times, of fixed size: a copy of it goes over the same times again, so what is
 * due but not sent needs no queue. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    uint64_t next_ns; /* of the next request */
    uint64_t number;  /* of the next request */
    double origin_ns; /* relative to base_ns */
    double step_ns;   /* mean distance */
    uint64_t base_ns;
    uint64_t random;
    bool poisson;
};

/** rate above 0. The first request is due at first_offset_ns after base_ns (Poisson: one random
 *  distance later). */
void schedule_init(struct schedule *s, uint64_t base_ns, double first_offset_ns, double rate_per_s,
                   bool poisson, uint64_t seed);
/** Goes on to the next request. */
void schedule_advance(struct schedule *s);
