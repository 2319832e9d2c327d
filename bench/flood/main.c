/* SPDX-License-Identifier: Apache-2.0 */
/* statim-flood: SYN and ACK floods between network namespaces made for a test. It prints what it
 * really sent, as one line of JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/flood/live.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_UNSUPPORTED };

static volatile sig_atomic_t ended;

static void end_early(int number)
{
    ended = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = end_early, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static void tell(const struct flood_options *o, const struct flood_result *r,
                 const struct link_counts *before, const struct link_counts *after)
{
    double seconds = (double)r->lasted_ns / 1e9;
    printf("{\"kind\": \"%s\", \"version\": %d, \"sources\": %" PRIu32 ", \"asked_per_s\": %" PRIu32
           ", \"seconds\": %.3f, \"sent\": %" PRIu64 ", \"sent_per_s\": %.0f, \"bytes\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"left_out\": %" PRIu64 ", \"interface_sent\": %" PRIu64
           ", \"interface_dropped\": %" PRIu64 "}\n",
           flood_kind_word(o->plan.kind), o->plan.to.version, o->plan.source_count, o->rate_per_s,
           seconds, r->sent, (double)r->sent / seconds, r->bytes, r->refused, r->left_out,
           after->sent - before->sent, after->dropped - before->dropped);
}

static int flood(const struct flood_options *options)
{
    struct flood_link link;
    struct link_counts before, after;
    struct flood_result result;
    char why[LINK_WHY_BYTES];
    if (link_open(options->interface, &link, why) != ERR_OK) {
        fprintf(stderr, "statim-flood: %s\n", why);
        return EXIT_FAILED;
    }
    enum err err = link_count(&link, &before);
    if (err == ERR_OK)
        err = (options->live ? flood_send_live : flood_send)(options, &link, &ended, &result);
    if (err == ERR_OK)
        err = link_count(&link, &after);
    if (err != ERR_OK) {
        fprintf(stderr, "statim-flood: %s: %s\n", options->interface,
                err == ERR_IO ? strerror(errno) : err_text(err));
        return err == ERR_UNSUPPORTED ? EXIT_UNSUPPORTED : EXIT_FAILED;
    }
    tell(options, &result, &before, &after);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct flood_options options;
    char why[FLOOD_WHY_BYTES];
    switch (flood_options_read(argc, (const char *const *)argv, &options, why)) {
    case FLOOD_HELP:
        flood_options_help(stdout);
        return EXIT_DONE;
    case FLOOD_BAD:
        fprintf(stderr, "statim-flood: %s\nTry statim-flood --help.\n", why);
        return EXIT_USAGE;
    case FLOOD_RUN:
        break;
    }
    catch_signals();
    return flood(&options);
}
