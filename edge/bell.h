/* SPDX-License-Identifier: Apache-2.0 */
/* A bell in shared memory: one process rings, others wait for it (a futex). It says that there is
 * something to look at, not what: who waits also looks now and then without it. */
#pragma once

#include <stdint.h>

struct bell {
    uint32_t rung; /* how often; atomic */
};

/** Wakes all who wait. */
void bell_ring(struct bell *bell);
/** To be read before the look that precedes bell_wait(), so that no ring is lost between the two.
 */
uint32_t bell_rung(const struct bell *bell);
/** Until it is rung more often than `rung`, or the time is over; sometimes earlier. */
void bell_wait(const struct bell *bell, uint32_t rung, uint64_t timeout_ns);
