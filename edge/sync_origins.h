/* SPDX-License-Identifier: Apache-2.0 */
/* Which origin is asked. They are in order of preference: after a failure the next one, round and
 * round; the first again after a while, since it may be a relay nearby that was only restarted. The
 * while doubles each time in vain, so that an origin that is gone for good, or lies, costs little.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SYNC_RETURN_MIN_NS UINT64_C(30000000000)
#define SYNC_RETURN_MAX_NS UINT64_C(600000000000)

/* Zero but for the count at the start. */
struct sync_origins {
    uint32_t count;
    uint32_t current;
    uint64_t return_ns;       /* when the first one is tried again, if it is another's turn */
    uint64_t return_pause_ns; /* the pause before that; 0: the first one has served */
};

/** The current one failed. */
void sync_origins_next(struct sync_origins *o, uint64_t now_ns);
/** The current one has served, and there is nothing to do until the next look at the head. `old`:
 *  that is older than it should be. true: it is left for another one because of that. */
bool sync_origins_rest(struct sync_origins *o, bool old, uint64_t now_ns);
