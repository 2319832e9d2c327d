/* SPDX-License-Identifier: Apache-2.0 */
/* How busy the workers are, without a single instruction of theirs: the kernel counts the time of
 * every thread, and whoever asks for the metrics reads it from /proc. */
#pragma once

#include "edge/shared.h"

struct worker_time {
    uint64_t run_ns;  /* on a processor */
    uint64_t wait_ns; /* runnable, without one */
};

/** Says which threads are the workers; by the serving process, each thread for itself. */
void worker_time_announce(struct edge_shared *shared, unsigned parity, unsigned worker);
/** Forgets them: the process ends, or has ended. */
void worker_time_forget(struct edge_shared *shared, unsigned parity);
/** ERR_NOT_FOUND: there is no such worker now, or /proc does not show it: not mounted, hidepid and
 * another user, or a kernel that does not count (CONFIG_SCHED_INFO). */
MUST_CHECK enum err worker_time_read(const struct edge_shared *shared, unsigned parity,
                                     unsigned worker, struct worker_time *ret);
/** Rows of all workers of the serving process, its id, and the clock when they were read. Workers
 * that cannot be read have none. */
void worker_time_write(struct text_writer *w, const char *prefix, const struct edge_shared *shared);
