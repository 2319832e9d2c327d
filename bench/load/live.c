/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/live.h"

#include <inttypes.h>
#include <unistd.h>

#include "bench/load/figure.h"

#define WIPE "\r\033[K"

void live_start(const struct load_options *options, const volatile sig_atomic_t *ended,
                struct live *ret)
{
    *ret = (struct live){
        .options = options, .ended = ended, .shown = !options->quiet && isatty(STDERR_FILENO)};
}

void live_stretch(struct live *live, uint32_t number, double rate_per_s)
{
    char rate[FIGURE_MAX];
    live->label[0] = '\0';
    if (live->options->mode != LOAD_STEADY) {
        figure_count(rate_per_s, rate);
        (void)snprintf(live->label, sizeof live->label, "stretch %" PRIu32 ", %s/s: ", number,
                       rate);
    }
    if (live->shown)
        fprintf(stderr, WIPE "%s%s", live->label,
                live->options->warmup_s > 0 ? "warming up" : "starting");
}

void live_line(const struct live *live, const struct load_result *so_far,
               char ret[static LIVE_LINE_MAX])
{
    char answered[FIGURE_MAX], p50[FIGURE_MAX], p99[FIGURE_MAX], errors[FIGURE_MAX];
    uint32_t count = so_far->second_count;
    struct load_second last = {0};
    if (count > 0)
        last = so_far->seconds[count - 1];
    figure_count((double)last.answered, answered);
    figure_count((double)result_errors(so_far), errors);
    figure_duration((double)last.p50_ns, p50);
    figure_duration((double)last.p99_ns, p99);
    (void)snprintf(ret, LIVE_LINE_MAX,
                   "%s%" PRIu32 " of %g s  %s answered/s  p50 %s  p99 %s  %s errors so far",
                   live->label, count, live->options->duration_s, answered, p50, p99, errors);
}

bool live_second(void *context, const struct load_result *so_far)
{
    struct live *live = context;
    char line[LIVE_LINE_MAX];
    if (live->shown && so_far->second_count > 0) {
        live_line(live, so_far, line);
        fprintf(stderr, WIPE "%s", line);
    }
    return *live->ended == 0;
}

void live_end(const struct live *live)
{
    if (live->shown)
        fputs(WIPE, stderr);
}
