/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests of every kind, each with what must come back. */
#pragma once

#include "tests/sim/sim_client.h"

/** Appends one request to the client's stream. */
void sim_request_append(struct sim_client *client, struct sim_world *world);
