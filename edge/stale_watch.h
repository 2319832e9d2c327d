/* SPDX-License-Identifier: Apache-2.0 */
/* How many of the last answers were "try later" because the statement was past its nextUpdate or
 * ahead of the clock: for the health page. Pure but for the shared counters. */
#pragma once

#include "edge/shared.h"

#define STALE_WINDOW_NS UINT64_C(10000000000)

struct stale_watch {
    uint64_t window_end_ns;
    uint64_t stale_count;   /* when the window began */
    uint64_t request_count; /* likewise */
};

/** Now and then: at the end of each window sets shared->stale_permille to what it was in it; in a
 *  window without requests nothing is stale. */
void stale_watch_step(struct stale_watch *watch, struct edge_shared *shared, uint64_t now_ns);
