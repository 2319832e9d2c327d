/* SPDX-License-Identifier: Apache-2.0 */
/* Applies merged certificates of an import to the status database in short transactions, so that
 * revocations and the publisher get their turn in between.
 *
 * LMDB's lock goes to whoever asks first after it is free, and a process that gives it up and asks
 * again at once wins each time. What is applied next is therefore merged without the lock, and
 * after that comes a pause as long as it takes to wake up somebody who waits. */
#pragma once

#include "presigner/import_merge.h"
#include "presigner/status_writer.h"

/* How long a transaction may hold the lock, commit included; the size of the next one is fitted to
 * it. Each commit waits for the disk, so much smaller ones would cost more than they are worth,
 * even on a slow disk. Measured on a disk that syncs in 9 ms: a commit takes a quarter of the time
 * of the import, and another writer waits up to 70 ms in 99 of 100 cases, on a machine with three
 * times as much to run as it has processors. */
#define IMPORT_STEP_HELD_NS   60000000u
#define IMPORT_STEP_COUNT_MIN 4000
#define IMPORT_STEP_COUNT_MAX 20000

struct import_store {
    struct status_db *db;
    uint64_t issuer_id;
    struct import_merge *merge;
    struct import_item *items; /* of the step */
    size_t capacity;
    size_t step_count; /* how many the next step has */
    uint64_t stored_count;
    struct shard_conflicts conflicts;
    uint64_t changed_count;
};

/** `step_count_max` up to IMPORT_STEP_COUNT_MAX. ERR_MEMORY. */
MUST_CHECK enum err import_store_start(struct status_db *db, uint64_t issuer_id,
                                       struct import_merge *merge, size_t step_count_max,
                                       struct import_store *ret);
void import_store_done(struct import_store *s);
/** One transaction: durable when it returns ERR_OK, or nothing of it happened. ERR_NOT_FOUND:
 * nothing was left. ERR_IO (of the runs), errors of status_writer_apply() and status_txn_commit().
 */
MUST_CHECK enum err import_store_step(struct import_store *s);
