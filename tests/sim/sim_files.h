/* SPDX-License-Identifier: Apache-2.0 */
/* Files in the simulation: two path tables that take turns, as when sync brings new ones, and
 * random requests for what is in them. */
#pragma once

#include "tests/sim/sim_client.h"

void sim_files_start(struct sim_world *world);
void sim_files_stop(struct sim_world *world);
/** Appends a request for a file to the client's stream. */
void sim_files_append(struct sim_client *client, struct sim_world *world);
/** What was to be said in second `made_s` of the run. */
enum outcome sim_files_outcome(const struct sim_world *world, const struct sim_expect *e,
                               uint64_t made_s);
/** The octets that the body must have. */
struct span sim_files_body(const struct sim_world *world, const struct sim_expect *e,
                           enum outcome outcome, uint64_t made_s);
