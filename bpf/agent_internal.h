/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's state, and what its files do for each other. All of it is of one thread. */
#pragma once

#include <jansson.h>

#include "bpf/agent.h"
#include "bpf/control.h"
#include "bpf/listen_queue.h"
#include "bpf/route.h"
#include "bpf/said.h"
#include "bpf/shed_metrics.h"
#include "bpf/shed_words.h"
#include "bpf/top.h"

#define AGENT_MESSAGE_BYTES 256

/* A level outlives this many looks, and at least that long: an agent that is gone stops shedding,
 * one that is late does not. */
#define AGENT_LEVEL_LOOKS 6u
#define AGENT_LEVEL_MIN_S 10u
/* A routing daemon that failed is asked again after it, one that obeyed is looked after. */
#define AGENT_ROUTE_AGAIN_S 5u
#define AGENT_ROUTE_CHECK_S 2u

/* The filter of one interface. */
struct guard {
    char interface[SHED_INTERFACE_BYTES_MAX + 1];
    bool generic;
    bool found; /* an agent before this one had attached it */
    struct shed_filter *filter;
};
struct guards {
    struct guard guards[SHED_INTERFACES_MAX];
    unsigned count;
};

/* How the routing daemon stands. */
struct route_state {
    struct route_driver *driver; /* NULL: nobody is told */
    bool told;                   /* `action` was wanted once */
    bool done;                   /* and is in force */
    enum route_action action;
    uint64_t next_ns; /* when it is asked again */
    char trouble[ROUTE_MESSAGE_BYTES];
};

struct agent {
    const char *path;
    struct shed_config *config;
    struct guards guards;
    struct said_list *said;
    struct top *top;
    struct controller controller;
    struct controller_override override;
    struct decision decision;
    struct edge_poll *poll;     /* NULL: no edges */
    struct listen_queue *queue; /* NULL: the kernel does not tell */
    struct route_state route;
    struct control *control;
    struct shed_metrics *metrics;
    int signals;
    bool stops;
    bool filter_failed; /* a filter's counters could not be read */
    bool filter_lost;   /* an interface has no filter any more */
    uint64_t look_ns;   /* when the next look begins */
    struct shed_view view;
};

/* agent_guards.c */

/** Opens the filters of a configuration; those `before` has attached are taken over as they are.
 * On failure (a line in `message`) what was opened is closed, and taken off again unless an agent
 * before this one had attached it. */
MUST_CHECK enum err guards_open(const struct shed_config *config, const struct guards *before,
                                struct guards *ret, char message[static AGENT_MESSAGE_BYTES]);
/** Gives up what guards_open() gave: what it says of a failure. */
void guards_undo(struct guards *opened, const struct guards *before, const char *pin_folder);
/** Puts a policy in force on all. On failure those that have it already get `old` back (NULL:
 * there is none). */
MUST_CHECK enum err guards_policy(struct guards *g, const struct shed_policy *policy,
                                  const struct shed_policy *old,
                                  char message[static AGENT_MESSAGE_BYTES]);
/** The highest level that is in force on one of them. */
uint32_t guards_level(const struct guards *g, uint64_t now_ns);
/** Takes the filter off the interfaces of `g` that `kept` does not have. */
void guards_drop(struct guards *g, const struct guards *kept, const char *pin_folder);
/** One whose filter is not on its interface any more; NULL: all are. */
const struct guard *guards_lost(const struct guards *g);
/** Lets go of the filters of `g` in whose place `next` has others. */
void guards_replace(struct guards *g, const struct guards *next);
/** Lets go of all; what is pinned stays. */
void guards_close(struct guards *g);

/* agent_rules.c: the lists of the filter, of the configuration and of operators. */

/** A policy for the filter: of `config` and of the operators' prefixes. agent_policy_free(). */
MUST_CHECK enum err agent_policy_make(const struct agent *a, const struct shed_config *config,
                                      struct shed_policy *ret);
void agent_policy_free(struct shed_policy *policy);
/** An operator's prefix; in force when it returns. ERR_LIMIT, ERR_NOT_FOUND, ERR_IO ...; then
 * nothing changed and a line is in `message`. */
MUST_CHECK enum err agent_rules_say(struct agent *a, const struct shed_word *word, uint64_t now_ns,
                                    char message[static AGENT_MESSAGE_BYTES]);
/** Ends what has run out. */
void agent_rules_expire(struct agent *a, uint64_t now_ns);
/** The prefixes of operators on one list, as JSON. NULL: out of memory. */
json_t *agent_rules_list(const struct agent *a, bool deny, uint64_t now_ns);
void agent_rules_count(struct agent *a);

/* agent_words.c: what operators said, over a restart. What goes wrong is logged. */

void agent_words_keep(struct agent *a, uint64_t now_ns);
void agent_words_recall(struct agent *a, uint64_t now_ns);

/* agent_top.c: who is dropped most. */

void agent_top_add(struct agent *a, const struct filter_event *event, uint64_t now_ns);
json_t *agent_top(struct agent *a, uint64_t now_ns);

/* agent_steer.c: from looks to the level and the route. */

/** Begins a look. */
void agent_look(struct agent *a, uint64_t now_ns);
/** A look has ended: what it gave is told to the controller, and what that says is done. */
void agent_steer(struct agent *a, const struct measurement *m, uint64_t now_ns);
/** The route as the decision wants it, where it is not or is to be looked after. */
void agent_route(struct agent *a, uint64_t now_ns);
/** The driver of a configuration; NULL in `*ret` where none is wanted. A line in `message`. */
MUST_CHECK enum err agent_route_new(const struct shed_config *config, struct route_driver **ret,
                                    char message[static AGENT_MESSAGE_BYTES]);
/** Writes the level of the decision to all filters. */
void agent_level(struct agent *a, uint64_t now_ns);

/* agent_view.c: what is shown. */
void agent_view(struct agent *a, uint64_t now_ns);
json_t *agent_stats(struct agent *a, uint64_t now_ns);

/* agent_answer.c: requests of operators (control_answer). */
json_t *agent_answer(void *context, const json_t *request);

/** The controller's numbers. Without edges nothing is measured, so it sheds nothing by itself. */
struct controller_config agent_controller(const struct shed_config *config);
/** NULL in `*ret` where there are no edges. */
MUST_CHECK enum err agent_poll_new(const struct shed_config *c, struct edge_poll **ret);

/* agent_reload.c */
void agent_reload(struct agent *a, uint64_t now_ns);
