/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot builder: one thread of the serving process that watches the store for commits and
 * publishes a snapshot of each. */
#pragma once

#include "edge/shared.h"
#include "edge/snapshot_exchange.h"

/* How often the store is looked at when the sync process says nothing (edge/bell.h). */
#define BUILDER_POLL_NS 50000000u
/* And at the most: each look may make a snapshot, and a worker may hold an old one for a while. */
#define BUILDER_PAUSE_NS 20000000u

struct builder {
    struct snapshot_source *source;
    struct snapshot_exchange *exchange;
    uint64_t *gauges;        /* SERVE_GAUGE_COUNT */
    const struct bell *bell; /* rung after a commit that readers should see at once */
    bool stop_asked;         /* atomic */
};

/** Looks once: reclaims old snapshots, builds and publishes a new one when there is a new commit.
 */
void builder_step(struct builder *b);
/** builder_step() at each ring, and every BUILDER_POLL_NS, until stop_asked. */
void builder_run(struct builder *b);
