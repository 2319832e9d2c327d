/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/os/admin.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "lib/os/lock.h"
#include "lib/os/log.h"
#include "presigner/admin_pages.h"
#include "presigner/fast_lane.h"
#include "presigner/feeds.h"
#include "presigner/lease_beat.h"
#include "presigner/publish.h"

/* How often the status database is looked at for changes; with a fast lane, for which it counts. */
#define POLL_MS      200
#define LANE_POLL_MS 20
/* With a feed, which wakes the loop itself: something waits for the time of the next log entry. */
#define FEED_WAITING_MS 5
/* Beats in the time after which a standby takes over. */
#define LEASE_BEATS 5
/* After a failure: first pause, doubled up to the last. */
#define BACKOFF_FIRST_MS 500
#define BACKOFF_LAST_MS  30000
/* With --once, waiting for the second of the newest log entry to pass. */
#define ONCE_WAIT_MS 50
/* Until what the issuers have is known: with --once, and otherwise before the first publication. */
#define ONCE_FEEDS_MS  60000
#define START_FEEDS_MS 5000

struct daemon {
    const struct daemon_options *options;
    struct presigner_config *config;
    struct status_db *status;
    int lock;
    struct lease *lease;
    struct lease_beats *beats; /* while the lease is held */
    struct publisher *publisher;
    pthread_mutex_t publisher_lock; /* the signal thread looks at it too */
    struct fast_lane *lane;         /* NULL: none */
    struct feeds *feeds;            /* NULL: none */
    struct feed_gauges gauges;
    int wake_fd; /* an eventfd: readable when a feed has brought changes */
    uint64_t counters[COUNT_COUNT];
    struct lane_latencies latencies;
    struct admin *admin;
    struct admin_state admin_state;
    pthread_t signal_thread;
    bool has_signal_thread;
    int stop_pipe[2]; /* becomes readable when it is time to stop */
};

/* --- Signals: a thread of their own, so that a long step hears of them too. --- */

static void signals_block(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void *signal_main(void *context)
{
    struct daemon *d = context;
    sigset_t set;
    signals_block(&set);
    int number = 0;
    do {
        if (sigwait(&set, &number) != 0)
            return NULL;
    } while (number == SIGHUP);
    pthread_mutex_lock(&d->publisher_lock);
    if (d->publisher != NULL)
        publisher_stop(d->publisher);
    pthread_mutex_unlock(&d->publisher_lock);
    /* The write end closes: every poll of the read end wakes, now and later. */
    close(d->stop_pipe[1]);
    d->stop_pipe[1] = -1;
    return NULL;
}

/* Sleeps; true when it is time to stop. */
static bool pause_ms(const struct daemon *d, int ms)
{
    struct pollfd fd = {.fd = d->stop_pipe[0], .events = POLLIN};
    return poll(&fd, 1, ms) > 0;
}

/* The same, but changes of a feed end it. */
static bool pause_or_wake(const struct daemon *d, int ms)
{
    struct pollfd fds[2] = {{.fd = d->stop_pipe[0], .events = POLLIN},
                            {.fd = d->wake_fd, .events = POLLIN}};
    uint64_t count;
    poll(fds, 2, ms);
    if (fds[1].revents != 0)
        (void)!read(d->wake_fd, &count, sizeof count);
    return fds[0].revents != 0;
}

/* --- Admin pages --- */

static enum err admin_open(struct daemon *d)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address bound;
    if (!d->config->has_admin || d->admin != NULL)
        return ERR_OK;
    TRY(admin_start(&d->config->admin, presigner_admin_pages, &d->admin_state, &d->admin));
    admin_address(d->admin, &bound);
    address_to_text(&bound, text);
    log_info("admin pages on http://%s", text);
    return ERR_OK;
}

/* A standby has the same address as the one it waits for, and may get it later than the lease. */
static void admin_try(struct daemon *d)
{
    if (d->options->standby && admin_open(d) != ERR_OK)
        log_debug("the admin address is not free yet");
}

static enum err admin_first(struct daemon *d)
{
    char text[ADDRESS_TEXT_BYTES];
    feed_gauges_start(&d->gauges, d->config);
    admin_state_start(&d->admin_state, d->config, d->counters, clock_wall_s());
    d->admin_state.feeds = &d->gauges;
    if (d->config->redis.addresses != NULL)
        d->admin_state.latencies = &d->latencies;
    enum err err = admin_open(d);
    if (err == ERR_OK)
        return ERR_OK;
    address_to_text(&d->config->admin, text);
    if (d->options->standby) {
        log_warning("admin address %s: %m; again while we publish", text);
        return ERR_OK;
    }
    log_error("admin address %s: %m", text);
    return err;
}

/* --- The loop --- */

static int idle_ms(const struct daemon *d, enum publish_outcome outcome)
{
    if (outcome == PUBLISH_WORKED)
        return 0;
    if (outcome == PUBLISH_WAITING && d->feeds != NULL)
        return FEED_WAITING_MS;
    return d->lane != NULL ? LANE_POLL_MS : POLL_MS;
}

/* Nothing that this process could try again. LMDB does no more for one that failed to write a meta
 * page; the next one goes on from what is on disk. */
static bool is_final(enum err err)
{
    return err == ERR_STOPPED || err == ERR_FENCED || err == ERR_BROKEN;
}

/* Before anything is signed again: what is known here may be a copy from a backup, or hours old. */
static void listen_first(struct daemon *d)
{
    if (feeds_caught_up(d->feeds, START_FEEDS_MS) != ERR_OK)
        log_warning("not all that issuers' feeds have is known yet: publishing without it");
}

static enum err loop(struct daemon *d)
{
    int backoff_ms = BACKOFF_FIRST_MS;
    listen_first(d);
    for (;;) {
        enum publish_outcome outcome = PUBLISH_IDLE;
        enum err err = publisher_step(d->publisher, &outcome);
        int wait_ms = idle_ms(d, outcome);
        if (is_final(err))
            return err;
        feeds_settled(d->feeds, d->publisher);
        lease_beats_alive(d->beats);
        admin_try(d);
        admin_state_step(&d->admin_state, err, clock_wall_s());
        if (err != ERR_OK) {
            log_error("publication: %s; again in %d ms", err_text(err), backoff_ms);
            wait_ms = backoff_ms;
            backoff_ms = backoff_ms * 2 < BACKOFF_LAST_MS ? backoff_ms * 2 : BACKOFF_LAST_MS;
        } else {
            backoff_ms = BACKOFF_FIRST_MS;
        }
        /* More changes are no reason to try what failed at once again. */
        if (err != ERR_OK ? pause_ms(d, wait_ms) : pause_or_wake(d, wait_ms))
            return ERR_STOPPED;
    }
}

static enum err once(struct daemon *d)
{
    enum publish_outcome outcome = PUBLISH_WORKED;
    TRY(feeds_caught_up(d->feeds, ONCE_FEEDS_MS));
    while (outcome != PUBLISH_IDLE) {
        enum err err = publisher_step(d->publisher, &outcome);
        if (is_final(err))
            return err;
        lease_beats_alive(d->beats);
        if (err != ERR_OK) {
            log_error("publication: %s", err_text(err));
            return err;
        }
        feeds_settled(d->feeds, d->publisher);
        if (outcome == PUBLISH_WAITING && pause_ms(d, ONCE_WAIT_MS))
            return ERR_STOPPED;
    }
    return publisher_index(d->publisher);
}

/* --- With the lease, and without --- */

static void set_publisher(struct daemon *d, struct publisher *p)
{
    pthread_mutex_lock(&d->publisher_lock);
    d->publisher = p;
    pthread_mutex_unlock(&d->publisher_lock);
}

static void told_fenced(const struct daemon *d)
{
    struct lease_holder holder = {0};
    if (lease_who(d->lease, &holder) == ERR_OK)
        log_error("another presigner (process %u) has taken over: lease %llu after ours, %llu; "
                  "nothing more is published",
                  holder.process, (unsigned long long)holder.generation,
                  (unsigned long long)lease_generation(d->lease));
}

static enum err lane_open(struct daemon *d)
{
    if (d->config->redis.addresses == NULL)
        return ERR_OK;
    enum err err = fast_lane_start(d->config, d->counters, &d->latencies, &d->lane);
    if (err != ERR_OK)
        log_error("redis: %s", err_text(err));
    return err;
}

static void settled(void *context, const struct publisher *p)
{
    const struct daemon *d = context;
    feeds_settled(d->feeds, p);
}

/* When the publisher is open: a certificate's CRL shard must be known. */
static enum err feeds_open(struct daemon *d)
{
    struct feeds_setup setup = {.config = d->config,
                                .status = d->status,
                                .publisher = d->publisher,
                                .counters = d->counters,
                                .gauges = &d->gauges,
                                .wake_fd = d->wake_fd,
                                .once = d->options->once};
    if (d->config->feed_count == 0)
        return ERR_OK;
    enum err err = feeds_start(&setup, &d->feeds);
    if (err != ERR_OK)
        log_error("feeds of issuers: %s", err_text(err));
    return err;
}

static enum err work(struct daemon *d)
{
    struct publisher *p = NULL;
    struct publisher_setup setup = {.config = d->config,
                                    .status = d->status,
                                    .lease = d->lease,
                                    .clock_s = clock_wall_s,
                                    .counters = d->counters,
                                    .settled = settled,
                                    .settled_context = d};
    if (d->lane != NULL)
        setup.watch = (struct publish_watch){fast_lane_published, d->lane};
    enum err err = publisher_open(&setup, &p);
    set_publisher(d, p);
    if (err == ERR_OK && pause_ms(d, 0))
        err = ERR_STOPPED;
    if (err == ERR_OK)
        err = feeds_open(d);
    if (err == ERR_OK) {
        log_info("ready: %s", d->options->once ? "publishing once" : "publishing");
        err = d->options->once ? once(d) : loop(d);
    }
    d->feeds = feeds_stop(d->feeds);
    set_publisher(d, NULL);
    publisher_close(p);
    return err;
}

static enum err publish(struct daemon *d)
{
    TRY(lane_open(d));
    enum err err = work(d);
    d->lane = fast_lane_stop(d->lane);
    return err;
}

/* From when the lease was taken to its loss, or the end. */
static enum err hold(struct daemon *d)
{
    uint64_t beat_ns = d->config->lease_s * (1000000000u / LEASE_BEATS);
    log_info("lease %llu is ours", (unsigned long long)lease_generation(d->lease));
    TRY(lease_beats_start(d->lease, beat_ns, HEALTH_STEP_S * 1000000000ull, &d->beats));
    enum err err = publish(d);
    d->beats = lease_beats_stop(d->beats);
    if (err == ERR_FENCED)
        told_fenced(d);
    return err;
}

static void told_busy(const struct daemon *d)
{
    struct lease_holder holder = {0};
    if (lease_who(d->lease, &holder) == ERR_OK)
        log_error("%s: another presigner (process %u) works in this folder; --standby waits for "
                  "its end",
                  d->config->state_dir, holder.process);
}

static enum err stand_by(struct daemon *d)
{
    enum err err;
    uint64_t hang_ns = d->config->lease_s * 1000000000u;
    counter_set(&d->counters[COUNT_lease_standby], 1);
    log_info("standing by");
    while ((err = lease_watch(d->lease, hang_ns, clock_monotonic_ns(), clock_wall_s())) == ERR_BUSY)
        if (pause_ms(d, POLL_MS))
            return ERR_STOPPED;
    counter_set(&d->counters[COUNT_lease_standby], 0);
    return err;
}

static enum err run(struct daemon *d)
{
    enum err err = ERR_OK;
    bool again = d->options->standby;
    do {
        if (lease_generation(d->lease) == 0 || err == ERR_FENCED)
            err = stand_by(d);
        if (err == ERR_OK)
            err = hold(d);
    } while (err == ERR_FENCED && again);
    return err;
}

/* --- Start and end --- */

static enum err config_open(struct daemon *d)
{
    char message[CONFIG_MESSAGE_BYTES];
    enum err err = presigner_config_load(d->options->config_path, &d->config, message);
    if (err != ERR_OK)
        log_error("%s", message);
    return err;
}

/* The lease keeps presigners apart that know of it. Those before took this lock for themselves: an
 * upgrade or a way back beside one that still runs would be two at once. */
static enum err lock_start(struct daemon *d)
{
    return lock_share(d->config->state_dir, 0700, "presigner, of an older version,", &d->lock);
}

static enum err lease_start(struct daemon *d)
{
    TRY(lease_open(d->status, d->config->state_dir, &d->lease));
    enum err err = lease_take(d->lease, clock_wall_s());
    if (err == ERR_BUSY && d->options->standby)
        return ERR_OK;
    if (err == ERR_BUSY)
        told_busy(d);
    return err;
}

static enum err start(struct daemon *d)
{
    TRY(config_open(d));
    TRY(lock_start(d));
    enum err err = status_db_open(d->config->state_dir, d->config->map_size_bytes, &d->status);
    if (err != ERR_OK) {
        log_error("%s: the status database cannot be opened: %s", d->config->state_dir,
                  err_text(err));
        return err;
    }
    TRY(lease_start(d));
    TRY(admin_first(d));
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->wake_fd < 0 || pipe2(d->stop_pipe, O_CLOEXEC) != 0 ||
        pthread_create(&d->signal_thread, NULL, signal_main, d) != 0)
        return ERR_MEMORY;
    d->has_signal_thread = true;
    return ERR_OK;
}

static void finish(struct daemon *d)
{
    if (d->has_signal_thread) {
        pthread_kill(d->signal_thread, SIGTERM);
        pthread_join(d->signal_thread, NULL);
    }
    admin_stop(d->admin);
    lease_close(d->lease);
    status_db_close(d->status);
    presigner_config_free(d->config);
    lock_drop(d->lock);
    for (int i = 0; i < 2; i++)
        if (d->stop_pipe[i] >= 0)
            close(d->stop_pipe[i]);
    if (d->wake_fd >= 0)
        close(d->wake_fd);
}

static enum err check(struct daemon *d)
{
    TRY(config_open(d));
    return publisher_check(d->config);
}

enum err daemon_run(const struct daemon_options *options)
{
    struct daemon d = {.options = options,
                       .publisher_lock = PTHREAD_MUTEX_INITIALIZER,
                       .lock = -1,
                       .wake_fd = -1,
                       .stop_pipe = {-1, -1}};
    sigset_t set;
    signals_block(&set);
    enum err err = options->check ? check(&d) : start(&d);
    if (err == ERR_OK && !options->check)
        err = run(&d);
    finish(&d);
    /* Stopped in the middle of it, --once has not done what it was asked for. */
    return err == ERR_STOPPED && !options->once ? ERR_OK : err;
}
