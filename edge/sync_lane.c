/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_lane.h"

#include "edge/sync_check.h"
#include "edge/sync_core.h"

/* Closes the lane for a while. */
static enum sync_lane_verdict trouble(struct sync_core *core, enum sync_counter counter,
                                      const struct sync_time *now)
{
    struct sync_lane *lane = &core->lane;
    counter_add(&core->counters[counter], 1);
    if (lane->troubles < UINT32_MAX)
        lane->troubles++;
    lane->open_ns = now->monotonic_ns + sync_pause_ns(lane->troubles, &core->random);
    return core->failures == 0 ? SYNC_LANE_ASK : SYNC_LANE_PASS;
}

/* Whoever follows over HTTP does not come by it, either: no head of that time is taken. */
static bool is_of_the_future(const struct log_entry *entry, const struct sync_time *now)
{
    return entry->time_s > now->wall_s && entry->time_s - now->wall_s > HEAD_SKEW_S;
}

enum sync_lane_verdict sync_lane_judge(struct sync_core *core, const struct sync_event *event,
                                       const struct sync_time *now)
{
    const struct position *position = &core->position;
    if (event->number <= event->after) /* not what was asked for: it would never end */
        return trouble(core, SYNC_LANE_REFUSED, now);
    if (event->number <= position->log_number) {
        counter_add(&core->counters[SYNC_LANE_DUPLICATES], 1);
        return SYNC_LANE_PASS;
    }
    if (event->number != position->log_number + 1)
        return trouble(core, SYNC_LANE_GAPS, now);
    if (event->bytes.size == 0)
        return trouble(core, SYNC_LANE_ANNOUNCED, now);
    enum err err = sync_check_log(&core->config.key, position, &core->head, event->bytes,
                                  &core->entry, &core->entry_hash);
    if (err == ERR_OK && is_of_the_future(&core->entry, now))
        err = ERR_FUTURE;
    if (err != ERR_OK) {
        core->refused = err;
        return trouble(core, SYNC_LANE_REFUSED, now);
    }
    core->entry_octets = event->bytes;
    core->lane.has_entry = true;
    return SYNC_LANE_TAKE;
}

bool sync_lane_applied(struct sync_core *core)
{
    bool had = core->lane.has_entry;
    uint64_t time_s = core->entry.time_s;
    if (!had && time_s > core->head.time_s)
        time_s = core->head.time_s;
    core->lane = (struct sync_lane){.entry_time_s = time_s};
    counter_add(&core->counters[SYNC_LANE_APPLIED], had);
    return had;
}

bool sync_lane_given_up(struct sync_core *core, const struct sync_time *now)
{
    if (!core->lane.has_entry)
        return false;
    core->lane.has_entry = false;
    (void)trouble(core, SYNC_LANE_GIVEN_UP, now);
    return true;
}
