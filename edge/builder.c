/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/builder.h"

#include "lib/os/clock.h"
#include "lib/os/log.h"

static void tell(const struct builder *b, const struct snapshot *snapshot, uint64_t took_ns)
{
    uint64_t *g = b->gauges;
    counter_set(&g[GAUGE_SNAPSHOT_LOG], snapshot->position.log_number);
    counter_set(&g[GAUGE_SNAPSHOT_COMMIT], snapshot->position.commit);
    counter_set(&g[GAUGE_SNAPSHOT_STATEMENTS], snapshot->position.statement_count);
    const struct path_table *paths = snapshot->paths;
    counter_set(&g[GAUGE_SNAPSHOT_FILES], paths == NULL ? 0 : path_table_file_count(paths));
    counter_set(&g[GAUGE_SNAPSHOT_FILES_LEFT_OUT], paths == NULL ? 0 : path_table_left_out(paths));
    counter_set(&g[GAUGE_SNAPSHOT_COMPLETE], snapshot->position.complete);
    counter_set(&g[GAUGE_SNAPSHOT_BUILD_NS], took_ns);
    counter_set(&g[GAUGE_SNAPSHOT_CHECKED_S], clock_wall_s());
    counter_set(&g[GAUGE_READY], 1);
}

static void build(struct builder *b)
{
    struct snapshot *snapshot = NULL;
    uint64_t begin_ns = clock_monotonic_ns();
    enum err err = snapshot_build(b->source, snapshot_current(b->exchange), &snapshot);
    if (err == ERR_BUSY || err == ERR_NOT_FOUND) { /* nothing new */
        counter_set(&b->gauges[GAUGE_SNAPSHOT_CHECKED_S], clock_wall_s());
        return;
    }
    if (err != ERR_OK) {
        if (counter_get(&b->gauges[GAUGE_BUILD_ERRORS]) == 0)
            log_error("no snapshot of the store: %s", err_text(err));
        counter_add(&b->gauges[GAUGE_BUILD_ERRORS], 1);
        return;
    }
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    const struct snapshot *published = snapshot;
    if (snapshot_publish(b->exchange, snapshot) == ERR_OK)
        tell(b, published, took_ns);
    else
        snapshot_free(snapshot);
}

void builder_step(struct builder *b)
{
    snapshot_reclaim(b->exchange);
    if (snapshot_publish_blocked(b->exchange))
        counter_set(&b->gauges[GAUGE_SNAPSHOT_REFUSED],
                    counter_get(&b->gauges[GAUGE_SNAPSHOT_REFUSED]) + 1);
    else
        build(b);
}

void builder_run(struct builder *b)
{
    while (!__atomic_load_n(&b->stop_asked, __ATOMIC_RELAXED)) {
        uint32_t rung = bell_rung(b->bell);
        uint64_t begin_ns = clock_monotonic_ns();
        builder_step(b);
        bell_wait(b->bell, rung, BUILDER_POLL_NS);
        uint64_t passed_ns = clock_monotonic_ns() - begin_ns;
        if (passed_ns < BUILDER_PAUSE_NS)
            nanosleep(&(struct timespec){.tv_nsec = (long)(BUILDER_PAUSE_NS - passed_ns)}, NULL);
    }
}
