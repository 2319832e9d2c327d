/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/pages.h"
#include "edge/serve.h"
#include "edge/supervisor_internal.h"
#include "edge/sync.h"
#include "edge/worker_time.h"
#include "lib/os/clock.h"
#include "lib/os/lock.h"

/* Beyond the drain time: then children are killed. */
#define STOP_GRACE_NS (10 * SECOND_NS)

static int admin_run(const struct generation *g, struct edge_shared *shared, unsigned half)
{
    struct pages pages = {.config = g->config, .shared = shared, .now_s = clock_wall_s};
    struct admin *admin = NULL;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    enum err err = admin_start_on(g->admin, pages_table(), &pages, &admin);
    if (err != ERR_OK) {
        log_error("admin: %s", err == ERR_IO ? strerror(errno) : err_text(err));
        return 1;
    }
    counter_set(&shared->admin_ready[half], 1);
    int signal_no = 0;
    while (sigwait(&stop, &signal_no) != 0) {
    }
    admin_stop(admin);
    return 0;
}

static bool is_serve(enum role role)
{
    return role == ROLE_SERVE_0 || role == ROLE_SERVE_1;
}

static unsigned half_of(enum role role)
{
    return role == ROLE_SERVE_1 || role == ROLE_ADMIN_1;
}

static bool is_of_next(const struct supervisor *s, enum role role)
{
    return s->trial && (role == ROLE_SYNC || half_of(role) != s->half);
}

/* The child's part; does not return. */
_Noreturn static void child_run(struct supervisor *s, enum role role)
{
    int status = 1;
    struct generation *g = is_of_next(s, role) ? &s->next : &s->now;
    struct generation *other = g == &s->next ? &s->now : &s->next;
    close(s->signals);
    generation_close_sockets(other);
    lock_drop(other->lock); /* its folder may be given up while this child lives on */
    if (role == ROLE_SYNC) {
        generation_close_sockets(g);
        status = sync_run(g->config, s->shared);
    } else if (is_serve(role)) {
        if (g->admin >= 0)
            close(g->admin);
        status = serve_run(g->config, &g->listeners, s->shared, half_of(role));
    } else {
        listener_set_done(&g->listeners);
        status = admin_run(g, s->shared, half_of(role));
    }
    edge_config_free(s->now.config);
    edge_config_free(s->next.config);
    exit(status);
}

void child_start(struct supervisor *s, enum role role)
{
    struct child *child = &s->children[role];
    pid_t pid = child_fork(child, clock_monotonic_ns());
    if (pid == 0)
        child_run(s, role);
    if (pid < 0) {
        log_error("fork: %s", strerror(errno));
        child_died(child, clock_monotonic_ns());
        return;
    }
    if (role == ROLE_SYNC) {
        s->sync_is_next = s->trial;
        counter_add(&s->shared->sync_starts, 1);
    } else if (is_serve(role)) {
        counter_add(&s->shared->serve_starts, 1);
    }
}

static void publish_liveness(struct supervisor *s)
{
    /* One that is being replaced is as good as there. */
    const struct child *sync = &s->children[ROLE_SYNC];
    counter_set(&s->shared->sync_alive, sync->pid != 0 || sync->start_again_ns == 0);
    counter_set(&s->shared->serve_alive, serve_child(s, s->half)->pid != 0);
    uint64_t serving = serve_child(s, 0)->pid != 0;
    serving += serve_child(s, 1)->pid != 0;
    counter_set(&s->shared->serve_processes, serving);
}

void start_due(struct supervisor *s)
{
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < ROLE_COUNT && !s->stopping; i++) {
        if (child_due(&s->children[i], now_ns))
            child_start(s, (enum role)i);
    }
    publish_liveness(s);
}

void stop_all(struct supervisor *s)
{
    s->stopping = true;
    s->kill_ns = clock_monotonic_ns() + s->now.config->drain_timeout_s * SECOND_NS + STOP_GRACE_NS;
    /* While the last answers are sent, newcomers are refused rather than left waiting. */
    generation_close_sockets(&s->now);
    generation_close_sockets(&s->next);
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        child_signal(&s->children[i], SIGTERM);
}

static const char *how_it_ended(int status, char text[static 64])
{
    if (WIFSIGNALED(status))
        (void)snprintf(text, 64, "killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(text, 64, "exit %d", WEXITSTATUS(status));
    return text;
}

/* Connections that a serving process had when it ended are gone, whatever its gauges say. */
static void forget_open(struct supervisor *s, const struct child *child)
{
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; child == serve_child(s, half) && i < EDGE_WORKERS_MAX; i++)
            counter_set(&s->shared->workers[half][i].values[SERVE_OPEN], 0);
        if (child == serve_child(s, half))
            worker_time_forget(s->shared, half);
    }
}

void child_clear(struct supervisor *s, struct child *child)
{
    if (child->pid != 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        forget_open(s, child);
    }
    *child = (struct child){.name = child->name, .start_again_ns = UINT64_MAX};
}

/* It was told to, or all stops. */
static void ended_as_asked(struct supervisor *s, struct child *child, int status)
{
    child->pid = 0;
    child->told = false;
    /* By SIGTERM itself: told so before it could wait for it. */
    bool well = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGTERM;
    if (s->stopping && !well)
        s->status = 1;
}

static void child_ended(struct supervisor *s, struct child *child, int status)
{
    char how[64];
    forget_open(s, child);
    if (s->stopping || child->told) {
        ended_as_asked(s, child, status);
        return;
    }
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s ended: %s", child->name,
              how_it_ended(status, how));
    if (reload_owns(s, child)) {
        child->pid = 0;
        reload_give_up(s, child->name, how);
        return;
    }
    uint64_t now_ns = clock_monotonic_ns();
    child_died(child, now_ns);
    /* One that cannot even begin (an address in use, a kernel without io_uring) has said why. */
    bool beginning = s->begin_ns != 0 && now_ns - s->begin_ns < BEGIN_NS;
    if (beginning && WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        s->status = 1;
        stop_all(s);
    }
}

void reap(struct supervisor *s)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < ROLE_COUNT; i++) {
            if (s->children[i].pid == pid) {
                child_ended(s, &s->children[i], status);
                break;
            }
        }
    }
    publish_liveness(s);
}
