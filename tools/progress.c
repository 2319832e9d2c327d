/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/os/clock.h"

#define BAR_WIDTH   40
#define INTERVAL_NS 100000000u

void progress_start(struct progress *p)
{
    *p = (struct progress){.start_ns = clock_monotonic_ns()};
    p->shown = isatty(STDERR_FILENO);
}

void progress_update(struct progress *p, double part, const char *doing, uint64_t count)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!p->shown || now_ns - p->drawn_ns < INTERVAL_NS)
        return;
    p->drawn_ns = now_ns;
    fputc('\r', stderr);
    if (part >= 0) {
        part = part < 1 ? part : 1;
        int filled = (int)(part * BAR_WIDTH);
        fprintf(stderr, "[%.*s%*s] %3.0f %%  ", filled, "########################################",
                BAR_WIDTH - filled, "", part * 100);
    }
    fprintf(stderr, "%s %" PRIu64 "\033[K", doing, count);
}

void progress_end(struct progress *p)
{
    if (p->shown && p->drawn_ns != 0)
        fprintf(stderr, "\r\033[K");
}
