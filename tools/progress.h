/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, when that is a terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    uint64_t total; /* 0: not known */
    uint64_t start_ns;
    uint64_t drawn_ns;
};

void progress_start(struct progress *p, uint64_t total_bytes);
/** Draws, at most ten times a second. */
void progress_update(struct progress *p, uint64_t done_bytes);
/** Wipes the bar. */
void progress_end(struct progress *p);
