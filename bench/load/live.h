/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line on standard error: one a second, on a terminal only. */
#pragma once

#include <signal.h>

#include "bench/load/report.h"

#define LIVE_LINE_MAX 320

struct live {
    const struct load_options *options;
    bool shown;
    char label[64];                     /* of the stretch; may be empty */
    const volatile sig_atomic_t *ended; /* not 0: the stretch shall end early */
};

/** `ended` is borrowed; shows nothing when quiet or not on a terminal. */
void live_start(const struct load_options *options, const volatile sig_atomic_t *ended,
                struct live *ret);
/** Before a stretch; rate 0: closed loop. */
void live_stretch(struct live *live, uint32_t number, double rate_per_s);
/** A load_progress. */
bool live_second(void *live, const struct load_result *so_far);
/** Wipes the line. */
void live_end(const struct live *live);

/** The line itself. Pure. */
void live_line(const struct live *live, const struct load_result *so_far,
               char ret[static LIVE_LINE_MAX]);
