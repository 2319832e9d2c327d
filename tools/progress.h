/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, when that is a terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* For a part that is not known. */
#define PROGRESS_NO_PART (-1.0)

struct progress {
    bool shown;
    uint64_t start_ns;
    uint64_t drawn_ns;
};

void progress_start(struct progress *p);
/** Draws, at most ten times a second: the part that is done (0 to 1), and "<doing> <count>". */
void progress_update(struct progress *p, double part, const char *doing, uint64_t count);
/** Wipes the bar. */
void progress_end(struct progress *p);
