/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the edges of a site, all at once and without ever blocking: /metrics and /healthz at
 * each admin listener, and a request to each service that is probed. One descriptor tells when
 * there is something to do; a look is over when all have answered or its deadline has passed. */
#pragma once

#include "bpf/measure.h"
#include "lib/os/address.h"

#define EDGE_POLL_EDGES_MAX  16
#define EDGE_POLL_PROBES_MAX 16

struct edge_poll_config {
    const struct address *edges; /* admin listeners */
    unsigned edge_count;         /* 1 to EDGE_POLL_EDGES_MAX */
    /* Services, asked by a connection of our own each time, for the latency that a new client has.
     * They count among the edge's requests: GET / each. */
    const struct address *probes;
    unsigned probe_count; /* 0 to EDGE_POLL_PROBES_MAX; 0: latency is not known */
    /* Of one look. Well below the time from one to the next: a look that is given up by the next
     * one tells nothing, and an edge that hangs would never be seen to. */
    uint64_t deadline_ms;
};

struct edge_poll;
/** Copies the configuration. ERR_RANGE, ERR_MEMORY, ERR_IO (errno tells). */
MUST_CHECK enum err edge_poll_new(const struct edge_poll_config *config, struct edge_poll **ret);
/** Takes NULL, returns NULL. What is under way is given up. */
struct edge_poll *edge_poll_free(struct edge_poll *p);

/** Readable when edge_poll_step() has something to do, deadline included; the same for ever. */
int edge_poll_fd(const struct edge_poll *p);
/** Begins a look; one that is under way is given up first. ERR_MEMORY: no look then. */
MUST_CHECK enum err edge_poll_begin(struct edge_poll *p);
/** Goes on with what can go on; does not wait. True: this step ended the look. */
bool edge_poll_step(struct edge_poll *p);
/** What the last look that ended gave, edges and probes; the queue is left unknown. Before the
 * first one: not answered. */
void edge_poll_measurement(const struct edge_poll *p, struct measurement *ret);
/** The same of one edge, for people; until the next look ends. */
const struct edge_look *edge_poll_look(const struct edge_poll *p, unsigned edge);
