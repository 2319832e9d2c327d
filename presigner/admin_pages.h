/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner shows on its admin address: /metrics and /healthz. */
#pragma once

#include "lib/os/admin.h"
#include "presigner/config.h"
#include "presigner/counters.h"
#include "presigner/feed_gauges.h"
#include "presigner/lane_latency.h"

/* Written by the publishing thread, read by the admin thread; each field by atomic loads and
 * stores. */
struct admin_state {
    uint64_t *counters;
    const struct lane_latencies *latencies; /* NULL: no fast lane */
    const struct feed_gauges *feeds;
    uint64_t head_validity_s;
    uint64_t step_err;    /* enum err of the latest step */
    uint64_t step_time_s; /* when a step last went well */
};

/* No step went well for this long: not healthy. A step takes a pack's signatures, and those of a
 * slow token take minutes. */
#define HEALTH_STEP_S 900

void admin_state_start(struct admin_state *state, const struct presigner_config *config,
                       uint64_t *counters, uint64_t now_s);
void admin_state_step(struct admin_state *state, enum err err, uint64_t now_s);

/** NULL when healthy, else what is wrong. */
const char *admin_state_trouble(const struct admin_state *state, uint64_t now_s);

/** Ends with a row without path; the context is a struct admin_state. */
extern const struct admin_page presigner_admin_pages[];
