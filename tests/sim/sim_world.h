/* SPDX-License-Identifier: Apache-2.0 */
/* What the sync simulation needs around it: a folder, a store in it, and the totals of a run. */
#pragma once

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/store.h"
#include "edge/sync_counters.h"
#include "lib/check.h"

#define SIM_PATH_BYTES 64

struct sim_totals {
    uint64_t steps, kills, faults, went_back, relayed;
    uint64_t counters[SYNC_COUNTER_COUNT];
};

/** In memory where there is such a place: what is tested is not the disk. */
static inline void sim_directory(char path[static SIM_PATH_BYTES])
{
    snprintf(path, SIM_PATH_BYTES, "/dev/shm/statim-sim-XXXXXX");
    if (mkdtemp(path) != NULL)
        return;
    snprintf(path, SIM_PATH_BYTES, "/tmp/statim-sim-XXXXXX");
    CHECK(mkdtemp(path) != NULL);
}

static inline int sim_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void sim_remove(const char *path)
{
    CHECK(nftw(path, sim_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline struct store *sim_store_open(const char *path, uint64_t map_bytes)
{
    struct store *store = NULL;
    struct store_config config = {.path = path, .map_bytes = map_bytes};
    CHECK(store_open(&config, &store) == ERR_OK);
    return store;
}

static inline void sim_totals_print(const struct sim_totals *totals, uint64_t seeds)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " steps, %" PRIu64 " kills, %" PRIu64
           " faulty transfers, %" PRIu64 " resyncs that went back, %" PRIu64
           " relayed at the end\n",
           seeds, totals->steps, totals->kills, totals->faults, totals->went_back, totals->relayed);
    for (uint32_t i = 0; i < SYNC_COUNTER_COUNT; i++) {
        const struct metric_row *row = sync_counter_row((enum sync_counter)i);
        if (row->kind == METRIC_COUNTER)
            printf("  %-36s %" PRIu64 "\n", row->name, totals->counters[i]);
    }
}
