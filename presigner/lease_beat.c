/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lease_beat.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/os/clock.h"

struct lease_beats {
    struct lease *lease;
    uint64_t beat_ns;
    uint64_t hang_ns;
    uint64_t alive_ns; /* atomic: when the work last told of itself */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool stop;
};

/* True when it is time to stop. */
static bool pause_or_stop(struct lease_beats *b)
{
    uint64_t until_ns = clock_monotonic_ns() + b->beat_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    pthread_mutex_lock(&b->mutex);
    int code = 0;
    while (!b->stop && code == 0)
        code = pthread_cond_timedwait(&b->stopped, &b->mutex, &until);
    bool stop = b->stop;
    pthread_mutex_unlock(&b->mutex);
    return stop;
}

static void *beat_main(void *context)
{
    struct lease_beats *b = context;
    do {
        uint64_t alive_ns = __atomic_load_n(&b->alive_ns, __ATOMIC_RELAXED);
        if (clock_monotonic_ns() - alive_ns < b->hang_ns)
            lease_beat(b->lease);
    } while (!pause_or_stop(b));
    return NULL;
}

enum err lease_beats_start(struct lease *lease, uint64_t beat_ns, uint64_t hang_ns,
                           struct lease_beats **ret)
{
    pthread_condattr_t attributes;
    struct lease_beats *b = calloc(1, sizeof *b);
    if (b == NULL)
        return ERR_MEMORY;
    b->lease = lease;
    b->beat_ns = beat_ns;
    b->hang_ns = hang_ns;
    lease_beats_alive(b);
    pthread_mutex_init(&b->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&b->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&b->thread, NULL, beat_main, b) != 0) {
        free(b);
        return ERR_MEMORY;
    }
    *ret = b;
    return ERR_OK;
}

void lease_beats_alive(struct lease_beats *b)
{
    __atomic_store_n(&b->alive_ns, clock_monotonic_ns(), __ATOMIC_RELAXED);
}

struct lease_beats *lease_beats_stop(struct lease_beats *b)
{
    if (b == NULL)
        return NULL;
    pthread_mutex_lock(&b->mutex);
    b->stop = true;
    pthread_cond_signal(&b->stopped);
    pthread_mutex_unlock(&b->mutex);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->stopped);
    pthread_mutex_destroy(&b->mutex);
    free(b);
    return NULL;
}
