/* SPDX-License-Identifier: Apache-2.0 */
/* The sync process: follows the publication and keeps the store (design: "Edge"). One thread. */
#pragma once

#include "edge/shared.h"

/** Runs until SIGTERM or SIGINT, which it takes over. Counts in shared->sync. Returns the exit
 * code: 0 when asked to stop, 1 when it cannot begin (logged). Call store_prepare() on the store's
 * folder before any process opens it. */
int sync_run(const struct edge_config *config, struct edge_shared *shared);
