/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP. The new generation runs on trial beside the old one, which goes on serving: new serving
 * and admin processes, and the sync process started anew (only one may write the store). Once all
 * have begun, the old ones are told to stop. When any of the new ones ends before that, all of the
 * new ones go, and the sync process is started again as it was.
 *
 * One reload at a time: processes that have been told to stop still answer their clients, and those
 * of a trial have clients already. A signal that comes meanwhile is not forgotten. */
#include <signal.h>

#include "edge/supervisor_internal.h"
#include "lib/os/clock.h"

/* A reload hands over when the new serving process has a snapshot, and at the latest after this. */
#define HANDOVER_NS (10 * SECOND_NS)
/* ... if it has lived this long. */
#define HANDOVER_LIVED_NS (5 * SECOND_NS)
/* The next reload waits this long for the processes that the one before has told to stop. */
#define LEAVE_NS (10 * SECOND_NS)

bool reload_owns(struct supervisor *s, const struct child *child)
{
    if (!s->trial)
        return false;
    if (child == &s->children[ROLE_SYNC])
        return s->sync_is_next;
    return child == serve_child(s, s->half + 1) || child == admin_child(s, s->half + 1);
}

void reload_give_up(struct supervisor *s, const char *name, const char *why)
{
    s->trial = false;
    child_replace(serve_child(s, s->half + 1), false);
    child_replace(admin_child(s, s->half + 1), false);
    if (s->sync_is_next)
        child_replace(&s->children[ROLE_SYNC], true);
    s->sync_is_next = false;
    s->leave_ns = clock_monotonic_ns() + LEAVE_NS;
    generation_close(&s->next);
    counter_add(&s->shared->reloads_failed, 1);
    log_error("configuration not reloaded: with the new one %s ended: %s; the old one goes on",
              name, why);
}

static void start_trial(struct supervisor *s)
{
    unsigned half = (s->half + 1) & 1;
    s->trial = true;
    s->sync_is_next = false;
    s->handover_ns = clock_monotonic_ns() + HANDOVER_NS;
    child_clear(s, serve_child(s, half));
    child_clear(s, admin_child(s, half));
    counter_set(&s->shared->gauges[half][GAUGE_READY], 0);
    counter_set(&s->shared->admin_ready[half], 0);
    counter_set(&s->shared->sync_ready, 0);
    child_start(s, half == 0 ? ROLE_SERVE_0 : ROLE_SERVE_1);
    if (s->next.config->has_admin)
        child_start(s, half == 0 ? ROLE_ADMIN_0 : ROLE_ADMIN_1);
    child_replace(&s->children[ROLE_SYNC], true);
}

static void begin(struct supervisor *s)
{
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct edge_config *config = NULL;
    s->asked = false;
    enum err err = edge_config_load(s->path, &config, message);
    if (err != ERR_OK) {
        log_error("configuration not reloaded: %s", message[0] ? message : err_text(err));
    } else if (!generation_open(config, &s->now, &s->next)) {
        log_error("configuration not reloaded");
        edge_config_free(config);
    } else {
        start_trial(s);
        return;
    }
    counter_add(&s->shared->reloads_failed, 1);
}

static bool has_begun(struct supervisor *s)
{
    unsigned half = (s->half + 1) & 1;
    uint64_t now_ns = clock_monotonic_ns();
    const struct child *serve = serve_child(s, half);
    const struct child *admin = admin_child(s, half);
    bool late = now_ns >= s->handover_ns;
    bool lives = serve->pid != 0 && now_ns - serve->started_ns >= HANDOVER_LIVED_NS;
    bool ready = counter_get(&s->shared->gauges[half][GAUGE_READY]) != 0;
    if (serve->pid == 0 || !(ready || (lives && late)))
        return false;
    bool admin_ready = admin->pid != 0 && counter_get(&s->shared->admin_ready[half]) != 0;
    if (s->next.config->has_admin && !admin_ready && !late)
        return false;
    return (s->sync_is_next && counter_get(&s->shared->sync_ready) != 0) || late;
}

static void take(struct supervisor *s)
{
    child_replace(serve_child(s, s->half), false);
    child_replace(admin_child(s, s->half), false);
    generation_close(&s->now);
    s->now = s->next;
    s->next = GENERATION_NONE;
    s->half = (s->half + 1) & 1;
    s->trial = false;
    s->begin_ns = 0;
    s->leave_ns = clock_monotonic_ns() + LEAVE_NS;
    counter_set(&s->shared->serve_parity, s->half);
    counter_add(&s->shared->reloads, 1);
    log_info("configuration reloaded");
}

/* Whether the processes of the reload before are gone, or had time enough. */
static bool is_free(struct supervisor *s)
{
    bool gone = serve_child(s, s->half + 1)->pid == 0 && admin_child(s, s->half + 1)->pid == 0;
    return gone || clock_monotonic_ns() >= s->leave_ns;
}

void reload_step(struct supervisor *s)
{
    if (s->stopping)
        return;
    if (s->trial && has_begun(s))
        take(s);
    if (s->asked && !s->trial && is_free(s))
        begin(s);
}
