/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/shed_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

void shed_check_start(struct shed_check *k, const char *world, uint64_t seed)
{
    *k = (struct shed_check){.world = world, .seed = seed};
}

void shed_check_failed(const struct shed_check *k, const char *what, int line)
{
    fprintf(stderr,
            "sim_shed: seed %" PRIu64 " (%s), look %" PRIu64 ": %s (line %d); level %u, route %s, "
            "reason %s\n",
            k->seed, k->world, k->looks, what, line, k->last.shed_permille,
            route_action_label(k->last.route), controller_reason_label(k->last.reason));
    abort();
}

static bool lasted(uint64_t since_ns, uint64_t now_ns, uint64_t wanted_s)
{
    return since_ns != 0 && now_ns - since_ns >= wanted_s * SECOND_NS;
}

static void sum(uint32_t *s, bool bad, uint64_t most)
{
    if (bad)
        *s += *s < most;
    else if (*s > 0)
        (*s)--;
}

static bool measured_high(const struct controller_config *c, const struct measurement *m)
{
    return (m->answered && m->load_known && m->load_permille > c->load_high_permille) ||
           (m->queue_known && m->queue > c->queue_high) ||
           (m->latency_known && m->latency_ms > c->latency_high_ms);
}

/* Whether a lost look may count as death: not while the site was overloaded and the route is as it
 * was, since then shedding comes first. */
static bool may_be_death(const struct shed_check *k, const struct controller_config *c,
                         const struct measurement *m)
{
    bool tried = k->last_level_word || k->last.route != ROUTE_ANNOUNCE || k->last_route_word ||
                 !k->last.route_known;
    bool hot = k->hot || (m->queue_known && m->queue > c->queue_high);
    return !m->answered && (m->gone || !hot || tried);
}

static void follow_looks(struct shed_check *k, const struct controller_config *c,
                         const struct measurement *m, uint64_t now_ns)
{
    struct shed_sums *s = &k->sums;
    bool high = measured_high(c, m);
    if (m->answered || may_be_death(k, c, m))
        sum(&s->dead, !m->answered, c->fail_polls);
    sum(&s->overload, high || !m->answered, CONTROLLER_OVERLOAD_LOOKS);
    if (m->answered) {
        sum(&s->not_ready, !m->ready, c->fail_polls);
        sum(&s->unhealthy, !m->healthy, c->fail_polls);
        sum(&s->stale, m->news_age_s > c->stale_deprefer_s, c->fail_polls);
        sum(&s->stale_long, c->stale_withdraw_s > 0 && m->news_age_min_s > c->stale_withdraw_s,
            c->fail_polls);
        k->hot = high;
    }
    if (high)
        k->last_high_ns = now_ns;
    if (s->not_ready >= 2 || s->unhealthy >= 2 || s->stale >= 2 || s->stale_long >= 2 ||
        s->dead >= 2)
        k->two_bad_ns = now_ns;
}

static void check_level(struct shed_check *k, const struct controller_config *c,
                        const struct controller_override *word, const struct decision *d,
                        uint64_t now_ns)
{
    bool is_word = word->shed_set && now_ns < word->shed_until_ns;
    if (is_word) {
        SHED_CHECK(k, d->shed_permille == word->shed_permille);
        return;
    }
    SHED_CHECK(k, d->shed_permille <= c->shed_max_permille);
    if (!k->has_last || k->last_level_word)
        return;
    if (d->shed_permille > k->last.shed_permille) {
        SHED_CHECK(k, d->shed_permille - k->last.shed_permille <= c->shed_step_permille);
        SHED_CHECK(k, k->sums.overload >= CONTROLLER_OVERLOAD_LOOKS);
    } else if (d->shed_permille < k->last.shed_permille) {
        SHED_CHECK(k, k->last.shed_permille - d->shed_permille <=
                          CONTROLLER_SHRINK_STEPS * c->shed_step_permille);
        SHED_CHECK(k, k->last_down_ns == 0 || lasted(k->last_down_ns, now_ns, c->hold_s));
        SHED_CHECK(k, k->last_high_ns == 0 || lasted(k->last_high_ns, now_ns, c->hold_s));
        k->last_down_ns = now_ns;
    }
}

static void check_worse(struct shed_check *k, const struct controller_config *c,
                        const struct decision *d, uint64_t now_ns)
{
    const struct shed_sums *s = &k->sums;
    uint64_t enough = c->fail_polls;
    bool cannot = s->dead >= enough || s->not_ready >= enough || s->stale_long >= enough;
    bool poor = s->stale >= enough || s->unhealthy >= enough;
    /* Shed at the most, for long enough, and overloaded still. */
    bool load = lasted(k->at_most_ns, now_ns, c->deprefer_after_s) && s->overload > 0;
    if (d->route == ROUTE_DEPREFER) {
        SHED_CHECK(k, cannot || poor || load);
        SHED_CHECK(k, d->reason != CONTROLLER_OVERLOADED || load);
    } else if (!cannot) {
        SHED_CHECK(k, load && c->withdraw_after_s > 0);
        /* One after the other; where an operator's word hid the own route, nobody can tell. */
        bool hidden =
            k->route_word_ns != 0 && !lasted(k->route_word_ns, now_ns, c->withdraw_after_s + 1);
        SHED_CHECK(k, hidden || k->last.route == ROUTE_DEPREFER);
        SHED_CHECK(k, hidden || lasted(k->deprefered_ns, now_ns, c->withdraw_after_s));
    }
}

static void check_better(struct shed_check *k, const struct controller_config *c,
                         const struct measurement *m, const struct controller_override *word,
                         const struct decision *d, uint64_t now_ns)
{
    bool level_word = word->shed_set && now_ns < word->shed_until_ns;
    SHED_CHECK(k, k->last.route - d->route == 1 || c->sites <= c->min_sites);
    SHED_CHECK(k, m->answered);
    /* Who still sheds for its load asks for no more of it; an operator's level is no sign of load.
     */
    SHED_CHECK(k, !k->for_load || k->last_level_word || level_word || d->shed_permille == 0);
    SHED_CHECK(k, k->own_change_ns == 0 || lasted(k->own_change_ns, now_ns, c->recover_s));
    SHED_CHECK(k, k->two_bad_ns == 0 || lasted(k->two_bad_ns, now_ns, c->recover_s));
}

/* Steps of the route that doubling stretches leave room for within one window. */
static uint64_t changes_max(const struct controller_config *c)
{
    uint64_t count = 4, stretch_s = c->recover_s;
    for (uint64_t s = 0; s < c->flap_window_s; s += 2 * stretch_s) {
        if (s > 0)
            stretch_s = stretch_s * 2 < c->recover_max_s ? stretch_s * 2 : c->recover_max_s;
        count += 4;
    }
    return count;
}

static void note_change(struct shed_check *k, const struct controller_config *c, uint64_t now_ns)
{
    uint64_t most = changes_max(c);
    k->own_change_ns = now_ns;
    k->changes[k->change_count++ % SHED_CHECK_CHANGES] = now_ns;
    SHED_CHECK(k, most < SHED_CHECK_CHANGES);
    if (k->change_count > most) {
        uint64_t then_ns = k->changes[(k->change_count - 1 - most) % SHED_CHECK_CHANGES];
        SHED_CHECK(k, lasted(then_ns, now_ns, c->flap_window_s));
    }
}

static void check_route(struct shed_check *k, const struct controller_config *c,
                        const struct measurement *m, const struct controller_override *word,
                        const struct decision *d, uint64_t now_ns)
{
    bool is_word = word->route_set && now_ns < word->route_until_ns;
    if (is_word) {
        SHED_CHECK(k, d->route_known && d->route == word->route);
        SHED_CHECK(k, d->reason == CONTROLLER_OPERATOR);
        k->route_word_ns = now_ns;
        k->for_load = false; /* nobody sees the own one any more */
        return;
    }
    SHED_CHECK(k, d->reason != CONTROLLER_OPERATOR);
    SHED_CHECK(k, d->route != ROUTE_WITHDRAW || !d->route_known || c->sites >= 1 + c->min_sites);
    if (!k->has_last || k->last_route_word || !d->route_known || !k->last.route_known)
        return;
    if (d->route > k->last.route) {
        check_worse(k, c, d, now_ns);
        k->for_load = d->reason == CONTROLLER_OVERLOADED;
    } else if (d->route < k->last.route) {
        check_better(k, c, m, word, d, now_ns);
    }
    if (d->route != k->last.route)
        note_change(k, c, now_ns);
}

void shed_check_look(struct shed_check *k, const struct controller_config *config,
                     const struct measurement *m, const struct controller_override *word,
                     const struct decision *d, uint64_t now_ns)
{
    bool level_word = word->shed_set && now_ns < word->shed_until_ns;
    k->looks++;
    follow_looks(k, config, m, now_ns);
    check_level(k, config, word, d, now_ns);
    /* The level of the look before: growth to the most is not shedding at the most yet. */
    check_route(k, config, m, word, d, now_ns);
    bool same = k->has_last && d->shed_permille == k->last.shed_permille &&
                d->route == k->last.route && d->route_known == k->last.route_known &&
                d->reason == k->last.reason;
    SHED_CHECK(k, !k->has_last || d->changed == !same);
    if (level_word || d->shed_permille < config->shed_max_permille)
        k->at_most_ns = 0;
    else if (k->at_most_ns == 0)
        k->at_most_ns = now_ns;
    if (!d->route_known || d->route == ROUTE_ANNOUNCE)
        k->deprefered_ns = 0;
    else if (k->deprefered_ns == 0)
        k->deprefered_ns = now_ns;
    k->last = *d;
    k->last_ns = now_ns;
    k->last_level_word = level_word;
    k->last_route_word = word->route_set && now_ns < word->route_until_ns;
    k->has_last = true;
}
