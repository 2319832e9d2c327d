/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "issuer/audit_event.h"
#include "issuer/foundation.h"
#include "issuer/https.h"
#include "issuer/issuer_pages.h"
#include "issuer/journal.h"
#include "issuer/keeper.h"
#include "issuer/policy_note.h"
#include "issuer/rest.h"
#include "lib/os/file.h"
#include "lib/os/lock.h"
#include "lib/os/log.h"

enum { PUBLIC, INTERNAL, LISTENERS };

struct daemon {
    const struct issuing_options *options;
    struct issuing_config *config;
    int lock;
    struct foundation foundation;
    struct keeper *keeper;
    struct https_listener listeners[LISTENERS];
    struct https_options https_options;
    struct https_server *server;
    struct issuer_pages *pages;
    struct admin *admin;
};

/* --- Workers --- */

static enum err worker_start(void *context, uint32_t index, void **ret_worker)
{
    (void)index;
    struct issuer_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return ERR_MEMORY;
    enum err err = issuer_worker_open(context, worker);
    if (err != ERR_OK) {
        free(worker);
        return err;
    }
    *ret_worker = worker;
    return ERR_OK;
}

static void worker_stop(void *context, void *worker)
{
    (void)context;
    issuer_worker_close(worker);
    free(worker);
}

/* --- Listeners --- */

static struct https_listener listener_of(const struct issuing_config *config, const char *name,
                                         const struct listener_config *from,
                                         const struct https_route *routes,
                                         https_authorize authorize)
{
    return (struct https_listener){
        .name = name,
        .address = from->listen,
        .tls = {from->certificate, from->key, from->client_ca},
        .routes = routes,
        .authorize = authorize,
        .connections_max = (uint32_t)config->connections_max,
        .connections_per_source_max = (uint32_t)config->connections_per_source_max,
    };
}

static struct https_deadlines deadlines_of(const struct issuing_config *config)
{
    return (struct https_deadlines){
        .handshake_ms = (uint32_t)config->handshake_timeout_s * 1000,
        .idle_ms = (uint32_t)config->idle_timeout_s * 1000,
        .head_ms = (uint32_t)config->header_timeout_s * 1000,
        .body_ms = (uint32_t)config->body_timeout_s * 1000,
        .queue_ms = (uint32_t)config->queue_timeout_s * 1000,
        .write_ms = (uint32_t)config->send_timeout_s * 1000,
    };
}

/* They wait for the disk, the database and the key most of the time, and commit in groups. */
#define WORKERS_A_PROCESSOR 8

static uint32_t workers_of(const struct issuing_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->workers != 0)
        return (uint32_t)config->workers;
    if (processors < 1 || processors > ISSUER_WORKERS_MAX / WORKERS_A_PROCESSOR)
        return ISSUER_WORKERS_MAX;
    return WORKERS_A_PROCESSOR * (uint32_t)processors;
}

static void say_where(struct daemon *d)
{
    char text[ADDRESS_TEXT_BYTES];
    struct address bound;
    for (uint32_t i = 0; i < LISTENERS; i++) {
        https_server_address(d->server, i, &bound);
        address_to_text(&bound, text);
        log_info("%s listener on https://%s", d->listeners[i].name, text);
    }
}

static enum err serve(struct daemon *d)
{
    struct https_error why;
    const struct issuing_config *c = d->config;
    d->listeners[PUBLIC] =
        listener_of(c, "public", &c->public_listener, rest_public_routes, rest_authorize_public);
    d->listeners[INTERNAL] = listener_of(c, "internal", &c->internal_listener, rest_internal_routes,
                                         rest_authorize_internal);
    d->https_options = (struct https_options){
        .listeners = d->listeners,
        .listener_count = LISTENERS,
        .worker_count = workers_of(c),
        .deadlines = deadlines_of(c),
        .server = &d->foundation.issuer,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };
    enum err err = https_server_start(&d->https_options, &d->server, &why);
    if (err != ERR_OK) {
        log_error("%s", why.text);
        return err;
    }
    __atomic_store_n(&d->foundation.issuer.server, d->server, __ATOMIC_RELEASE);
    say_where(d);
    return ERR_OK;
}

static void reload(struct daemon *d)
{
    struct https_error why;
    struct issuer_metrics *metrics = &d->foundation.metrics;
    for (uint32_t i = 0; i < LISTENERS; i++) {
        if (https_server_reload(d->server, i, NULL, &why) == ERR_OK) {
            log_info("%s listener: certificates are read again", d->listeners[i].name);
            issuer_count(metrics, ISSUER_certificates_reloaded, 1);
        } else {
            log_error("%s listener: goes on with its certificates: %s", d->listeners[i].name,
                      why.text);
            issuer_count(metrics, ISSUER_reload_failures, 1);
        }
    }
}

static enum err open_pages(struct daemon *d)
{
    char text[ADDRESS_TEXT_BYTES];
    if (!d->config->has_admin)
        return ERR_OK;
    TRY(issuer_pages_open(&d->foundation.issuer, &d->pages));
    address_to_text(&d->config->admin, text);
    enum err err = admin_start(&d->config->admin, issuer_admin_pages, d->pages, &d->admin);
    if (err != ERR_OK) {
        log_error("admin %s: %s", text, err == ERR_IO ? strerror(errno) : err_text(err));
        return err;
    }
    admin_address(d->admin, &d->config->admin);
    address_to_text(&d->config->admin, text);
    log_info("metrics on http://%s", text);
    return ERR_OK;
}

/* --- Start and end --- */

/* Who starts and stops an issuer stands in the audit log, too. */
static enum err say(struct daemon *d, const char *change)
{
    struct audit_event event;
    uint64_t leaf = 0;
    audit_event_begin(&event, AUDIT_ADMIN_ACTION, issuer_now_s(&d->foundation.issuer),
                      span_text("program:statim-issuer"), SPAN_EMPTY);
    audit_event_text(&event, AUDIT_FIELD_CHANGE, span_text(change));
    audit_event_text(&event, AUDIT_FIELD_TARGET, span_text("statim-issuer " STATIM_VERSION));
    return journal_record(d->foundation.issuer.journal, &event, &leaf);
}

static enum err start(struct daemon *d)
{
    struct foundation *f = &d->foundation;
    umask(077);
    TRY(directory_make(d->config->state_dir, 0700));
    TRY(lock_take(d->config->state_dir, 0700, "statim-issuer", &d->lock));
    TRY(foundation_open(f));
    TRY(say(d, "started"));
    TRY(policy_note(&f->issuer));
    TRY(keeper_start(&f->issuer, &d->keeper));
    f->issuer.keeper = d->keeper;
    TRY(serve(d));
    return open_pages(d);
}

static void run(struct daemon *d, const sigset_t *signals)
{
    int number = 0;
    log_info("ready");
    while (number != SIGTERM && number != SIGINT) {
        if (sigwait(signals, &number) != 0)
            return;
        if (number == SIGHUP)
            reload(d);
    }
    log_info("stopping");
}

static void finish(struct daemon *d)
{
    struct issuer *issuer = &d->foundation.issuer;
    admin_stop(d->admin);
    issuer_pages_close(d->pages);
    if (d->server != NULL)
        https_server_stop(d->server, (uint32_t)d->config->drain_timeout_s * 1000);
    keeper_stop(d->keeper);
    if (d->server != NULL && say(d, "stopped") != ERR_OK)
        log_warning("the audit log could not be told of the end");
    issuer->server = NULL;
    foundation_close(&d->foundation);
    lock_drop(d->lock);
    issuing_config_free(d->config);
}

static void signals_block(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static enum err read_files(struct daemon *d)
{
    char message[CONFIG_MESSAGE_BYTES];
    enum err err = issuing_config_load(d->options->config_path, &d->config, message);
    if (err != ERR_OK) {
        log_error("%s", message);
        return err;
    }
    log_start("statim-issuer", d->config->log_level);
    return foundation_read(d->config, &d->foundation);
}

enum err issuing_run(const struct issuing_options *options)
{
    sigset_t signals;
    struct daemon d = {.options = options, .lock = -1};
    signals_block(&signals);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ERR_MEMORY;
    enum err err = read_files(&d);
    d.foundation.issuer.probe = options->probe;
    if (err == ERR_OK && !options->check) {
        err = start(&d);
        if (err == ERR_OK)
            run(&d, &signals);
        if (__atomic_load_n(&d.foundation.issuer.is_displaced, __ATOMIC_ACQUIRE))
            err = ERR_BUSY;
    }
    finish(&d);
    curl_global_cleanup();
    return err;
}
