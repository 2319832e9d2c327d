/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that the edge's processes share: counters and gauges, each written by one owner. It lives
 * as long as the supervisor, so counters go on when a child is started again.
 *
 * During a reload two serving processes run for a moment; each has a half of its own (`parity`),
 * and readers add both up. */
#pragma once

#include "edge/bell.h"
#include "edge/config.h"
#include "edge/serve_counters.h"
#include "edge/sync_counters.h"

struct edge_worker_counters {
    _Alignas(64) uint64_t values[SERVE_COUNTER_COUNT];
};

/* Gauges of one serving process. */
#define SERVE_GAUGE_TABLE(X)                                                                       \
    X(READY, "serve_ready", "1 when a snapshot is being served")                                   \
    X(SNAPSHOT_LOG, "snapshot_log_number", "Log entry that the served snapshot stands at")         \
    X(SNAPSHOT_COMMIT, "snapshot_commit", "Commit of the store that the served snapshot shows")    \
    X(SNAPSHOT_STATEMENTS, "snapshot_statements", "Statements in the served snapshot")             \
    X(SNAPSHOT_FILES, "snapshot_files", "Paths of files in the served snapshot")                   \
    X(SNAPSHOT_FILES_LEFT_OUT, "snapshot_files_left_out",                                          \
      "Paths that are not served: too many, or without their blob")                                \
    X(SNAPSHOT_COMPLETE, "snapshot_complete", "1 when the served snapshot is of a whole data set") \
    X(SNAPSHOT_CHECKED_S, "snapshot_checked_timestamp_seconds",                                    \
      "When the served snapshot was last seen to be the store's newest")                           \
    X(SNAPSHOT_BUILD_NS, "snapshot_build_nanoseconds", "What the last snapshot took to build")     \
    X(SNAPSHOT_REFUSED, "snapshots_refused", "Snapshots held back because of a stuck worker")      \
    X(BUILD_ERRORS, "snapshot_errors", "Snapshots that could not be built")

enum serve_gauge {
#define X(name, metric, help) GAUGE_##name,
    SERVE_GAUGE_TABLE(X)
#undef X
        SERVE_GAUGE_COUNT
};

struct edge_shared {
    uint64_t sync[SYNC_COUNTER_COUNT];
    uint64_t gauges[2][SERVE_GAUGE_COUNT];
    struct bell committed;   /* by sync: the store has news */
    uint64_t stale_permille; /* by the supervisor, edge/stale_watch.h */
    uint64_t serve_parity;   /* which half is the current serving process's */
    uint64_t serve_alive;    /* by the supervisor: the child is there */
    uint64_t sync_alive;
    uint64_t serve_processes; /* by the supervisor; two during a reload */
    uint64_t serve_starts;    /* how often each was started */
    uint64_t sync_starts;
    uint64_t reloads; /* taken; by the supervisor */
    uint64_t reloads_failed;
    uint64_t sync_ready;       /* by the child, when it has begun; the supervisor sets it back */
    uint64_t admin_ready[2];   /* likewise */
    uint64_t serve_process[2]; /* ids, by the serving process, for edge/worker_time.h; 0: none */
    uint64_t worker_threads[2][EDGE_WORKERS_MAX];
    struct edge_worker_counters workers[2][EDGE_WORKERS_MAX];
};

/** Zeroed, shared with children of this process. ERR_MEMORY. */
MUST_CHECK enum err edge_shared_map(struct edge_shared **ret);
/** Adds up the counters of all workers of both halves. */
void edge_shared_sum(const struct edge_shared *shared, uint64_t ret[static SERVE_COUNTER_COUNT]);
