/* SPDX-License-Identifier: Apache-2.0 */
/* One site or two, as the controller sees them: demand that follows the route, load that follows
 * what is admitted with a lag, an accept queue, an edge that dies, grows stale or answers late.
 * Loads are shares of what a site can serve: above 1 it cannot. */
#pragma once

#include "tests/sim/shed_check.h"

#define SHED_SITES_MAX 2

enum shed_edge_state { SHED_EDGE_RUNS, SHED_EDGE_GONE, SHED_EDGE_HANGS };

struct shed_site {
    struct controller controller;
    struct controller_config config;
    struct controller_override word;
    struct measurement measurement;
    struct decision decision;
    struct shed_check check;

    /* What a world sets. */
    enum shed_edge_state edge;
    bool filling; /* no whole data set yet */
    bool unhealthy;
    bool starves;                       /* under overload its admin page is mostly late */
    bool load_hidden;                   /* the machine does not tell how busy the workers are */
    uint64_t news_s;                    /* age of the news */
    uint32_t lost_one_in, spike_one_in; /* single looks that are lost, or wrong; 0: none */
    double soft;                        /* demand of its catchment that shedding can keep away */
    double hard;                        /* and that it cannot: connections that are there already */
    double stays; /* share of its catchment that comes though it is de-preferred */
    double lag_s, noise;

    /* What follows. */
    double load;
    double queue;
    enum route_action seen; /* as routers have it */
    uint64_t seen_due_ns;
    uint32_t looks_since_odd, looks_late;
};

struct shed_world {
    uint64_t seed, random, now_ns, begin_ns;
    const char *name;
    unsigned site_count;
    uint64_t route_delay_ns;
    struct shed_site sites[SHED_SITES_MAX];
    uint64_t looks, route_changes, level_changes;
    bool verbose;
};

uint32_t shed_below(struct shed_world *w, uint32_t bound);
double shed_between(struct shed_world *w, double low, double high);
static inline bool shed_chance(struct shed_world *w, uint32_t one_in)
{
    return one_in > 0 && shed_below(w, one_in) == 0;
}

/** Sites with a random configuration each, edges that run well, and little demand. */
void shed_world_start(struct shed_world *w, const char *name, uint64_t seed, unsigned site_count);
/** The agent of a site is started anew; its filter sheds as before. */
void shed_site_restart(struct shed_world *w, struct shed_site *s);
/** One poll: the world goes on, and every controller looks. */
void shed_world_step(struct shed_world *w);
void shed_world_run(struct shed_world *w, double seconds);
/** Runs until all sites are at the route, or fails after so many seconds. */
void shed_world_until(struct shed_world *w, enum route_action route, double seconds);
/** Until the level of the first site is at least, or at most, `permille`. */
void shed_world_until_level(struct shed_world *w, bool at_least, uint32_t permille, double seconds);
/** What so many looks take at the most. */
double shed_looks_s(const struct shed_site *s, double looks);
/** Steps from no shedding to the most. */
double shed_steps(const struct shed_site *s);
