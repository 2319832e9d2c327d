/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "lib/os/admin.h"
#include "lib/os/clock.h"
#include "lib/os/lock.h"
#include "lib/os/log.h"
#include "presigner/admin_pages.h"
#include "presigner/publish.h"

/* How often the status database is looked at for changes. */
#define POLL_MS 200
/* After a failure: first pause, doubled up to the last. */
#define BACKOFF_FIRST_MS 500
#define BACKOFF_LAST_MS  30000
/* With --once, waiting for the second of the newest log entry to pass. */
#define ONCE_WAIT_MS 50

struct daemon {
    struct presigner_config *config;
    struct status_db *status;
    struct publisher *publisher;
    struct admin *admin;
    struct admin_state admin_state;
    pthread_t signal_thread;
    bool has_signal_thread;
    int lock;
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
    publisher_stop(d->publisher);
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

/* --- The loop --- */

static enum err loop(struct daemon *d)
{
    int backoff_ms = BACKOFF_FIRST_MS;
    for (;;) {
        enum publish_outcome outcome = PUBLISH_IDLE;
        enum err err = publisher_step(d->publisher, &outcome);
        int wait_ms = outcome == PUBLISH_WORKED ? 0 : POLL_MS;
        if (err == ERR_STOPPED)
            return ERR_OK;
        admin_state_step(&d->admin_state, err, clock_wall_s());
        if (err != ERR_OK) {
            log_error("publication: %s; again in %d ms", err_text(err), backoff_ms);
            wait_ms = backoff_ms;
            backoff_ms = backoff_ms * 2 < BACKOFF_LAST_MS ? backoff_ms * 2 : BACKOFF_LAST_MS;
        } else {
            backoff_ms = BACKOFF_FIRST_MS;
        }
        if (pause_ms(d, wait_ms))
            return ERR_OK;
    }
}

static enum err once(struct daemon *d)
{
    enum publish_outcome outcome = PUBLISH_WORKED;
    while (outcome != PUBLISH_IDLE) {
        enum err err = publisher_step(d->publisher, &outcome);
        if (err == ERR_STOPPED)
            return err;
        if (err != ERR_OK) {
            log_error("publication: %s", err_text(err));
            return err;
        }
        if (outcome == PUBLISH_WAITING && pause_ms(d, ONCE_WAIT_MS))
            return ERR_STOPPED;
    }
    return publisher_index(d->publisher);
}

/* --- Start and end --- */

static enum err config_open(struct daemon *d, const char *path)
{
    char message[CONFIG_MESSAGE_BYTES];
    enum err err = presigner_config_load(path, &d->config, message);
    if (err != ERR_OK)
        log_error("%s", message);
    return err;
}

static enum err admin_open(struct daemon *d)
{
    char text[ADDRESS_TEXT_BYTES];
    if (!d->config->has_admin)
        return ERR_OK;
    address_to_text(&d->config->admin, text);
    enum err err =
        admin_start(&d->config->admin, presigner_admin_pages, &d->admin_state, &d->admin);
    if (err != ERR_OK) {
        log_error("admin address %s: %m", text);
        return err;
    }
    struct address bound;
    admin_address(d->admin, &bound);
    address_to_text(&bound, text);
    log_info("admin pages on http://%s", text);
    return ERR_OK;
}

static enum err start(struct daemon *d, const char *config_path)
{
    TRY(config_open(d, config_path));
    TRY(lock_take(d->config->state_dir, 0700, "presigner", &d->lock));
    enum err err = status_db_open(d->config->state_dir, d->config->map_size_bytes, &d->status);
    if (err != ERR_OK) {
        log_error("%s: the status database cannot be opened: %s", d->config->state_dir,
                  err_text(err));
        return err;
    }
    TRY(publisher_open(d->config, d->status, clock_wall_s, &d->publisher));
    admin_state_start(&d->admin_state, d->config, publisher_counters(d->publisher), clock_wall_s());
    TRY(admin_open(d));
    if (pipe2(d->stop_pipe, O_CLOEXEC) != 0 ||
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
    publisher_close(d->publisher);
    status_db_close(d->status);
    presigner_config_free(d->config);
    lock_drop(d->lock);
    for (int i = 0; i < 2; i++)
        if (d->stop_pipe[i] >= 0)
            close(d->stop_pipe[i]);
}

enum err daemon_run(const char *config_path, bool once_)
{
    struct daemon d = {.lock = -1, .stop_pipe = {-1, -1}};
    sigset_t set;
    signals_block(&set);
    enum err err = start(&d, config_path);
    if (err == ERR_OK) {
        log_info("ready: %s", once_ ? "publishing once" : "publishing");
        err = once_ ? once(&d) : loop(&d);
    }
    finish(&d);
    return err;
}
