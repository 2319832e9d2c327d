/* SPDX-License-Identifier: Apache-2.0 */
/* The serving process: worker threads, the snapshot builder, the sandbox. */
#pragma once

#include "edge/config.h"
#include "edge/listener.h"
#include "edge/shared.h"

/** Runs until SIGTERM, then drains; returns the process's exit status. Takes over the descriptors
 * of `listeners`. The counters of half `parity` are this process's. The store must exist. */
int serve_run(const struct edge_config *config, const struct listener_set *listeners,
              struct edge_shared *shared, unsigned parity);
