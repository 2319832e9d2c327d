/* SPDX-License-Identifier: Apache-2.0 */
/* statim-bench: load for OCSP responders, and a result that says whether it stands. */
#include <inttypes.h>
#include <stdlib.h>

#include "bench/load/live.h"
#include "bench/load/report.h"
#include "bench/load/resolve.h"
#include "bench/load/run.h"
#include "lib/os/clock.h"

static volatile sig_atomic_t ended;

/* The first ends the stretch, and what it measured is told; the second ends the program. */
static void end_early(int number)
{
    ended = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = end_early, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

struct bench {
    const struct load_options *options;
    struct load_target *target;
    struct live live;
    struct bench_stretch *stretches; /* owned */
    struct bench_report report;
};

static enum err run_stretch(struct bench *b, struct bench_stretch *stretch)
{
    double rate = b->report.knee.rate_per_s;
    live_stretch(&b->live, b->report.stretch_count + 1, rate);
    enum err err = load_run(b->options, b->target, rate, live_second, &b->live, &stretch->result);
    live_end(&b->live);
    if (err == ERR_OK)
        verdict_of(&stretch->result, b->options->lag_max_s, &stretch->verdict);
    return err;
}

static enum err run_stretches(struct bench *b)
{
    bool more = true;
    knee_start(b->options, &b->report.knee);
    while (more) {
        struct bench_stretch *stretch = &b->stretches[b->report.stretch_count];
        struct knee_sample sample;
        TRY(run_stretch(b, stretch));
        b->report.stretch_count++;
        b->report.stopped = ended != 0;
        if (ended != 0)
            break;
        knee_sample_of(&stretch->result, &stretch->verdict, &sample);
        more = knee_next(&b->report.knee, &sample, &stretch->held);
    }
    return ERR_OK;
}

static int tell(const struct bench_report *report)
{
    const struct load_options *o = report->options;
    report_text(report, stdout);
    bool good = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (!good)
        fprintf(stderr, "statim-bench: standard output cannot be written to\n");
    if (o->json_file != NULL)
        good = report_publish(report, report_json, o->json_file) == ERR_OK && good;
    if (o->html_file != NULL)
        good = report_publish(report, report_html, o->html_file) == ERR_OK && good;
    return good ? verdict_exit(&report->verdict) : EXIT_NO_RESULT;
}

static int measure(struct bench *b)
{
    uint64_t bytes = 0;
    load_target_size(b->target, &b->report.request_count, &bytes);
    b->report.started_s = clock_wall_s();
    enum err err = run_stretches(b);
    if (err != ERR_OK) {
        fprintf(stderr, "statim-bench: no load: %s\n", err_text(err));
        return EXIT_NO_RESULT;
    }
    knee_verdict(&b->report.knee, &report_chosen(&b->report)->verdict, &b->report.verdict);
    return tell(&b->report);
}

static int bench(const struct load_options *options)
{
    struct bench b = {.options = options, .report = {.options = options}};
    uint32_t count = options->mode == LOAD_STEADY ? 1 : options->step_count;
    b.stretches = calloc(count, sizeof *b.stretches);
    if (b.stretches == NULL || load_target_new(options, &b.target) != ERR_OK) {
        free(b.stretches);
        return EXIT_NO_RESULT;
    }
    b.report.stretches = b.stretches;
    catch_signals(); /* before the load there is nothing to be told */
    live_start(options, &ended, &b.live);
    int status = measure(&b);
    for (uint32_t i = 0; i < b.report.stretch_count; i++)
        load_result_done(&b.stretches[i].result);
    load_target_free(b.target);
    free(b.stretches);
    return status;
}

static bool places_good(const struct load_options *o)
{
    return (o->json_file == NULL || report_place_check(o->json_file) == ERR_OK) &&
           (o->html_file == NULL || report_place_check(o->html_file) == ERR_OK);
}

int main(int argc, char **argv)
{
    struct load_options options;
    char why[OPTIONS_WHY_BYTES];
    switch (load_options_read(argc, argv, &options, why)) {
    case OPTIONS_HELP:
        load_options_help(stdout);
        return EXIT_CLEAN;
    case OPTIONS_VERSION:
        printf("statim-bench %s\n", STATIM_VERSION);
        return EXIT_CLEAN;
    case OPTIONS_BAD:
        fprintf(stderr, "statim-bench: %s\nTry statim-bench --help.\n", why);
        return EXIT_NO_RESULT;
    case OPTIONS_RUN:
        break;
    }
    if (!places_good(&options) || load_resolve(&options) != ERR_OK)
        return EXIT_NO_RESULT;
    return bench(&options);
}
