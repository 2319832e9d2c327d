/* SPDX-License-Identifier: Apache-2.0 */
/* The presigner's side of the fast lane (docs/formats.md, "Fast lane"): a thread that adds each
 * published log entry to the stream in Redis, reads what the edges say, and writes the report for
 * `statim status` (lane_report.h). It reads the entries from the publication's files, so the
 * publishing thread never waits for it: whatever happens to Redis, entries are published, and found
 * by the edges over HTTP.
 *
 * The decisions are in lane_feed.h and lane_edges.h, the connection in lib/os/redis_link.h. */
#pragma once

#include "presigner/config.h"
#include "presigner/counters.h"
#include "presigner/lane_latency.h"
#include "presigner/publish_news.h"

/* An answer of Redis must come within this. */
#define FAST_LANE_ANSWER_MS 2000
/* A stop waits for what is not yet in the stream, this long at most, when there is a connection. */
#define FAST_LANE_STOP_MS 1000

struct fast_lane;

/** Starts the thread; the configuration has redis. All stay borrowed. The counters fast_lane_* of
 *  `counters` are the thread's own from now on. ERR_MEMORY, ERR_MALFORMED, ERR_LIMIT (addresses).
 */
MUST_CHECK enum err fast_lane_start(const struct presigner_config *config, uint64_t *counters,
                                    struct lane_latencies *latencies, struct fast_lane **ret);
/** The head was replaced (struct publish_watch); never waits. `lane` is a struct fast_lane. */
void fast_lane_published(void *lane, const struct publish_news *news);
/** Takes NULL, returns NULL. */
struct fast_lane *fast_lane_stop(struct fast_lane *lane);
