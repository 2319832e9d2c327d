/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_origins.h"

void sync_origins_next(struct sync_origins *o, uint64_t now_ns)
{
    if (o->current == 0) {
        uint64_t pause_ns = 2 * o->return_pause_ns;
        if (pause_ns < SYNC_RETURN_MIN_NS)
            pause_ns = SYNC_RETURN_MIN_NS;
        if (pause_ns > SYNC_RETURN_MAX_NS)
            pause_ns = SYNC_RETURN_MAX_NS;
        o->return_pause_ns = pause_ns;
        o->return_ns = now_ns + pause_ns;
    }
    o->current = (o->current + 1) % o->count;
}

bool sync_origins_rest(struct sync_origins *o, bool old, uint64_t now_ns)
{
    if (old && o->count > 1) {
        sync_origins_next(o, now_ns);
        return true;
    }
    if (o->current == 0)
        o->return_pause_ns = 0;
    else if (now_ns >= o->return_ns)
        o->current = 0;
    return false;
}
