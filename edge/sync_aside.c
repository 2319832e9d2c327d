/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_aside.h"

#include "edge/sync_check.h"

static bool only_packs(const struct log_entry *entry)
{
    size_t cursor = 0;
    struct log_item item;
    while (log_entry_next(entry, &cursor, &item))
        if (item.type != LOG_RANGE && item.type != LOG_TEMPLATE)
            return false;
    return true;
}

bool sync_steps_aside(const struct sync_core *core, enum sync_action_type type)
{
    if (type != SYNC_FETCH_PACK && type != SYNC_APPLY_LOG)
        return false;
    bool index =
        !sync_hash_is_zero(&core->index_hash) || !sync_hash_is_zero(&core->position.index_hash);
    return core->position.complete && !index && only_packs(&core->entry);
}
