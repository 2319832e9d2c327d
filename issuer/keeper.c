/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/keeper.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "issuer/recover.h"
#include "issuer/registry_owner.h"
#include "lib/os/log.h"

/* Each worker has at most one serial at a time; an outage lasts longer than that. */
#define KEEPER_SERIALS_MAX 1024
#define KEEPER_TICK_S      1
#define KEEPER_LOOK_TICKS  60

struct kept {
    uint64_t issuer_id;
    struct serial serial;
    bool may_be_signed;
};

struct keeper {
    struct issuer_worker worker;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_stopping;
    size_t count;
    struct kept serials[KEEPER_SERIALS_MAX];
};

void keeper_add(struct keeper *keeper, uint64_t issuer_id, const struct serial *serial,
                bool may_be_signed)
{
    if (keeper == NULL)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (keeper->count < KEEPER_SERIALS_MAX)
        keeper->serials[keeper->count++] = (struct kept){issuer_id, *serial, may_be_signed};
    pthread_mutex_unlock(&keeper->lock);
}

size_t keeper_waiting(struct keeper *keeper)
{
    if (keeper == NULL)
        return 0;
    pthread_mutex_lock(&keeper->lock);
    size_t count = keeper->count;
    pthread_mutex_unlock(&keeper->lock);
    return count;
}

/* The oldest one; it stays until it has its end. */
static bool first(struct keeper *keeper, struct kept *ret)
{
    pthread_mutex_lock(&keeper->lock);
    bool is_there = keeper->count > 0 && !keeper->is_stopping;
    if (is_there)
        *ret = keeper->serials[0];
    pthread_mutex_unlock(&keeper->lock);
    return is_there;
}

static void drop_first(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->count--;
    memmove(&keeper->serials[0], &keeper->serials[1], keeper->count * sizeof keeper->serials[0]);
    pthread_mutex_unlock(&keeper->lock);
}

/* Whoever comes after one that fails would fail, too: what is missing is the database or the audit
 * log. */
static void retry_all(struct keeper *keeper)
{
    struct kept kept;
    while (first(keeper, &kept)) {
        enum err err =
            recover_serial(&keeper->worker, kept.issuer_id, &kept.serial, kept.may_be_signed);
        if (err != ERR_OK) {
            log_debug("serials without an end wait: %s", err_text(err));
            return;
        }
        drop_first(keeper);
    }
}

static void look(struct keeper *keeper)
{
    uint64_t count = 0;
    enum err err = recover_late(&keeper->worker, &count);
    if (err != ERR_OK)
        log_warning("unfinished serials cannot be looked for: %s", err_text(err));
}

/* A lost session is taken again; an outage is the workers' to tell of. */
static void stay_owner(struct issuer *issuer)
{
    if (issuer->owner == NULL || __atomic_load_n(&issuer->is_displaced, __ATOMIC_RELAXED) ||
        registry_owner_keep(issuer->owner) != ERR_BUSY)
        return;
    log_error("another issuer has taken the registry while our session was lost: this one ends");
    __atomic_store_n(&issuer->is_displaced, true, __ATOMIC_RELEASE);
    kill(getpid(), SIGTERM);
}

/* True when it is time to stop. */
static bool pause_a_tick(struct keeper *keeper)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += KEEPER_TICK_S;
    pthread_mutex_lock(&keeper->lock);
    int result = 0;
    while (!keeper->is_stopping && result == 0)
        result = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
    bool is_stopping = keeper->is_stopping;
    pthread_mutex_unlock(&keeper->lock);
    return is_stopping;
}

static void *keeper_main(void *context)
{
    struct keeper *keeper = context;
    for (unsigned tick = 1; !pause_a_tick(keeper); tick++) {
        stay_owner(keeper->worker.issuer);
        retry_all(keeper);
        if (tick % KEEPER_LOOK_TICKS == 0)
            look(keeper);
    }
    return NULL;
}

static void wake_init(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum err keeper_start(struct issuer *issuer, struct keeper **ret)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return ERR_MEMORY;
    enum err err = issuer_worker_open(issuer, &keeper->worker);
    if (err != ERR_OK) {
        free(keeper);
        return err;
    }
    pthread_mutex_init(&keeper->lock, NULL);
    wake_init(&keeper->wake);
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper) != 0) {
        issuer_worker_close(&keeper->worker);
        free(keeper);
        return ERR_MEMORY;
    }
    *ret = keeper;
    return ERR_OK;
}

struct keeper *keeper_stop(struct keeper *keeper)
{
    if (keeper == NULL)
        return NULL;
    pthread_mutex_lock(&keeper->lock);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    if (keeper->count > 0)
        log_warning("%zu serials have no end yet: the next start brings them to it", keeper->count);
    pthread_cond_destroy(&keeper->wake);
    pthread_mutex_destroy(&keeper->lock);
    issuer_worker_close(&keeper->worker);
    free(keeper);
    return NULL;
}
