/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the edge's admin listener: /metrics, /healthz and a status page, from shared memory.
 */
#pragma once

#include "edge/shared.h"
#include "lib/os/admin.h"

/* The builder looks every 50 ms; a snapshot that is behind the store for longer than this stays
 * behind: builds fail, or a stuck worker holds them up. */
#define PAGES_SNAPSHOT_AGE_MAX_S 30

struct pages {
    const struct edge_config *config;
    const struct edge_shared *shared;
    uint64_t (*now_s)(void);
};

/** The table for admin_start(), with a `struct pages` as context. */
const struct admin_page *pages_table(void);

/** One line for each thing that is wrong, to `w`; true: healthy. Healthy is: a whole data set
 * served by a living process and not behind the store, news from the publication younger than
 * head_age_max_s and still valid, and no more than stale_permille_max of the answers past their
 * nextUpdate. */
bool pages_health(const struct pages *pages, struct text_writer *w);
