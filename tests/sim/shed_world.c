/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/shed_world.h"

#include <stdio.h>

#include "lib/random.h"

#define SECOND_NS  1e9
#define QUEUE_MAX  4096.0
#define QUEUE_RATE 2000.0 /* connections a second that a site can serve */
/* Looks between two odd ones, so that each is a single one. */
#define ODD_APART 6

uint32_t shed_below(struct shed_world *w, uint32_t bound)
{
    return (uint32_t)((random_next(&w->random) >> 32) * bound >> 32);
}

double shed_between(struct shed_world *w, double low, double high)
{
    return low + (high - low) * shed_below(w, 1000001) / 1000000.0;
}

static uint64_t pick(struct shed_world *w, uint64_t low, uint64_t high)
{
    return low + shed_below(w, (uint32_t)(high - low + 1));
}

static struct controller_config make_config(struct shed_world *w)
{
    struct controller_config c = {
#define X(name, fallback, min, max, text) .name = fallback,
        CONTROLLER_NUMBER_TABLE(X)
#undef X
    };
    c.sites = 2;
    if (shed_chance(w, 3))
        return c;
    c.poll_ms = pick(w, 100, 1000);
    c.load_high_permille = pick(w, 750, 950);
    c.load_low_permille = c.load_high_permille - pick(w, 150, 300);
    c.shed_step_permille = pick(w, 20, 120);
    c.shed_max_permille = pick(w, 500, 950);
    c.hold_s = pick(w, 2, 15);
    c.fail_polls = pick(w, 2, 6);
    c.deprefer_after_s = pick(w, 5, 60);
    c.withdraw_after_s = shed_chance(w, 2) ? pick(w, 10, 100) : 0;
    c.stale_withdraw_s = shed_chance(w, 2) ? pick(w, 900, 5000) : 0;
    c.recover_s = pick(w, 3, 30);
    c.recover_max_s = c.recover_s * pick(w, 1, 40);
    c.flap_window_s = pick(w, 60, 900);
    return c;
}

void shed_site_restart(struct shed_world *w, struct shed_site *s)
{
    controller_start(&s->controller, &s->config, s->decision.shed_permille);
    shed_check_start(&s->check, w->name, w->seed);
}

void shed_world_start(struct shed_world *w, const char *name, uint64_t seed, unsigned site_count)
{
    *w = (struct shed_world){.seed = seed,
                             .random = seed,
                             .name = name,
                             .now_ns = 1 + seed % 1000,
                             .site_count = site_count,
                             .verbose = w->verbose};
    w->begin_ns = w->now_ns;
    w->route_delay_ns = (uint64_t)(shed_between(w, 0.05, 3) * SECOND_NS);
    for (unsigned i = 0; i < site_count; i++) {
        struct shed_site *s = &w->sites[i];
        s->config = make_config(w);
        if (i > 0)
            s->config = w->sites[0].config;
        s->soft = shed_between(w, 0.05, 0.4);
        s->hard = shed_between(w, 0, 0.1);
        s->lag_s = shed_between(w, 0.01, (double)s->config.hold_s / 5);
        s->noise = shed_between(w, 0, 0.02);
        s->news_s = shed_below(w, 60);
        shed_site_restart(w, s);
    }
}

/* --- demand --- */

/* Whether the site has the traffic of others that are worse. */
static enum route_action best_route(const struct shed_world *w)
{
    enum route_action best = ROUTE_WITHDRAW;
    for (unsigned i = 0; i < w->site_count; i++)
        best = w->sites[i].seen < best ? w->sites[i].seen : best;
    return best;
}

/* The share of `from`'s catchment that comes to `to`. */
static double share(const struct shed_world *w, const struct shed_site *from,
                    const struct shed_site *to)
{
    enum route_action best = best_route(w);
    unsigned count = 0;
    if (w->site_count == 1)
        return to->seen == ROUTE_ANNOUNCE ? 1 : to->seen == ROUTE_DEPREFER ? to->stays : 0;
    if (best == ROUTE_WITHDRAW || to->seen != best)
        return 0;
    if (from->seen == best)
        return from == to;
    for (unsigned i = 0; i < w->site_count; i++)
        count += w->sites[i].seen == best;
    return 1.0 / count;
}

static void move_load(struct shed_world *w, struct shed_site *s, double dt_s)
{
    double soft = 0, hard = 0;
    for (unsigned i = 0; i < w->site_count; i++) {
        soft += w->sites[i].soft * share(w, &w->sites[i], s);
        hard += w->sites[i].hard * share(w, &w->sites[i], s);
    }
    double offered = soft * (1 - s->decision.shed_permille / 1000.0) + hard;
    double served = s->edge == SHED_EDGE_RUNS ? 1 : 0;
    s->load += (offered * served - s->load) * dt_s / (dt_s + s->lag_s);
    s->queue += (served > 0 ? s->load - 1 : offered) * QUEUE_RATE * dt_s;
    s->queue = s->queue < 0 || s->edge == SHED_EDGE_GONE ? 0
               : s->queue > QUEUE_MAX                    ? QUEUE_MAX
                                                         : s->queue;
}

static void move_route(struct shed_world *w, struct shed_site *s)
{
    enum route_action wanted = s->decision.route;
    if (!s->decision.route_known || wanted == s->seen)
        s->seen_due_ns = 0;
    else if (s->seen_due_ns == 0)
        s->seen_due_ns = w->now_ns + w->route_delay_ns;
    if (s->seen_due_ns != 0 && w->now_ns >= s->seen_due_ns) {
        s->seen = wanted;
        s->seen_due_ns = 0;
    }
}

/* --- a look --- */

static bool odd(struct shed_world *w, struct shed_site *s, uint32_t one_in)
{
    if (s->looks_since_odd < ODD_APART || !shed_chance(w, one_in))
        return false;
    s->looks_since_odd = 0;
    return true;
}

static uint32_t permille_of(double x)
{
    return x <= 0 ? 0 : x >= 1 ? 1000 : (uint32_t)(x * 1000);
}

/* Overload begins before nobody has time for the admin page: a queue, or a look that showed it. */
static bool is_starved(const struct shed_site *s)
{
    bool shown = s->measurement.load_known && s->measurement.load_permille > 950;
    bool was_late = !s->measurement.answered && s->looks_late > 0;
    return s->starves && s->load > 1.02 &&
           (s->queue > (double)s->config.queue_high || shown || was_late);
}

static struct measurement measure(struct shed_world *w, struct shed_site *s)
{
    struct measurement m = {.queue_known = true, .queue = (uint32_t)s->queue};
    s->looks_since_odd++;
    bool late = is_starved(s) && !shed_chance(w, 8);
    s->looks_late = late ? s->looks_late + 1 : 0;
    m.gone = s->edge == SHED_EDGE_GONE;
    m.answered = s->edge == SHED_EDGE_RUNS && !late && !odd(w, s, s->lost_one_in);
    if (!m.answered)
        return m;
    m.ready = !s->filling;
    m.healthy = !s->unhealthy;
    m.news_age_s = m.news_age_min_s = s->news_s;
    m.load_known = !s->load_hidden;
    m.load_permille = permille_of(s->load * shed_between(w, 1 - s->noise, 1 + s->noise));
    if (odd(w, s, s->spike_one_in))
        m.load_permille = 1000;
    return m;
}

static void tell(const struct shed_world *w, const struct shed_site *s)
{
    printf("%9.1f site %d: load %.2f queue %4.0f answered %d level %4u %s %s\n",
           (double)(w->now_ns - w->begin_ns) / SECOND_NS, (int)(s - w->sites), s->load, s->queue,
           s->measurement.answered, s->decision.shed_permille,
           route_action_label(s->decision.route), controller_reason_label(s->decision.reason));
}

static void look(struct shed_world *w, struct shed_site *s)
{
    struct decision before = s->decision;
    s->measurement = measure(w, s);
    s->decision = controller_step(&s->controller, &s->measurement, &s->word, w->now_ns);
    shed_check_look(&s->check, &s->config, &s->measurement, &s->word, &s->decision, w->now_ns);
    w->looks++;
    w->route_changes += before.route != s->decision.route;
    w->level_changes += before.shed_permille != s->decision.shed_permille;
    if (w->verbose && s->decision.changed)
        tell(w, s);
}

void shed_world_step(struct shed_world *w)
{
    /* A timer is not exact. */
    double dt_s = (double)w->sites[0].config.poll_ms / 1000 * shed_between(w, 0.9, 1.1);
    w->now_ns += (uint64_t)(dt_s * SECOND_NS);
    for (unsigned i = 0; i < w->site_count; i++)
        move_route(w, &w->sites[i]);
    for (unsigned i = 0; i < w->site_count; i++)
        move_load(w, &w->sites[i], dt_s);
    for (unsigned i = 0; i < w->site_count; i++)
        look(w, &w->sites[i]);
}

void shed_world_run(struct shed_world *w, double seconds)
{
    uint64_t end_ns = w->now_ns + (uint64_t)(seconds * SECOND_NS);
    while (w->now_ns < end_ns)
        shed_world_step(w);
}

static bool all_at(const struct shed_world *w, enum route_action route)
{
    for (unsigned i = 0; i < w->site_count; i++) {
        if (!w->sites[i].decision.route_known || w->sites[i].decision.route != route)
            return false;
    }
    return true;
}

void shed_world_until(struct shed_world *w, enum route_action route, double seconds)
{
    uint64_t end_ns = w->now_ns + (uint64_t)(seconds * SECOND_NS);
    while (!all_at(w, route)) {
        SHED_CHECK(&w->sites[0].check, w->now_ns <= end_ns); /* in time */
        shed_world_step(w);
    }
}

void shed_world_until_level(struct shed_world *w, bool at_least, uint32_t permille, double seconds)
{
    const struct decision *d = &w->sites[0].decision;
    uint64_t end_ns = w->now_ns + (uint64_t)(seconds * SECOND_NS);
    while (at_least ? d->shed_permille < permille : d->shed_permille > permille) {
        SHED_CHECK(&w->sites[0].check, w->now_ns <= end_ns); /* in time */
        shed_world_step(w);
    }
}

double shed_looks_s(const struct shed_site *s, double looks)
{
    return looks * 1.1 * (double)s->config.poll_ms / 1000;
}

double shed_steps(const struct shed_site *s)
{
    uint64_t step = s->config.shed_step_permille;
    return (double)((s->config.shed_max_permille + step - 1) / step);
}
