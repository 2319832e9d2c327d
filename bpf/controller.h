/* SPDX-License-Identifier: Apache-2.0 */
/* The controller: from what was measured to what is done. Pure: state, a measurement and the time
 * in, a decision out; no clock, no socket, no allocation.
 *
 * Two things are decided: how large a share of new connections is shed, and how the site's route is
 * announced. Rules:
 *  - Nothing follows from one look. A trouble is believed when bad looks outweigh good ones by
 *    fail_polls (a bad one adds one, a good one takes one away); overload by OVERLOAD_LOOKS.
 *  - An overloaded site sheds before it changes its route, and goes on shedding as long as that is
 *    enough. Load moved away lands on another site. Only when shedding at the most has not sufficed
 *    for deprefer_after_s is the route de-preferred, and only when that did not suffice either for
 *    withdraw_after_s is it withdrawn; by default never, since what floods one site follows to the
 *    next.
 *  - Shedding grows by a fixed step a look, and shrinks once in hold_s of calm (load below the
 * band, or so low that nothing need be shed at all), by little more than what keeps the expected
 * load in the middle of the band: it settles under a steady flood.
 *  - A site that cannot answer is withdrawn: nothing it could shed would help. It cannot answer
 *    when no edge answers or none has a whole data set. Looks that are lost while the site is
 *    overloaded (the last answered look was, or the accept queue is long) are taken for overload,
 *    unless the endpoint refuses connections: an edge that has no time for its admin page is not
 *    dead. They count once that has lasted for twice deprefer_after_s and the route is
 * de-preferred, shedding having not helped. The price: an edge that hangs with clients waiting is
 * withdrawn that late, while one that has died is withdrawn at once.
 *  - Old news (stale_deprefer_s) de-prefers: any better site then has the traffic. It withdraws
 *    only beyond stale_withdraw_s, by default never: a publisher that stands still makes all sites
 *    stale at once, and answers are signed for days. An edge that says it is not healthy is
 *    de-preferred, too.
 *  - Never withdrawn is the last site by configuration (sites - 1 < min_sites): then it stays
 *    de-preferred, and an operator may say otherwise.
 *  - Each step back to normal takes a stretch of health, recover_s; each return to trouble within
 *    flap_window_s after a step back doubles the stretch, up to recover_max_s.
 *  - An operator's word goes before, until it expires. While the level is an operator's, overload
 *    changes no route; afterwards the controller goes on from that level. While the route is an
 *    operator's, the controller goes on as if it were not, and what it holds then comes in force.
 *  - What the filter drops steers nothing: whoever attacks chooses it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum route_action { ROUTE_ANNOUNCE, ROUTE_DEPREFER, ROUTE_WITHDRAW };

/* key, default, min, max, what it is; a part of statim-shed's configuration (bpf/shed_config.h). */
#define CONTROLLER_NUMBER_TABLE(X)                                                                \
    X(poll_ms, 500, 50, 60000, "how often the edge is looked at")                                 \
    X(load_high_permille, 850, 1, 1000, "busy share of the workers above which shedding grows")   \
    X(load_low_permille, 650, 0, 999, "and below which it shrinks")                               \
    X(queue_high, 256, 1, 1000000,                                                                \
      "connections waiting to be accepted above which shedding grows")                            \
    X(latency_high_ms, 250, 1, 60000, "time of a request of our own above which shedding grows")  \
    X(shed_step_permille, 50, 1, 1000, "by which shedding grows at once")                         \
    X(shed_max_permille, 800, 0, 1000, "what is shed at most without an operator's word")         \
    X(hold_s, 5, 1, 3600, "of calm before each step down of shedding")                            \
    X(fail_polls, 3, 2, 100, "bad looks, more than good ones, after which a trouble is believed") \
    X(deprefer_after_s, 20, 1, 3600,                                                              \
      "of shedding at the most after which the route is de-preferred")                            \
    X(withdraw_after_s, 0, 0, 86400,                                                              \
      "of overload while de-preferred after which it is withdrawn; 0: never")                     \
    X(stale_deprefer_s, 900, 1, 2592000, "age of the news above which the route is de-preferred") \
    X(stale_withdraw_s, 0, 0, 2592000, "and above which it is withdrawn; 0: never")               \
    X(recover_s, 10, 1, 3600, "of health before a step back to normal")                           \
    X(recover_max_s, 600, 1, 86400, "the most that flapping makes of it")                         \
    X(flap_window_s, 600, 1, 86400,                                                               \
      "after a step back within which a return to trouble doubles it")                            \
    X(sites, 1, 1, 1000, "sites that announce this address")                                      \
    X(min_sites, 1, 0, 1000, "that are to be left when this one withdraws")

struct controller_config {
#define X(name, fallback, min, max, text) uint64_t name;
    CONTROLLER_NUMBER_TABLE(X)
#undef X
};

#define CONTROLLER_SHED_ALL_PERMILLE 1000u
/* Overloaded looks, more than others, before shedding grows. */
#define CONTROLLER_OVERLOAD_LOOKS 2u
/* Steps of growth that one step down may take back at the most. */
#define CONTROLLER_SHRINK_STEPS 2u
/* When this many polls are missing between two looks, nobody knows what was in between: no stretch
 * of anything goes on over the gap. */
#define CONTROLLER_GAP_POLLS 4u

/* What one look at the site gave. bpf/measure.h makes it from looks at its edges. What is not known
 * is no evidence of anything. */
struct measurement {
    bool answered; /* the admin endpoint answered in time and made sense */
    bool gone;     /* not answered: its address refuses connections, so nothing runs there */
    bool ready;    /* answered: a whole data set is served by a living process */
    bool healthy;  /* answered: /healthz */
    bool load_known;
    bool queue_known;        /* also when not answered: the kernel is asked */
    bool latency_known;      /* likewise: the service is asked, not the admin endpoint */
    bool latency_late;       /* known: it gave no answer in time, whatever latency_ms says */
    uint64_t news_age_s;     /* answered: since the head of the publication, of the worst edge */
    uint64_t news_age_min_s; /* of the best edge; the same with one edge */
    uint32_t load_permille;  /* busy share of the busiest worker since the last look */
    uint32_t queue;          /* connections waiting to be accepted, of all listeners */
    uint32_t latency_ms;     /* of a request of our own; the deadline when it was not answered */
};

/* An operator's word. The times are of the clock that is given to controller_step(). */
struct controller_override {
    bool shed_set;
    uint32_t shed_permille; /* up to CONTROLLER_SHED_ALL_PERMILLE */
    uint64_t shed_until_ns;
    bool route_set;
    enum route_action route;
    uint64_t route_until_ns;
};

/* Why the route is as it is: enum name, label, text. */
#define CONTROLLER_REASON_TABLE(X)                                                         \
    X(STARTING, "starting", "not looked at often enough yet")                              \
    X(HEALTHY, "healthy", "all is well")                                                   \
    X(OVERLOADED, "overloaded", "shedding at the most does not suffice")                   \
    X(UNHEALTHY, "unhealthy", "the edge says that it is not healthy")                      \
    X(STALE, "stale", "the news from the publication is old")                              \
    X(DEAD, "dead", "the edge does not answer")                                            \
    X(NOT_READY, "not_ready", "the edge has no whole data set")                            \
    X(LAST_SITE, "last_site", "would be withdrawn, but is the last site by configuration") \
    X(RECOVERING, "recovering", "well again, waiting to be sure")                          \
    X(OPERATOR, "operator", "an operator's word")
enum controller_reason {
#define X(name, label, text) CONTROLLER_##name,
    CONTROLLER_REASON_TABLE(X)
#undef X
        CONTROLLER_REASON_COUNT
};

struct decision {
    uint32_t shed_permille;
    bool route_known; /* false (STARTING): leave the route as the daemon has it */
    enum route_action route;
    enum controller_reason reason; /* of the route */
    bool changed;                  /* other than the last decision in level, route or reason */
};

/* Troubles that are counted look by look. */
enum controller_trouble {
    CONTROLLER_IS_DEAD,
    CONTROLLER_IS_NOT_READY,
    CONTROLLER_IS_STALE_LONG, /* beyond stale_withdraw_s */
    CONTROLLER_IS_STALE,
    CONTROLLER_IS_UNHEALTHY,
    CONTROLLER_TROUBLE_COUNT
};

/* The controller's own; others only look. Times of 0: not so now. */
struct controller {
    struct controller_config config;
    uint64_t now_ns;
    uint64_t looks; /* until starting is over */
    bool started;

    uint32_t score[CONTROLLER_TROUBLE_COUNT]; /* 0 to fail_polls */
    bool believed[CONTROLLER_TROUBLE_COUNT];  /* from fail_polls on, until it is 0 again */
    uint32_t lost_score;                      /* 0 to fail_polls: lost looks, explained or not */
    uint32_t overload_score;                  /* 0 to CONTROLLER_OVERLOAD_LOOKS */
    uint32_t queue;                           /* of the last look that knew it, */
    uint64_t queue_ns;                        /* and when that was */
    bool hot;                                 /* the last look that was answered showed overload */
    uint64_t hot_lost_ns; /* since when looks are lost, the last one before them hot */

    uint32_t level_permille;
    bool level_is_operators;
    uint64_t calm_ns;     /* since when load is low without a break, or the last step down */
    uint64_t at_most_ns;  /* since when overloaded in spite of shedding at the most */
    uint64_t deprefer_ns; /* since when that called for more while de-preferred */

    enum route_action route;
    enum controller_reason reason;
    bool route_for_load;      /* the route is not normal because of overload */
    uint64_t health_ns;       /* since when less than the present route is needed */
    uint64_t stretch_s;       /* of health for the next step back */
    uint64_t stepped_back_ns; /* when the last one was, that no return to trouble has followed */
    struct decision last;
};

/** NULL, or what is wrong with the numbers together, for the operator; each by itself is within its
 * limits already. */
const char *controller_config_check(const struct controller_config *config);
/** Begins. `shed_permille` is what the filter sheds at this moment (0, or what an agent before this
 * one left). The configuration is copied and has passed its check. */
void controller_start(struct controller *c, const struct controller_config *config,
                      uint32_t shed_permille);
/** Takes other numbers and goes on from where it stands. */
void controller_configure(struct controller *c, const struct controller_config *config);
/** One look, to be given every poll_ms whether the edge answered or not. `now_ns` is above 0 and
 * never goes back. */
struct decision controller_step(struct controller *c, const struct measurement *m,
                                const struct controller_override *override, uint64_t now_ns);

const char *route_action_label(enum route_action action); /* "announce", "deprefer", "withdraw" */
const char *controller_reason_label(enum controller_reason reason);
const char *controller_reason_text(enum controller_reason reason);
