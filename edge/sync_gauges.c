/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_gauges.h"

#include "edge/sync_check.h"

static void gauge(const struct sync_core *core, enum sync_counter counter, uint64_t value)
{
    counter_set(&core->counters[counter], value);
}

void sync_gauges_show(const struct sync_core *core)
{
    const struct position *p = &core->position;
    gauge(core, SYNC_LOG_NUMBER, p->log_number);
    gauge(core, SYNC_STATEMENTS, p->statement_count);
    gauge(core, SYNC_COMPLETE, p->complete);
    gauge(core, SYNC_INDEX_DONE, p->index_done);
    gauge(core, SYNC_INDEX_LINES,
          sync_hash_is_zero(&core->index_hash) ? 0 : core->index.line_count);
    uint64_t last = core->head.log_last;
    gauge(core, SYNC_LOG_LAG, last > p->log_number ? last - p->log_number : 0);
    gauge(core, SYNC_HEAD_TIME, core->head_time_s);
    gauge(core, SYNC_HEAD_VALID_UNTIL, core->head.valid_until_s);
}
