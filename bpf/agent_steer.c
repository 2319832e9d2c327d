/* SPDX-License-Identifier: Apache-2.0 */
/* From looks at the edges to the level and the route. */
#include <inttypes.h>
#include <stdio.h>

#include "bpf/agent_internal.h"
#include "lib/metrics.h"

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u

static void count(struct agent *a, enum shed_value value)
{
    a->view.values[value]++;
}

/* --- looking --- */

struct controller_config agent_controller(const struct shed_config *config)
{
    struct controller_config numbers = config->controller;
    if (config->edge_count == 0)
        numbers.shed_max_permille = 0;
    return numbers;
}

/* Where no edges are configured nothing says that the site is not well. */
static const struct measurement nothing_known = {.answered = true, .ready = true, .healthy = true};

void agent_look(struct agent *a, uint64_t now_ns)
{
    a->look_ns = now_ns + a->config->controller.poll_ms * NS_PER_MS;
    if (a->poll == NULL) {
        agent_steer(a, &nothing_known, now_ns);
        return;
    }
    /* It tells nothing of the edges, so the controller is told nothing: a gap. The level must not
     * run out meanwhile. */
    if (edge_poll_begin(a->poll) != ERR_OK) {
        log_warning("cannot look at the edges: out of descriptors or memory");
        agent_level(a, now_ns);
    }
}

static void ask_queue(struct agent *a, struct measurement *m)
{
    struct listen_queue_state state;
    if (a->queue == NULL || listen_queue_read(a->queue, a->config->service_addresses,
                                              a->config->service_count, &state) != ERR_OK)
        return;
    /* The services may run in another place than the agent: then nobody listens here. */
    m->queue_known = state.listeners > 0;
    m->queue = state.waiting;
}

static void show_look(struct agent *a, const struct measurement *m)
{
    uint64_t *v = a->view.values;
    count(a, SHED_LOOKS);
    if (!m->answered)
        count(a, SHED_LOOKS_UNANSWERED);
    v[SHED_EDGE_ANSWERED] = m->answered;
    v[SHED_EDGE_READY] = m->answered && m->ready;
    v[SHED_EDGE_HEALTHY] = m->answered && m->healthy;
    v[SHED_EDGE_LOAD] = m->load_known ? m->load_permille : 0;
    v[SHED_EDGE_NEWS_AGE] = m->answered && m->news_age_s != UINT64_MAX ? m->news_age_s : 0;
    v[SHED_EDGE_LATENCY] = m->latency_known ? m->latency_ms : 0;
    v[SHED_QUEUE] = m->queue_known ? m->queue : 0;
}

/* --- the level --- */

void agent_level(struct agent *a, uint64_t now_ns)
{
    uint64_t life_ns = AGENT_LEVEL_LOOKS * a->config->controller.poll_ms * NS_PER_MS;
    if (life_ns < AGENT_LEVEL_MIN_S * (uint64_t)NS_PER_S)
        life_ns = AGENT_LEVEL_MIN_S * (uint64_t)NS_PER_S;
    for (unsigned i = 0; i < a->guards.count; i++)
        shed_filter_level(a->guards.guards[i].filter, a->decision.shed_permille, now_ns + life_ns);
}

/* Somebody takes it off, or the interface goes. A new one under its name waits for a reload. */
static void look_at_filters(struct agent *a)
{
    const struct guard *lost = guards_lost(&a->guards);
    if (lost != NULL && !a->filter_lost)
        log_error("%s: the filter is not attached any more; SIGHUP attaches it again",
                  lost->interface);
    a->filter_lost = lost != NULL;
}

/* --- the route --- */

static void ask_daemon(struct agent *a, uint64_t now_ns)
{
    struct route_state *r = &a->route;
    char why[ROUTE_MESSAGE_BYTES] = "";
    enum err err = route_set(r->driver, r->action, why);
    bool was_done = r->done;
    r->done = err == ERR_OK;
    r->next_ns =
        now_ns + (r->done ? AGENT_ROUTE_CHECK_S : AGENT_ROUTE_AGAIN_S) * (uint64_t)NS_PER_S;
    if (r->done) {
        if (!was_done)
            log_info("route: %s is in force", route_action_label(r->action));
        r->trouble[0] = '\0';
        return;
    }
    count(a, SHED_ROUTE_FAILURES);
    if (why[0] == '\0')
        snprintf(why, sizeof why, "%s", err_text(err));
    if (r->trouble[0] == '\0')
        log_error("route: %s failed, will be tried again: %s", route_action_label(r->action), why);
    snprintf(r->trouble, sizeof r->trouble, "%s", why);
}

void agent_route(struct agent *a, uint64_t now_ns)
{
    struct route_state *r = &a->route;
    if (r->driver == NULL)
        return;
    if (route_watch(r->driver) == ERR_STOPPED) {
        log_info("route: the daemon that runs this agent has ended");
        a->stops = true;
        return;
    }
    if (!a->decision.route_known)
        return;
    if (!r->told || r->action != a->decision.route) {
        r->told = true;
        r->done = false;
        r->action = a->decision.route;
        r->next_ns = now_ns;
    }
    if (now_ns >= r->next_ns)
        ask_daemon(a, now_ns);
}

/* --- all of it --- */

static void tell_change(struct agent *a, const struct decision *before)
{
    const struct decision *d = &a->decision;
    if (d->shed_permille != before->shed_permille) {
        count(a, SHED_LEVEL_CHANGES);
        log_info("level: %" PRIu32 " per mille of new connections are shed", d->shed_permille);
    }
    if (d->route_known && (d->route != before->route || !before->route_known))
        count(a, SHED_ROUTE_CHANGES);
    if (d->route != before->route || d->reason != before->reason)
        log_info("route: %s: %s", route_action_label(d->route), controller_reason_text(d->reason));
}

void agent_steer(struct agent *a, const struct measurement *look, uint64_t now_ns)
{
    struct measurement m = *look;
    struct decision before = a->decision;
    ask_queue(a, &m);
    show_look(a, &m);
    a->decision = controller_step(&a->controller, &m, &a->override, now_ns);
    if (a->decision.changed)
        tell_change(a, &before);
    agent_level(a, now_ns);
    look_at_filters(a);
    agent_route(a, now_ns);
    agent_rules_expire(a, now_ns);
    agent_view(a, now_ns);
}
