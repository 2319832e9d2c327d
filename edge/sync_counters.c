/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_counters.h"

#include "lib/check.h"

static const struct metric_row rows[SYNC_COUNTER_COUNT] = {
#define X(id, metric, metric_kind, text) \
    [SYNC_##id] = {.name = metric, .kind = metric_kind, .help = text},
    EDGE_SYNC_COUNTER_TABLE(X)
#undef X
};

const struct metric_row *sync_counter_row(enum sync_counter counter)
{
    CHECK(counter < SYNC_COUNTER_COUNT);
    return &rows[counter];
}
