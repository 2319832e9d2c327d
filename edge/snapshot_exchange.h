/* SPDX-License-Identifier: Apache-2.0 */
/* How snapshots pass from the builder thread to the workers (hazard pointers, one a worker).
 *
 * A worker takes the current snapshot once per loop turn and may use it until its next take or
 * leave. The builder publishes newer ones and frees those that no worker holds. A stuck worker pins
 * its snapshot and with it old pages of the store, so at most SNAPSHOT_RETIRED_MAX wait to be
 * freed: beyond that the builder stops publishing (snapshot_publish gives ERR_BUSY and counts it).
 */
#pragma once

#include "edge/snapshot.h"

#define SNAPSHOT_RETIRED_MAX 8
#define SNAPSHOT_WORKERS_MAX 256

struct snapshot_slot {
    _Alignas(64) struct snapshot *held;
    struct snapshot *offered; /* held beside it while the worker makes ready for it */
};

struct snapshot_exchange {
    _Alignas(64) struct snapshot *current; /* written by the builder */
    _Alignas(64) struct snapshot *retired; /* newest first; builder only from here on */
    uint32_t retired_count;
    uint32_t worker_count;
    uint64_t published_count;
    uint64_t refused_count; /* publications refused because of a stuck worker */
    struct snapshot_slot slots[SNAPSHOT_WORKERS_MAX];
};

void snapshot_exchange_start(struct snapshot_exchange *x, uint32_t worker_count);

/** Worker: the current snapshot, NULL before the first. Good until the next take or leave. */
const struct snapshot *snapshot_take(struct snapshot_exchange *x, uint32_t worker_no);
/** Worker: a newer one than that it holds, held beside it; NULL: there is none. For a worker that
 *  has something to end before it leaves the old one: then snapshot_accept(), or another offer. */
const struct snapshot *snapshot_offer(struct snapshot_exchange *x, uint32_t worker_no);
/** Worker: the offered one is the one it holds, and that before is left. */
const struct snapshot *snapshot_accept(struct snapshot_exchange *x, uint32_t worker_no);
/** Worker: holds nothing; called before it may sleep for long. */
void snapshot_leave(struct snapshot_exchange *x, uint32_t worker_no);

/** Builder: makes `snapshot` current; the exchange owns it from here on. ERR_BUSY: too many old
 * ones are still held (nothing happened, the caller still owns it). */
MUST_CHECK enum err snapshot_publish(struct snapshot_exchange *x, struct snapshot *snapshot);
/** Builder: whether a publication would be refused now; ask before building. */
bool snapshot_publish_blocked(struct snapshot_exchange *x);
/** Builder: frees retired snapshots that no worker holds. Returns how many are still held. */
uint32_t snapshot_reclaim(struct snapshot_exchange *x);
/** Builder: the current one, as `previous` of the next build. */
const struct snapshot *snapshot_current(const struct snapshot_exchange *x);
/** After all workers have stopped: frees everything. */
void snapshot_exchange_stop(struct snapshot_exchange *x);
