/* SPDX-License-Identifier: Apache-2.0 */
/* The edge's end of the fast lane: asks Redis for the entries after the position, and says there
 * what this edge has applied. It never blocks, and nothing that Redis says or does is more than a
 * counter and a pause: the connection is lib/os/redis_link.h's, what an entry is worth is decided
 * by edge/sync_lane.h.
 *
 * One XREAD is under way at a time. It waits in Redis for a second, so a server that has stopped is
 * noticed soon after. The acknowledgement (HSET) goes before it: after each application, several in
 * a row once, and at least every FAST_LANE_HEARTBEAT_S. It comes first on each connection: a
 * replica refuses to write, and the next address is tried. */
#pragma once

#include "edge/sync_action.h"
#include "edge/sync_config.h"
#include "lib/fast_lane.h"

/* Entries in one answer, for its size: at most so many times FAST_LANE_ENTRY_BYTES_MAX. */
#define LANE_ENTRIES_MAX 16
/* How long an XREAD waits in Redis, and how much later its answer may be. */
#define LANE_BLOCK_MS 1000
#define LANE_GRACE_MS 2000
/* Between two questions, when the first brought nothing new: a server that does not wait, or
 * repeats what is known, must not keep us busy. */
#define LANE_IDLE_NS UINT64_C(250000000)

struct lane;

/** `counters` (SYNC_COUNTER_COUNT) are borrowed. ERR_MALFORMED (an address), ERR_LIMIT, ERR_MEMORY.
 */
MUST_CHECK enum err lane_new(const struct sync_redis_config *config, const char *network,
                             uint64_t seed, uint64_t *counters, struct lane **ret);
/** Takes NULL, returns NULL. */
struct lane *lane_free(struct lane *l);

/** What is applied, and when that was committed (ms since 1970; 0: not known). Also at the start.
 */
void lane_note(struct lane *l, uint64_t number, uint64_t wall_ms);

/** Does what is due. true: *ret is a SYNC_LANE event, whose octets stay until the next lane_step().
 *  `open`: entries after `after` are wanted now. */
bool lane_step(struct lane *l, uint64_t now_ns, bool open, uint64_t after, struct sync_event *ret);

/** What to poll(2) for: -1 and 0 while there is no socket. */
int lane_fd(const struct lane *l);
short lane_events(const struct lane *l);
/** When lane_step() is wanted at the latest. */
uint64_t lane_wake_ns(const struct lane *l, bool open);
