/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bpf/agent_internal.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define NS_PER_MS 1000000u

/* --- the loop --- */

enum { WAIT_SIGNALS, WAIT_CONTROL, WAIT_POLL, WAIT_EVENTS };

static void on_signals(struct agent *a, uint64_t now_ns)
{
    struct signalfd_siginfo info;
    while (read(a->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            agent_reload(a, now_ns);
        else
            a->stops = true;
    }
}

struct reader {
    struct agent *agent;
    uint64_t now_ns;
};

static void on_event(void *context, const struct filter_event *event)
{
    const struct reader *r = context;
    agent_top_add(r->agent, event, r->now_ns);
}

static void on_events(struct agent *a, const struct guard *guard, uint64_t now_ns)
{
    struct reader r = {a, now_ns};
    if (shed_filter_events(guard->filter, on_event, &r) != ERR_OK)
        a->view.values[SHED_FILTER_FAILURES]++;
}

static int wait_ms(const struct agent *a, uint64_t now_ns)
{
    return a->look_ns <= now_ns ? 0 : (int)((a->look_ns - now_ns) / NS_PER_MS) + 1;
}

/* Control comes last of what is waited for: it may change what the others are. */
static void turn(struct agent *a)
{
    struct pollfd fds[WAIT_EVENTS + SHED_INTERFACES_MAX] = {
        [WAIT_SIGNALS] = {.fd = a->signals, .events = POLLIN},
        [WAIT_CONTROL] = {.fd = control_fd(a->control), .events = POLLIN},
        [WAIT_POLL] = {.fd = a->poll != NULL ? edge_poll_fd(a->poll) : -1, .events = POLLIN},
    };
    for (unsigned i = 0; i < a->guards.count; i++)
        fds[WAIT_EVENTS + i] = (struct pollfd){
            .fd = shed_filter_events_fd(a->guards.guards[i].filter), .events = POLLIN};
    int count = poll(fds, WAIT_EVENTS + a->guards.count, wait_ms(a, clock_monotonic_ns()));
    CHECK(count >= 0 || errno == EINTR || errno == ENOMEM);
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; count > 0 && i < a->guards.count; i++)
        if (fds[WAIT_EVENTS + i].revents != 0)
            on_events(a, &a->guards.guards[i], now_ns);
    if (count > 0 && fds[WAIT_POLL].revents != 0 && edge_poll_step(a->poll)) {
        struct measurement m;
        edge_poll_measurement(a->poll, &m);
        agent_steer(a, &m, now_ns);
    }
    if (now_ns >= a->look_ns)
        agent_look(a, now_ns);
    control_run(a->control, clock_monotonic_ns());
    if (count > 0 && fds[WAIT_SIGNALS].revents != 0)
        on_signals(a, clock_monotonic_ns());
}

/* --- start and stop --- */

/* Whoever reads standard error, or ExaBGP at our standard output, may go away. */
static enum err catch_signals(struct agent *a)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
    a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return a->signals < 0 ? ERR_IO : ERR_OK;
}

enum err agent_poll_new(const struct shed_config *c, struct edge_poll **ret)
{
    if (c->edge_count == 0)
        return ERR_OK;
    const struct edge_poll_config config = {
        .edges = c->edges,
        .edge_count = c->edge_count,
        .probes = c->probes,
        .probe_count = c->probe_count,
        /* Over before the next look begins, which would give it up without a word. */
        .deadline_ms = c->controller.poll_ms * 4 / 5,
    };
    return edge_poll_new(&config, ret);
}

static enum err start_policy(struct agent *a, char message[static AGENT_MESSAGE_BYTES])
{
    struct shed_policy policy;
    TRY(agent_policy_make(a, a->config, &policy));
    enum err err = guards_policy(&a->guards, &policy, NULL, message);
    agent_policy_free(&policy);
    return err;
}

static enum err start_metrics(struct agent *a, char message[static AGENT_MESSAGE_BYTES])
{
    const struct shed_config *c = a->config;
    enum err err = shed_metrics_start(c->has_admin ? &c->admin : NULL, &a->metrics);
    if (err == ERR_IO)
        snprintf(message, AGENT_MESSAGE_BYTES, "admin: %s", strerror(errno));
    return err;
}

/* Under a flood a restart goes on with the level of the agent before. */
static void start_controller(struct agent *a, uint64_t now_ns)
{
    const struct controller_config numbers = agent_controller(a->config);
    a->decision.shed_permille = guards_level(&a->guards, now_ns);
    controller_start(&a->controller, &numbers, a->decision.shed_permille);
    a->look_ns = now_ns;
}

/* What serves operators comes first: a second agent is refused before it touches anything. */
static enum err start(struct agent *a, char message[static CONFIG_MESSAGE_BYTES])
{
    const struct guards none = {0};
    TRY(catch_signals(a));
    TRY(agent_host_check(a->config, message));
    TRY(control_open(a->config->control_socket, agent_answer, a, &a->control, message));
    TRY(start_metrics(a, message));
    agent_words_recall(a, clock_monotonic_ns());
    TRY(agent_route_new(a->config, &a->route.driver, message));
    TRY(agent_poll_new(a->config, &a->poll));
    if (listen_queue_open(&a->queue) != ERR_OK)
        log_warning("the kernel does not tell how many connections wait: %s", strerror(errno));
    TRY(guards_open(a->config, &none, &a->guards, message));
    TRY(start_policy(a, message));
    start_controller(a, clock_monotonic_ns());
    return ERR_OK;
}

static void stop(struct agent *a)
{
    a->control = control_close(a->control);
    a->metrics = shed_metrics_stop(a->metrics);
    guards_close(&a->guards);
    edge_poll_free(a->poll);
    listen_queue_close(a->queue);
    route_free(a->route.driver);
    free(a->said);
    free(a->top);
    if (a->signals >= 0)
        close(a->signals);
    shed_config_free(a->config);
}

int agent_run(const char *path, struct shed_config *config)
{
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct agent *a = calloc(1, sizeof *a);
    if (a == NULL) {
        shed_config_free(config);
        return 1;
    }
    a->path = path;
    a->config = config;
    a->signals = -1;
    a->said = calloc(1, sizeof *a->said);
    a->top = calloc(1, sizeof *a->top);
    enum err err = a->said != NULL && a->top != NULL ? start(a, message) : ERR_MEMORY;
    if (err != ERR_OK)
        log_error("%s", message[0] != '\0' ? message : err_text(err));
    else
        log_info("at work on %u interface(s), %u service(s)%s", a->guards.count,
                 config->service_count, config->filter.observe ? ", only observing" : "");
    while (err == ERR_OK && !a->stops)
        turn(a);
    if (err == ERR_OK)
        log_info("ends; the filter stays attached");
    stop(a);
    free(a);
    return err == ERR_OK ? 0 : 1;
}

int agent_detach(const struct shed_config *config)
{
    int status = 0;
    for (unsigned i = 0; i < config->interface_count; i++) {
        char message[AGENT_MESSAGE_BYTES] = "";
        enum err err = shed_filter_remove(config->interfaces[i], config->pin_folder, message);
        if (err == ERR_OK) {
            log_info("%s: detached", config->interfaces[i]);
        } else if (err == ERR_NOT_FOUND) {
            log_info("%s: nothing is attached", config->interfaces[i]);
        } else {
            log_error("%s: not detached: %s", config->interfaces[i],
                      message[0] != '\0' ? message : err_text(err));
            status = 1;
        }
    }
    return status;
}
