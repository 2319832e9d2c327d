/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/child.h"
#include "edge/listener.h"
#include "edge/pages.h"
#include "edge/serve.h"
#include "edge/stale_watch.h"
#include "edge/store.h"
#include "edge/sync.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "lib/os/lock.h"

#define SECOND_NS UINT64_C(1000000000)
/* A reload hands over when the new serving process has a snapshot, and at the latest after this. */
#define HANDOVER_NS (10 * SECOND_NS)
/* ... if it has lived this long: one that keeps dying never takes over. */
#define HANDOVER_LIVED_NS (5 * SECOND_NS)
/* A child that cannot begin this soon after the start ends the edge: the operator is looking. */
#define BEGIN_NS (5 * SECOND_NS)
/* Beyond the drain time: then children are killed. */
#define STOP_GRACE_NS (10 * SECOND_NS)
#define LOOK_MS       50
#define DATA_DIR_MODE 0755

enum role { ROLE_SYNC, ROLE_ADMIN, ROLE_SERVE_0, ROLE_SERVE_1, ROLE_COUNT };

struct supervisor {
    const char *path;
    struct edge_config *config;
    struct edge_shared *shared;
    struct listener_set listeners;
    struct child children[ROLE_COUNT];
    struct stale_watch stale;
    unsigned parity;      /* of the serving process that is wanted */
    uint64_t handover_ns; /* while two serve: the old one is told to stop by then; else 0 */
    uint64_t kill_ns;     /* while stopping */
    uint64_t begin_ns;    /* when all of this started */
    int signals;
    int lock; /* of data_dir; children have it too, so it outlives none of them */
    int status;
    bool stopping;
};

static struct child *serve_child(struct supervisor *s, unsigned parity)
{
    return &s->children[ROLE_SERVE_0 + (parity & 1)];
}

static unsigned worker_count(const struct edge_config *config)
{
    if (config->workers != 0)
        return (unsigned)config->workers;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1)
        return 1;
    return online > EDGE_WORKERS_MAX ? EDGE_WORKERS_MAX : (unsigned)online;
}

static bool bind_listeners(struct supervisor *s, const struct edge_config *config)
{
    struct listener_set set;
    struct address failed;
    char text[ADDRESS_TEXT_BYTES];
    enum err err = listener_set_make(&s->listeners, config->listen, config->listen_count,
                                     worker_count(config), &set, &failed);
    if (err != ERR_OK) {
        const char *why = err == ERR_IO ? strerror(errno) : err_text(err);
        text[0] = '\0';
        if (err == ERR_IO)
            address_to_text(&failed, text);
        log_error("listen %s: %s", text, why);
        return false;
    }
    listener_set_done(&s->listeners); /* what the new set did not take over */
    s->listeners = set;
    return true;
}

/* Before any process opens the store: serve may not make files. */
static bool make_store(const struct edge_config *config)
{
    char path[PATH_BYTES_MAX];
    struct store *store = NULL;
    const struct store_config store_config = {.path = path, .map_bytes = config->sync.map_bytes};
    enum err err = path_join(path, sizeof path, config->sync.data_dir, SYNC_STORE_DIR);
    if (err == ERR_OK)
        err = directory_make(path, 0755);
    if (err == ERR_OK)
        err = store_prepare(path);
    if (err == ERR_OK)
        err = store_open(&store_config, &store);
    if (err != ERR_OK) {
        log_error("%s: %s", path, err_text(err));
        return false;
    }
    store_close(store);
    return true;
}

/* The folder of the new configuration, when it is another one. Children of before keep the lock of
 * theirs until they have ended. */
static bool move_lock(struct supervisor *s, const struct edge_config *config)
{
    int lock = -1;
    if (lock_is_of(s->lock, config->sync.data_dir))
        return true;
    if (lock_take(config->sync.data_dir, DATA_DIR_MODE, "statim-edge", &lock) != ERR_OK)
        return false;
    lock_drop(s->lock);
    s->lock = lock;
    return true;
}

static int admin_run(const struct supervisor *s)
{
    struct pages pages = {.config = s->config, .shared = s->shared, .now_s = clock_wall_s};
    struct admin *admin = NULL;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    if (admin_start(&s->config->admin, pages_table(), &pages, &admin) != ERR_OK) {
        char text[ADDRESS_TEXT_BYTES];
        int saved = errno;
        address_to_text(&s->config->admin, text);
        log_error("admin %s: %s", text, strerror(saved));
        return 1;
    }
    int signal_no = 0;
    while (sigwait(&stop, &signal_no) != 0) {
    }
    admin_stop(admin);
    return 0;
}

/* The child's part; does not return. */
_Noreturn static void child_run(struct supervisor *s, enum role role)
{
    int status = 1;
    close(s->signals);
    if (role == ROLE_SERVE_0 || role == ROLE_SERVE_1) {
        status = serve_run(s->config, &s->listeners, s->shared, role - ROLE_SERVE_0);
    } else {
        listener_set_done(&s->listeners);
        status = role == ROLE_SYNC ? sync_run(s->config, s->shared) : admin_run(s);
    }
    edge_config_free(s->config);
    exit(status);
}

static void child_start(struct supervisor *s, enum role role)
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
    if (role == ROLE_SYNC)
        counter_add(&s->shared->sync_starts, 1);
    else if (role != ROLE_ADMIN)
        counter_add(&s->shared->serve_starts, 1);
}

static void publish_liveness(struct supervisor *s)
{
    counter_set(&s->shared->sync_alive, s->children[ROLE_SYNC].pid != 0);
    counter_set(&s->shared->serve_alive, serve_child(s, s->parity)->pid != 0);
    uint64_t serving = serve_child(s, 0)->pid != 0;
    serving += serve_child(s, 1)->pid != 0;
    counter_set(&s->shared->serve_processes, serving);
}

static void start_due(struct supervisor *s)
{
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < ROLE_COUNT && !s->stopping; i++) {
        if (child_due(&s->children[i], now_ns))
            child_start(s, (enum role)i);
    }
    publish_liveness(s);
}

static void stop_all(struct supervisor *s)
{
    s->stopping = true;
    s->kill_ns = clock_monotonic_ns() + s->config->drain_timeout_s * SECOND_NS + STOP_GRACE_NS;
    /* While the last answers are sent, newcomers are refused rather than left waiting. */
    listener_set_done(&s->listeners);
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
static void forget_open(struct supervisor *s, unsigned parity)
{
    for (unsigned i = 0; i < EDGE_WORKERS_MAX; i++)
        counter_set(&s->shared->workers[parity][i].values[SERVE_OPEN], 0);
}

static void child_ended(struct supervisor *s, struct child *child, int status)
{
    if (child == serve_child(s, 0) || child == serve_child(s, 1))
        forget_open(s, child == serve_child(s, 1));
    char how[64];
    bool beginning = clock_monotonic_ns() - s->begin_ns < BEGIN_NS;
    if (s->stopping || child->start_again_ns == UINT64_MAX) {
        child->pid = 0; /* it was told to */
        /* By SIGTERM itself: told so before it could wait for it. */
        bool well = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGTERM;
        if (s->stopping && !well)
            s->status = 1;
        return;
    }
    log_write(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              "%s ended: %s", child->name, how_it_ended(status, how));
    child_died(child, clock_monotonic_ns());
    /* One that cannot even begin (an address in use, a kernel without io_uring) has said why. */
    if (beginning && WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        s->status = 1;
        stop_all(s);
    }
}

static void reap(struct supervisor *s)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < ROLE_COUNT; i++) {
            if (s->children[i].pid == pid)
                child_ended(s, &s->children[i], status);
        }
    }
    publish_liveness(s);
}

/* Ends a child for good, or to be started again with the configuration of now. */
static void child_replace(struct child *child, bool again)
{
    child->start_again_ns = again ? 0 : UINT64_MAX;
    child_signal(child, SIGTERM);
}

/* The serving process that takes over. When one of an earlier reload has not taken over yet, the
 * new one replaces that: the one that serves is left alone. */
static void start_next_serve(struct supervisor *s)
{
    if (s->handover_ns == 0) {
        serve_child(s, s->parity)->start_again_ns = UINT64_MAX;
        s->parity = (s->parity + 1) & 1;
    }
    struct child *next = serve_child(s, s->parity);
    if (next->pid != 0) {
        kill(next->pid, SIGKILL);
        waitpid(next->pid, NULL, 0);
        forget_open(s, s->parity);
    }
    *next = (struct child){.name = next->name};
    counter_set(&s->shared->gauges[s->parity][GAUGE_READY], 0);
    child_start(s, s->parity == 0 ? ROLE_SERVE_0 : ROLE_SERVE_1);
    s->handover_ns = clock_monotonic_ns() + HANDOVER_NS;
}

static void reload(struct supervisor *s)
{
    char message[CONFIG_MESSAGE_BYTES] = "";
    struct edge_config *config = NULL;
    enum err err = edge_config_load(s->path, &config, message);
    if (err != ERR_OK) {
        log_error("configuration not reloaded: %s", message[0] ? message : err_text(err));
        return;
    }
    /* A store in use is left alone: to look at it would wait for sync's transaction. */
    bool same_store = lock_is_of(s->lock, config->sync.data_dir);
    if (!move_lock(s, config) || (!same_store && !make_store(config)) ||
        !bind_listeners(s, config)) {
        log_error("configuration not reloaded");
        edge_config_free(config);
        return;
    }
    edge_config_free(s->config);
    s->config = config;
    start_next_serve(s);
    child_replace(&s->children[ROLE_SYNC], true);
    child_replace(&s->children[ROLE_ADMIN], config->has_admin);
    log_info("configuration reloaded");
}

static void hand_over(struct supervisor *s)
{
    uint64_t now_ns = clock_monotonic_ns();
    const struct child *next = serve_child(s, s->parity);
    bool ready = counter_get(&s->shared->gauges[s->parity][GAUGE_READY]) != 0;
    bool lives = next->pid != 0 && now_ns - next->started_ns >= HANDOVER_LIVED_NS;
    if (s->handover_ns == 0 || !(ready || (lives && now_ns >= s->handover_ns)))
        return;
    s->handover_ns = 0;
    counter_set(&s->shared->serve_parity, s->parity);
    child_signal(serve_child(s, s->parity + 1), SIGTERM);
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(s);
        else if (info.ssi_signo == SIGHUP && !s->stopping)
            reload(s);
        else if (info.ssi_signo != SIGHUP && !s->stopping)
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

static void loop(struct supervisor *s)
{
    while (!s->stopping || any_child(s)) {
        struct pollfd fd = {.fd = s->signals, .events = POLLIN};
        (void)!poll(&fd, 1, LOOK_MS);
        take_signals(s);
        hand_over(s);
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
    for (unsigned i = 0; i < s->listeners.address_count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_to_text(&s->listeners.listeners[i].address, text);
        printf("ready http://%s\n", text);
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
        .config = config,
        .children = {[ROLE_SYNC] = {.name = "edge-sync"},
                     [ROLE_ADMIN] = {.name = "edge-admin"},
                     [ROLE_SERVE_0] = {.name = "edge-serve"},
                     [ROLE_SERVE_1] = {.name = "edge-serve", .start_again_ns = UINT64_MAX}},
        .begin_ns = clock_monotonic_ns(),
        .lock = -1,
        .status = 1,
    };
    if (!config->has_admin)
        s.children[ROLE_ADMIN].start_again_ns = UINT64_MAX;
    s.signals = open_signals();
    if (s.signals >= 0 && edge_shared_map(&s.shared) == ERR_OK && move_lock(&s, config) &&
        make_store(config) && bind_listeners(&s, config)) {
        s.status = 0;
        announce(&s);
        start_due(&s);
        loop(&s);
    }
    listener_set_done(&s.listeners);
    edge_config_free(s.config);
    lock_drop(s.lock);
    if (s.signals >= 0)
        close(s.signals);
    return s.status;
}
