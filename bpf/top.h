/* SPDX-License-Identifier: Apache-2.0 */
/* Who is dropped most: heavy hitters among the sampled events, in bounded memory whatever the
 * sources (the space-saving algorithm: a source that is not there yet takes the place of the
 * smallest, with its count as the error). Counted in windows, so that what is over is forgotten.
 * Pure. */
#pragma once

#include "bpf/filter.h"
#include "bpf/prefix.h"

#define TOP_ROWS      512u
#define TOP_WINDOW_NS UINT64_C(10000000000)

struct top_row {
    struct prefix prefix;
    uint64_t packets; /* estimated */
    uint64_t error;   /* at most so many of them are another's */
    uint8_t reason;   /* filter_reason of the last one */
};

struct top_window {
    struct top_row rows[TOP_ROWS];
    uint32_t count;
    uint64_t packets; /* of all sources */
};

/* Begins as zeroes. */
struct top {
    struct top_window windows[2]; /* the one that is going on, and the one before it */
    unsigned now;                 /* which is going on */
    uint64_t begin_ns;            /* of it */
};

/** An event that stands for `packets`. */
void top_add(struct top *top, const struct prefix *prefix, uint8_t reason, uint64_t packets,
             uint64_t now_ns);

#define TOP_REPORT_ROWS (2 * TOP_ROWS)

struct top_report {
    struct top_row rows[TOP_REPORT_ROWS]; /* most packets first */
    uint32_t count;
    uint64_t packets;   /* of all sources */
    uint64_t during_ns; /* what is reported of; never 0 */
};
/** Of the last one to two windows. */
void top_read(struct top *top, uint64_t now_ns, struct top_report *ret);
