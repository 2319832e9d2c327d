/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_pause.h"

#include "lib/random.h"

uint64_t sync_pause_ns(uint32_t times, uint64_t *random)
{
    uint64_t pause = SYNC_BACKOFF_MIN_NS;
    for (uint32_t i = 1; i < times && pause < SYNC_BACKOFF_MAX_NS; i++)
        pause *= 2;
    if (pause > SYNC_BACKOFF_MAX_NS)
        pause = SYNC_BACKOFF_MAX_NS;
    return pause / 2 + random_next(random) % (pause / 2 + 1);
}
