/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/supervisor_internal.h"
#include "lib/os/clock.h"

#define LOOK_MS   50 /* while something is waited for that sends no signal */
#define NS_PER_MS 1000000u

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(s);
        else if (info.ssi_signo == SIGHUP)
            s->asked = true;
        else if (!s->stopping)
            stop_all(s);
    }
}

static bool any_child(const struct supervisor *s)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        if (s->children[i].pid != 0)
            return true;
    }
    return false;
}

/* How long nothing happens but by a signal: until the window of the stale answers ends. */
static int wait_ms(const struct supervisor *s)
{
    bool looks = s->trial || s->asked || s->stopping;
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        looks |= s->children[i].pid == 0 && s->children[i].start_again_ns != UINT64_MAX;
    if (looks)
        return LOOK_MS;
    uint64_t now_ns = clock_monotonic_ns(), end_ns = s->stale.window_end_ns;
    return end_ns <= now_ns ? 0 : (int)((end_ns - now_ns) / NS_PER_MS) + 1;
}

static void loop(struct supervisor *s)
{
    while (!s->stopping || any_child(s)) {
        struct pollfd fd = {.fd = s->signals, .events = POLLIN};
        (void)!poll(&fd, 1, wait_ms(s));
        take_signals(s);
        reload_step(s);
        start_due(s);
        stale_watch_step(&s->stale, s->shared, clock_monotonic_ns());
        if (s->stopping && clock_monotonic_ns() >= s->kill_ns) {
            s->status = 1;
            for (unsigned i = 0; i < ROLE_COUNT; i++)
                child_signal(&s->children[i], SIGKILL);
        }
    }
}

static void announce(const struct supervisor *s)
{
    const struct listener_set *set = &s->now.listeners;
    for (unsigned i = 0; i < set->address_count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_to_text(&set->listeners[i].address, text);
        bool is_relay = i >= set->address_count - set->relay_count;
        printf("%s http://%s\n", is_relay ? "relay" : "ready", text);
    }
    fflush(stdout);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int supervisor_run(const char *path, struct edge_config *config)
{
    struct supervisor s = {
        .path = path,
        .now = GENERATION_NONE,
        .next = GENERATION_NONE,
        .children = {[ROLE_SYNC] = {.name = "edge-sync"},
                     [ROLE_ADMIN_0] = {.name = "edge-admin"},
                     [ROLE_ADMIN_1] = {.name = "edge-admin", .start_again_ns = UINT64_MAX},
                     [ROLE_SERVE_0] = {.name = "edge-serve"},
                     [ROLE_SERVE_1] = {.name = "edge-serve", .start_again_ns = UINT64_MAX}},
        .begin_ns = clock_monotonic_ns(),
        .status = 1,
    };
    if (!config->has_admin)
        s.children[ROLE_ADMIN_0].start_again_ns = UINT64_MAX;
    s.signals = open_signals();
    if (s.signals >= 0 && edge_shared_map(&s.shared) == ERR_OK &&
        generation_open(config, NULL, &s.now)) {
        s.status = 0;
        announce(&s);
        start_due(&s);
        loop(&s);
    } else {
        edge_config_free(config);
    }
    generation_close(&s.now);
    generation_close(&s.next);
    if (s.signals >= 0)
        close(s.signals);
    return s.status;
}
