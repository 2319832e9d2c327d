/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/stale_watch.h"

void stale_watch_step(struct stale_watch *watch, struct edge_shared *shared, uint64_t now_ns)
{
    if (now_ns < watch->window_end_ns)
        return;
    uint64_t sums[SERVE_COUNTER_COUNT];
    edge_shared_sum(shared, sums);
    uint64_t stale =
        sums[serve_counter_outcome(OUTCOME_STALE)] + sums[serve_counter_outcome(OUTCOME_FUTURE)];
    uint64_t requests = sums[SERVE_REQUESTS];
    uint64_t stale_now = stale - watch->stale_count;
    uint64_t requests_now = requests - watch->request_count;
    /* The counters are read while they are written: a few more stale ones than requests are all. */
    uint64_t permille = 0;
    if (requests_now > 0)
        permille = stale_now < requests_now ? stale_now * 1000 / requests_now : 1000;
    if (permille == 0 && stale_now > 0)
        permille = 1;
    counter_set(&shared->stale_permille, permille);
    *watch = (struct stale_watch){
        .window_end_ns = now_ns + STALE_WINDOW_NS, .stale_count = stale, .request_count = requests};
}
