/* SPDX-License-Identifier: Apache-2.0 */
/* The sync process: follows the publication and keeps the store (design: "Edge"). One thread. */
#pragma once

#include "edge/shared.h"

/* Exit code of a process that must be started again: LMDB does no more for it. */
#define SYNC_EXIT_BROKEN 2

/** Runs until SIGTERM or SIGINT, which it takes over. Counts in shared->sync. Returns the exit
 * code: 0 when asked to stop, 1 when it cannot begin (logged), or SYNC_EXIT_BROKEN (logged). Call
 * store_prepare() on the store's folder before any process opens it. */
int sync_run(const struct edge_config *config, struct edge_shared *shared);
