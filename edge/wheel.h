/* SPDX-License-Identifier: Apache-2.0 */
/* Timing wheel of connection slots. Lazy: a slot stands where it was put even when its deadline has
 * moved on; whoever takes it out looks again. Pure; no allocation after start.
 *
 * A slot must be moved only when its deadline comes nearer than where it stands, which on a busy
 * connection happens once per send timeout, not once per request. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_NS      250000000u
#define WHEEL_BUCKET_COUNT 512 /* 128 s; later deadlines are looked at once on their way */
#define WHEEL_NONE         UINT32_MAX

struct wheel_link {
    uint32_t next;
    uint32_t previous;
    uint64_t tick; /* where it stands; UINT64_MAX: nowhere */
};

struct wheel {
    struct wheel_link *links; /* one a slot */
    uint32_t heads[WHEEL_BUCKET_COUNT];
    uint32_t slot_count;
    uint64_t now_tick; /* buckets up to here are done */
};

/** ERR_MEMORY. */
MUST_CHECK enum err wheel_start(struct wheel *wheel, uint32_t slot_count, uint64_t now_ns);
void wheel_stop(struct wheel *wheel);

/** Sees to it that the slot is taken out at deadline_ns at the latest by one tick. UINT64_MAX: no
 *  deadline, stays where it is. */
void wheel_want(struct wheel *wheel, uint32_t slot, uint64_t deadline_ns);
void wheel_remove(struct wheel *wheel, uint32_t slot);
/** The next slot whose place has come, taken out; WHEEL_NONE: no more at this time. */
uint32_t wheel_next_due(struct wheel *wheel, uint64_t now_ns);
