/* SPDX-License-Identifier: Apache-2.0 */
/* From what edges say at their admin listener (/metrics, /healthz: docs/operations.md) to what the
 * controller is given. Pure. A decoder: what comes from an edge is not trusted to have any form. */
#pragma once

#include "bpf/controller.h"
#include "lib/err.h"
#include "lib/span.h"

/* As many as an edge has at the most. */
#define MEASURE_WORKERS_MAX 256
/* An edge's page is some 40 KiB; its admin listener never writes more than this. */
#define MEASURE_BODY_BYTES_MAX (1u << 20)
#define MEASURE_LINE_BYTES_MAX 1024
/* The first line of /healthz when it is not "ok". */
#define MEASURE_WHY_BYTES 128

/* Of one worker thread, since it began. */
struct worker_time {
    bool known;
    uint64_t run_ns;  /* on a processor */
    uint64_t wait_ns; /* runnable, without one */
};

struct edge_metrics {
    bool serving;  /* the serving process is there, with a snapshot of a whole data set */
    bool has_news; /* a head was accepted */
    uint64_t news_age_s;
    uint64_t process;      /* tells one serving process from the next */
    uint64_t clock_ns;     /* of the edge's machine, when the times of the workers were read */
    uint32_t worker_count; /* the highest number that is known, and one */
    struct worker_time workers[MEASURE_WORKERS_MAX];
};

/** Reads a page of metrics. Names that are not asked for are passed over, whatever their value.
 * ERR_TRUNCATED (no line end at the end), ERR_MALFORMED, ERR_LIMIT, ERR_EXISTS (a sample twice),
 * ERR_NOT_FOUND (one that every edge has is missing). `ret` is large: 6 KiB. */
MUST_CHECK enum err measure_metrics(struct span body, struct edge_metrics *ret);
/** Reads /healthz: 200 with "ok", or 503 with lines of what is wrong, of which the first goes to
 * `ret_why`, visible ASCII and a zero ("" when healthy). ERR_UNSUPPORTED (another status),
 * ERR_MALFORMED, ERR_TRUNCATED. */
MUST_CHECK enum err measure_health(unsigned status, struct span body, bool *ret_healthy,
                                   char ret_why[static MEASURE_WHY_BYTES]);
/** The busy share of the busiest worker between two looks: time on a processor and time in which it
 * waited for one, since a worker that is never idle is at its end whoever has the processor.
 * ERR_NOT_FOUND: nothing to compare (no times, another process, no time between). */
MUST_CHECK enum err measure_load(const struct edge_metrics *before, const struct edge_metrics *now,
                                 uint32_t *ret_permille);

/* One look at one edge, as bpf/edge_poll.h gives it. */
struct edge_look {
    bool answered; /* both pages, in time, and they made sense */
    bool gone;     /* not answered: the connection was refused */
    bool healthy;
    bool serving;
    bool load_known;
    uint64_t news_age_s; /* UINT64_MAX: none was ever accepted */
    uint32_t load_permille;
    char why[MEASURE_WHY_BYTES]; /* of not answered, or not healthy; for people */
};

/** A site of several edges. It answers when one edge does, and is ready when one that answers is;
 * of the ready ones all must be healthy, the worst news and the highest load count (traffic goes to
 * all of them). It is gone when all edges are. What is not of an edge (queue, latency) is left
 * unknown. `count` is above 0. */
void measure_join(const struct edge_look *looks, unsigned count, struct measurement *ret);
