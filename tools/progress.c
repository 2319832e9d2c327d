/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/os/clock.h"

#define BAR_WIDTH   40
#define INTERVAL_NS 100000000u
#define MIB         1048576.0

void progress_start(struct progress *p, uint64_t total_bytes)
{
    *p = (struct progress){.total = total_bytes, .start_ns = clock_monotonic_ns()};
    p->shown = isatty(STDERR_FILENO);
}

void progress_update(struct progress *p, uint64_t done_bytes)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!p->shown || now_ns - p->drawn_ns < INTERVAL_NS)
        return;
    p->drawn_ns = now_ns;
    double seconds = (double)(now_ns - p->start_ns) / 1e9;
    double rate = seconds > 0 ? (double)done_bytes / MIB / seconds : 0;
    if (p->total == 0) {
        fprintf(stderr, "\r%.0f MiB  %.0f MiB/s\033[K", (double)done_bytes / MIB, rate);
        return;
    }
    uint64_t done = done_bytes < p->total ? done_bytes : p->total;
    int filled = (int)((double)done / (double)p->total * BAR_WIDTH);
    fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %.0f MiB/s\033[K", filled,
            "########################################", BAR_WIDTH - filled, "",
            (double)done / (double)p->total * 100, rate);
}

void progress_end(struct progress *p)
{
    if (p->shown && p->drawn_ns != 0)
        fprintf(stderr, "\r\033[K");
}
