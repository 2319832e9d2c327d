/* SPDX-License-Identifier: Apache-2.0 */
/* An oracle of what an edge relays: a head is only there with everything that it names, octet for
 * octet as the publisher made it. */
#pragma once

#include "edge/sync_core.h"
#include "tests/sim/sim_publisher.h"

enum sim_relay_state {
    SIM_RELAY_NONE,   /* there is no head */
    SIM_RELAY_WHOLE,  /* there is, and all that belongs to it */
    SIM_RELAY_NEWEST, /* that is the publisher's newest one */
    SIM_RELAY_BROKEN, /* something is lacking, or wrong */
};

/** For struct relay_fetch: there is nothing to keep or remove. */
static inline void sim_relay_judged(void *context, const struct sync_action *action, bool passed)
{
    (void)context, (void)action, (void)passed;
}

/** A read or write transaction of an edge's store. */
enum sim_relay_state sim_relay_state(const struct sim_publication *p, struct store_txn *txn);
