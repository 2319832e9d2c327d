/* SPDX-License-Identifier: Apache-2.0 */
/* The controller of the shed agent in made-up worlds: curves of load, floods that shedding cures
 * and floods that it does not, oscillating load, edges that die, hang, grow stale, flap or answer
 * late, operators' words, and two sites between which load moves.
 *
 * Checked at every look: tests/sim/shed_check.h. Each world adds how soon what must have happened.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/shed_world.h"

#define SECOND_NS                 UINT64_C(1000000000)
#define CHECK_WORLD(w, condition) SHED_CHECK(&(w)->sites[0].check, condition)

/* --- how long things may take --- */

/* From more than can be shed to the most that is shed. */
static double to_most_s(const struct shed_site *s)
{
    return shed_looks_s(s, 4 + shed_steps(s)) + 4 * s->lag_s;
}

/* From the most to nothing, the flood being over; a queue drains first. */
static double to_none_s(const struct shed_site *s)
{
    double steps = ceil((double)s->config.shed_max_permille /
                        (double)(CONTROLLER_SHRINK_STEPS * s->config.shed_step_permille));
    return (steps + 1) * ((double)s->config.hold_s + shed_looks_s(s, 3)) + 20 + 8 * s->lag_s;
}

static double evidence_s(const struct shed_site *s)
{
    return shed_looks_s(s, (double)s->config.fail_polls + 1);
}

/* From whatever to normal, nothing being wrong any more, whatever was before. */
static double to_normal_s(const struct shed_site *s)
{
    return to_none_s(s) + 2 * (double)s->config.recover_max_s + 2 * evidence_s(s) +
           shed_looks_s(s, 10);
}

static void begin(struct shed_world *w, unsigned sites, const char *name, uint64_t seed)
{
    shed_world_start(w, name, seed, sites);
    shed_world_until(w, ROUTE_ANNOUNCE, evidence_s(&w->sites[0]));
    shed_world_run(w, shed_between(w, 1, 30));
}

/* --- worlds --- */

/* Single odd looks, and nothing else: nothing is done. */
static void calm(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    s->soft = shed_between(w, 0, 0.5);
    s->lost_one_in = 2 + shed_below(w, 20);
    s->spike_one_in = 2 + shed_below(w, 20);
    uint64_t routes = w->route_changes, levels = w->level_changes;
    shed_world_run(w, 600);
    CHECK_WORLD(w, w->route_changes == routes && w->level_changes == levels);
    CHECK_WORLD(w, s->decision.reason == CONTROLLER_HEALTHY);
}

/* More than a site can serve, but not more than shedding can keep away. */
static double curable(struct shed_world *w, const struct shed_site *s)
{
    double high = (double)s->config.load_high_permille / 1000;
    double passes = 1 - (double)s->config.shed_max_permille / 1000;
    double most = (0.9 * high - s->hard) / passes;
    return most > 1.1 ? shed_between(w, 1.1, most) : 1.1;
}

static void curve(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double peak = curable(w, s), period_s = shed_between(w, 300, 3000);
    double low = s->soft;
    for (double t = 0; t < 2 * period_s; t += 5) {
        s->soft = low + (peak - low) * (1 - cos(t / period_s * 2 * M_PI)) / 2;
        shed_world_run(w, 5);
        CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    }
    s->soft = low;
    shed_world_until_level(w, false, 0, to_none_s(s));
}

/* Served in time, no hunting while it lasts, and nothing is shed soon after it. */
static void cured_flood(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double quiet = s->soft, high = (double)s->config.load_high_permille / 1000;
    s->load_hidden = shed_chance(w, 5);
    s->soft = curable(w, s);
    shed_world_run(w, to_most_s(s));
    CHECK_WORLD(w, s->decision.shed_permille > 0);
    shed_world_run(w, 5 * (double)s->config.hold_s);
    uint32_t before = s->decision.shed_permille;
    unsigned rises = 0, overloaded = 0, looks = 0;
    for (uint64_t end_ns = w->now_ns + 600 * SECOND_NS; w->now_ns < end_ns; looks++) {
        shed_world_step(w);
        rises += s->decision.shed_permille > before;
        overloaded += s->load > (s->load_hidden ? 1.05 : high * 1.03);
        before = s->decision.shed_permille;
    }
    CHECK_WORLD(w, s->load_hidden || rises <= 3);
    CHECK_WORLD(w, overloaded * 50 <= looks || s->load_hidden);
    CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    /* To a site that is well used, below the middle of what is let in without any shedding. */
    double low = (double)s->config.load_low_permille / 1000;
    s->soft = shed_chance(w, 2) ? quiet : (low + high) / 2 - s->hard;
    uint32_t least = (uint32_t)s->config.shed_step_permille / 5 + 1;
    double creep_s =
        s->soft == quiet ? 0 : 300.0 / least * ((double)s->config.hold_s + shed_looks_s(s, 3));
    /* Where nobody tells how low the load is, steps down are half as large. */
    shed_world_until_level(w, false, 0, (s->load_hidden ? 2 : 1) * to_none_s(s) + creep_s);
}

static void make_incurable(struct shed_world *w, struct shed_site *s)
{
    if (shed_chance(w, 3))
        s->hard = shed_between(w, 1.2, 4);
    else
        s->soft = shed_between(w, 1.2, 4) / (1 - (double)s->config.shed_max_permille / 1000);
}

/* Sheds at the most, then de-prefers, then, where it may, withdraws; and all the way back. */
static void incurable_flood(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double quiet = s->soft, hard = s->hard;
    s->stays = shed_below(w, 2);
    s->config.sites = 1 + shed_below(w, 2);
    controller_configure(&s->controller, &s->config);
    make_incurable(w, s);
    shed_world_until_level(w, true, (uint32_t)s->config.shed_max_permille, to_most_s(s));
    CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    shed_world_run(w, (double)s->config.deprefer_after_s - shed_looks_s(s, 2));
    CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    shed_world_until(w, ROUTE_DEPREFER, shed_looks_s(s, 6));
    double after_s = (double)s->config.withdraw_after_s + shed_looks_s(s, 3);
    if (s->stays > 0 && s->config.withdraw_after_s > 0 && s->config.sites > 1)
        shed_world_until(w, ROUTE_WITHDRAW, after_s);
    shed_world_run(w, shed_between(w, 10, 2000));
    s->soft = quiet;
    s->hard = hard;
    /* It may be announced at this moment, with what is left of the flood before it. */
    shed_world_run(w, to_normal_s(s));
    CHECK_WORLD(w, s->decision.shed_permille == 0 && s->decision.route == ROUTE_ANNOUNCE);
}

static void oscillating(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double quiet = s->soft, flood = shed_between(w, 0.8, 20);
    double half_s = pow(10, shed_between(w, -0.5, 3));
    double length_s = half_s * 30 < 1000 ? 1000 : half_s * 30 > 6000 ? 6000 : half_s * 30;
    s->stays = shed_between(w, 0, 1);
    for (double t = 0; t < length_s; t += 2 * half_s) {
        s->soft = flood;
        shed_world_run(w, half_s);
        s->soft = quiet;
        shed_world_run(w, half_s);
    }
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(s));
    shed_world_until_level(w, false, 0, to_none_s(s));
}

/* A single trouble and its end, with the time both may take. */
static void through_trouble(struct shed_world *w, enum route_action want, double in_s,
                            enum controller_reason reason, void (*end)(struct shed_site *))
{
    struct shed_site *s = &w->sites[0];
    bool last = s->config.sites <= s->config.min_sites;
    shed_world_until(w, want == ROUTE_WITHDRAW && last ? ROUTE_DEPREFER : want, in_s);
    CHECK_WORLD(w, s->decision.reason ==
                       (want == ROUTE_WITHDRAW && last ? CONTROLLER_LAST_SITE : reason));
    shed_world_run(w, shed_between(w, 1, 300));
    end(s);
    double steps = want == ROUTE_WITHDRAW && !last ? 2 : 1;
    double back_s = steps * ((double)s->config.recover_s + shed_looks_s(s, 1)) + evidence_s(s) +
                    shed_looks_s(s, 2);
    shed_world_until(w, ROUTE_ANNOUNCE, back_s);
    CHECK_WORLD(w, s->decision.reason == CONTROLLER_HEALTHY);
}

static void well_again(struct shed_site *s)
{
    s->edge = SHED_EDGE_RUNS;
    s->filling = s->unhealthy = false;
    s->news_s = 1;
}

static void maybe_last(struct shed_world *w, struct shed_site *s)
{
    if (shed_chance(w, 3)) {
        s->config.sites = 1;
        controller_configure(&s->controller, &s->config);
    }
}

static void dead_edge(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    maybe_last(w, s);
    s->edge = SHED_EDGE_GONE;
    if (shed_chance(w, 2)) { /* with nobody waiting: silence alone */
        s->edge = SHED_EDGE_HANGS;
        s->soft = s->hard = 0;
        s->load = 0;
    }
    through_trouble(w, ROUTE_WITHDRAW, evidence_s(s), CONTROLLER_DEAD, well_again);
}

/* However busy it was, an edge that is not there any more is not taken for a busy one. */
static void busy_and_gone(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double quiet = s->soft;
    s->soft = 20;
    shed_world_run(w, shed_looks_s(s, 3) + 3 * s->lag_s);
    s->edge = SHED_EDGE_GONE;
    shed_world_until(w, ROUTE_WITHDRAW, evidence_s(s));
    CHECK_WORLD(w, s->decision.reason == CONTROLLER_DEAD);
    well_again(s);
    s->soft = quiet;
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(s));
}

/* Silence and a long queue: overload until shedding has been tried. */
static void hanging_edge(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double da_s = (double)s->config.deprefer_after_s;
    s->hard = 0.5; /* enough that the queue never empties */
    shed_world_run(w, 20);
    s->edge = SHED_EDGE_HANGS;
    double tried_s = to_most_s(s) + da_s + shed_looks_s(s, 3);
    double in_s = (tried_s > 2 * da_s ? tried_s : 2 * da_s) + evidence_s(s) + shed_looks_s(s, 6);
    shed_world_until_level(w, true, (uint32_t)s->config.shed_max_permille, to_most_s(s) + 1);
    CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    shed_world_until(w, ROUTE_DEPREFER, da_s + shed_looks_s(s, 3));
    shed_world_until(w, ROUTE_WITHDRAW, in_s);
    well_again(s);
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(s));
}

static void stale_edge(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    maybe_last(w, s);
    uint64_t withdraw_s = s->config.stale_withdraw_s;
    if (withdraw_s > 0 && shed_chance(w, 2)) {
        s->news_s = withdraw_s + 1;
        through_trouble(w, ROUTE_WITHDRAW, evidence_s(s), CONTROLLER_STALE, well_again);
    } else if (shed_chance(w, 3)) {
        s->unhealthy = true;
        through_trouble(w, ROUTE_DEPREFER, evidence_s(s), CONTROLLER_UNHEALTHY, well_again);
    } else if (shed_chance(w, 3)) {
        s->filling = true;
        through_trouble(w, ROUTE_WITHDRAW, evidence_s(s), CONTROLLER_NOT_READY, well_again);
    } else {
        s->news_s = withdraw_s > 0 ? s->config.stale_deprefer_s + 1 : UINT64_MAX;
        through_trouble(w, ROUTE_DEPREFER, evidence_s(s), CONTROLLER_STALE, well_again);
    }
}

static void flapping_edge(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    double scale = pow(10, shed_between(w, -0.7, 2));
    maybe_last(w, s);
    for (uint64_t end_ns = w->now_ns + 3000 * SECOND_NS; w->now_ns < end_ns;) {
        s->edge = shed_chance(w, 2) ? SHED_EDGE_GONE : SHED_EDGE_HANGS;
        s->news_s = shed_chance(w, 4) ? s->config.stale_deprefer_s + 1 : 1;
        shed_world_run(w, scale * shed_between(w, 0.1, 2));
        s->edge = SHED_EDGE_RUNS;
        shed_world_run(w, scale * shed_between(w, 0.1, 2));
    }
    well_again(s);
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(s));
}

/* An edge that has no time for its admin page under load: sheds first, and moves only then. */
static void slow_endpoint(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    s->starves = true;
    if (shed_chance(w, 2)) {
        s->config.deprefer_after_s = 60; /* a queue that has grown must have time to drain */
        controller_configure(&s->controller, &s->config);
        s->soft = curable(w, s);
        shed_world_run(w, to_most_s(s));
        for (unsigned i = 0; i < 60; i++) {
            shed_world_run(w, 5);
            CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
        }
        return;
    }
    s->stays = 1;
    make_incurable(w, s);
    shed_world_until_level(w, true, (uint32_t)s->config.shed_max_permille, to_most_s(s));
    CHECK_WORLD(w, s->decision.route == ROUTE_ANNOUNCE);
    shed_world_until(w, ROUTE_DEPREFER, (double)s->config.deprefer_after_s + shed_looks_s(s, 6));
    shed_world_run(w, 300);
}

static void speak(struct shed_world *w, struct shed_site *s)
{
    uint64_t until_ns = w->now_ns + (uint64_t)(shed_between(w, 0.1, 120) * 1e9);
    if (shed_chance(w, 2)) {
        s->word.shed_set = !shed_chance(w, 4);
        s->word.shed_permille = shed_below(w, CONTROLLER_SHED_ALL_PERMILLE + 1);
        s->word.shed_until_ns = until_ns;
    } else {
        s->word.route_set = !shed_chance(w, 4);
        s->word.route = (enum route_action)shed_below(w, 3);
        s->word.route_until_ns = until_ns;
    }
}

/* A word holds to its end and not longer; then what the site is in counts again. */
static void operators(struct shed_world *w)
{
    struct shed_site *s = &w->sites[0];
    maybe_last(w, s);
    s->word = (struct controller_override){
        .route_set = true, .route = ROUTE_WITHDRAW, .route_until_ns = w->now_ns + 60 * SECOND_NS};
    shed_world_run(w, 60 - shed_looks_s(s, 2));
    CHECK_WORLD(w, s->decision.route == ROUTE_WITHDRAW);
    shed_world_until(w, ROUTE_ANNOUNCE, shed_looks_s(s, 3));
    s->word = (struct controller_override){
        .shed_set = true, .shed_permille = 0, .shed_until_ns = w->now_ns + 120 * SECOND_NS};
    double quiet = s->soft;
    s->soft = 20; /* overload that the operator wants to see */
    shed_world_run(w, 120 - shed_looks_s(s, 2));
    CHECK_WORLD(w, s->decision.shed_permille == 0 && s->decision.route == ROUTE_ANNOUNCE);
    shed_world_run(w, shed_looks_s(s, 3) + to_most_s(s));
    CHECK_WORLD(w, s->decision.shed_permille > 0);
    s->soft = quiet;
    for (unsigned i = 0; i < 30; i++) {
        speak(w, s);
        s->soft = shed_chance(w, 3) ? curable(w, s) : quiet;
        shed_world_run(w, shed_between(w, 1, 100));
    }
    s->soft = quiet;
    s->word = (struct controller_override){0};
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(s));
}

/* Load that is moved away overloads the other one: no site goes for that alone, and it ends. */
static void two_sites(struct shed_world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        w->sites[i].config.withdraw_after_s = 0;
        controller_configure(&w->sites[i].controller, &w->sites[i].config);
    }
    double quiet[2] = {w->sites[0].soft, w->sites[1].soft};
    for (unsigned i = 0; i < 40; i++) {
        struct shed_site *s = &w->sites[shed_below(w, 2)];
        double flood = shed_between(w, 0.3, 6) / (1 - (double)s->config.shed_max_permille / 1000);
        s->soft = shed_chance(w, 3) ? quiet[s - w->sites] : flood;
        for (uint64_t end_ns = w->now_ns + 100 * SECOND_NS; w->now_ns < end_ns;) {
            shed_world_step(w);
            CHECK_WORLD(w, w->sites[0].decision.route != ROUTE_WITHDRAW &&
                               w->sites[1].decision.route != ROUTE_WITHDRAW);
        }
    }
    w->sites[0].soft = quiet[0];
    w->sites[1].soft = quiet[1];
    /* One after the other: the stretch of the second one may begin anew when the first returns. */
    shed_world_until(w, ROUTE_ANNOUNCE, 2 * to_normal_s(&w->sites[0]));
}

static void change_anything(struct shed_world *w, struct shed_site *s)
{
    s->soft = shed_chance(w, 2) ? shed_between(w, 0, 0.5) : pow(10, shed_between(w, -1, 1.5));
    s->hard = shed_chance(w, 8) ? shed_between(w, 0, 2) : shed_between(w, 0, 0.1);
    s->edge = (enum shed_edge_state)(shed_chance(w, 4) ? 1 + shed_below(w, 2) : 0);
    s->filling = shed_chance(w, 10);
    s->unhealthy = shed_chance(w, 10);
    s->starves = shed_chance(w, 2);
    s->load_hidden = shed_chance(w, 6);
    s->stays = shed_between(w, 0, 1);
    s->news_s = shed_chance(w, 6) ? shed_below(w, 10000) : 1;
    s->lost_one_in = shed_below(w, 30);
    s->spike_one_in = shed_below(w, 30);
    if (shed_chance(w, 6))
        speak(w, s);
    if (shed_chance(w, 10))
        shed_site_restart(w, s);
    if (shed_chance(w, 30)) /* the agent itself had no time */
        w->now_ns += (uint64_t)(shed_between(w, 1, 1000) * 1e9);
}

static void anything(struct shed_world *w)
{
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned site = 0; site < w->site_count; site++)
            change_anything(w, &w->sites[site]);
        shed_world_run(w, pow(10, shed_between(w, -0.5, 2)));
    }
    for (unsigned site = 0; site < w->site_count; site++) {
        struct shed_site *s = &w->sites[site];
        well_again(s);
        s->soft = s->hard = 0.05;
        s->word = (struct controller_override){0};
        s->load_hidden = s->starves = false;
        s->lost_one_in = s->spike_one_in = 0;
    }
    shed_world_until(w, ROUTE_ANNOUNCE, to_normal_s(&w->sites[0]));
    shed_world_until_level(w, false, 0, to_none_s(&w->sites[0]));
}

/* --- all of them --- */

static const struct {
    const char *name;
    unsigned sites;
    void (*run)(struct shed_world *w);
} worlds[] = {
    {"calm", 1, calm},
    {"curve", 1, curve},
    {"cured flood", 1, cured_flood},
    {"incurable flood", 1, incurable_flood},
    {"oscillating", 1, oscillating},
    {"dead edge", 1, dead_edge},
    {"busy and gone", 1, busy_and_gone},
    {"hanging edge", 1, hanging_edge},
    {"stale edge", 1, stale_edge},
    {"flapping edge", 1, flapping_edge},
    {"slow endpoint", 1, slow_endpoint},
    {"operators", 1, operators},
    {"two sites", 2, two_sites},
    {"anything", 1, anything},
    {"anything, two sites", 2, anything},
};
#define WORLDS (sizeof worlds / sizeof worlds[0])

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 20, only = WORLDS;
    static struct shed_world w;
    uint64_t looks = 0, routes = 0, levels = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0)
            count = value;
        else if (strcmp(argv[i], "--first") == 0)
            first = value;
        else if (strcmp(argv[i], "--world") == 0)
            only = value;
        else if (strcmp(argv[i], "--verbose") == 0)
            w.verbose = value != 0;
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        for (size_t i = 0; i < WORLDS; i++) {
            if (only < WORLDS && i != only)
                continue;
            begin(&w, worlds[i].sites, worlds[i].name, seed);
            worlds[i].run(&w);
            looks += w.looks;
            routes += w.route_changes;
            levels += w.level_changes;
        }
    }
    printf("sim_shed: %" PRIu64 " seeds of %zu worlds: %" PRIu64 " looks, %" PRIu64
           " changes of a route, %" PRIu64 " of a level\n",
           count, WORLDS, looks, routes, levels);
    return 0;
}
