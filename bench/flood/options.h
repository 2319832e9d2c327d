/* SPDX-License-Identifier: Apache-2.0 */
/* What statim-flood was asked to do. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/flood/packet.h"

#define FLOOD_SECONDS_MAX 300
#define FLOOD_RATE_MAX    100000000u /* a second */
#define FLOOD_SOURCES_MAX 1000000u

struct flood_options {
    const char *interface;   /* borrowed from the command line */
    struct packet_plan plan; /* from_mac is the interface's own, and not known yet */
    double seconds;          /* > 0: there is no flood without an end */
    uint32_t rate_per_s;     /* 0: as fast as it can */
    bool live;               /* frames made in the kernel, instead of a packet socket */
};

enum flood_asked { FLOOD_RUN, FLOOD_HELP, FLOOD_BAD };

#define FLOOD_WHY_BYTES 256

/** Reads a command line. FLOOD_BAD: `why` says what is wrong. `ret` is set with FLOOD_RUN only. */
enum flood_asked flood_options_read(int argc, const char *const *argv, struct flood_options *ret,
                                    char why[static FLOOD_WHY_BYTES]);
void flood_options_help(FILE *out);
const char *flood_kind_word(enum packet_kind kind);
