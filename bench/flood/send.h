/* SPDX-License-Identifier: Apache-2.0 */
/* Sends frames through a packet socket, past the queueing discipline, at a rate or as fast as it
 * can, for a bounded time. */
#pragma once

#include <signal.h>

#include "bench/flood/link.h"
#include "bench/flood/options.h"

struct flood_result {
    uint64_t sent;     /* frames that the interface took */
    uint64_t bytes;    /* of them */
    uint64_t refused;  /* frames that it did not take: its peer's queue was full */
    uint64_t left_out; /* frames of the rate that were not made: we were too late */
    uint64_t lasted_ns;
};

/** Sends until the time is over or `*ended` is set. ERR_IO: errno tells. */
MUST_CHECK enum err flood_send(const struct flood_options *options, const struct flood_link *link,
                               const volatile sig_atomic_t *ended, struct flood_result *ret);
