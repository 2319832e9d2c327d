/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/background.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/priority.h"

struct background {
    struct priority priority;
    bool idles;        /* goes to the background at all; the watcher is there */
    pid_t thread_id;   /* of the working thread */
    pthread_t watcher; /* the second thread */
    sem_t begun;       /* posted in turn: begun, ended, begun ... */
    sem_t ended;
    bool stop;      /* atomic; followed by a post of `begun` */
    bool impatient; /* atomic; the patience has run out since it was renewed */
    bool idle;      /* this piece of work began as SCHED_IDLE */
};

/* Refused only when the right was taken away meanwhile, by prlimit(1) say: then the thread works on
 * as it is, until somebody gives it another policy. */
static void set_policy(pid_t thread_id, int policy)
{
    (void)sched_setscheduler(thread_id, policy, &(struct sched_param){0});
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        CHECK(errno == EINTR);
}

/* false: not within the patience. */
static bool wait_patiently(sem_t *semaphore)
{
    uint64_t until_ns = clock_monotonic_ns() + BACKGROUND_PATIENCE_NS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) != 0) {
        CHECK(errno == EINTR || errno == ETIMEDOUT);
        if (errno == ETIMEDOUT)
            return false;
    }
    return true;
}

/* Putting the working thread back among the others is right at any time, also when it has just
 * ended, or begun again: so nothing need be locked. It is done again and again because the thread
 * may have been on its way to the background. */
static void *watch(void *argument)
{
    struct background *b = argument;
    for (;;) {
        wait_for(&b->begun);
        if (__atomic_load_n(&b->stop, __ATOMIC_RELAXED))
            return NULL;
        while (!wait_patiently(&b->ended)) {
            __atomic_store_n(&b->impatient, true, __ATOMIC_RELAXED);
            set_policy(b->thread_id, SCHED_OTHER);
        }
    }
}

static bool start_watcher(struct background *b)
{
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&b->watcher, NULL, watch, b);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    errno = error;
    return error == 0;
}

enum err background_new(struct background **ret)
{
    struct background *b = calloc(1, sizeof *b);
    if (b == NULL)
        return ERR_MEMORY;
    b->priority = priority_here();
    b->thread_id = gettid();
    /* One that an operator has given another policy keeps it. */
    b->idles = b->priority.returns && sched_getscheduler(0) == SCHED_OTHER;
    CHECK(sem_init(&b->begun, 0, 0) == 0 && sem_init(&b->ended, 0, 0) == 0);
    if (b->idles && !start_watcher(b)) {
        b->idles = false;
        background_free(b);
        return ERR_IO;
    }
    *ret = b;
    return ERR_OK;
}

struct background *background_free(struct background *b)
{
    if (b == NULL)
        return NULL;
    if (b->idles) {
        __atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
        sem_post(&b->begun);
        CHECK(pthread_join(b->watcher, NULL) == 0);
    }
    sem_destroy(&b->begun);
    sem_destroy(&b->ended);
    free(b);
    return NULL;
}

void background_begin(struct background *b)
{
    if (!b->idles)
        return;
    priority_background(&b->priority, true);
    b->idle = !__atomic_load_n(&b->impatient, __ATOMIC_RELAXED);
    if (!b->idle)
        return;
    sem_post(&b->begun);
    set_policy(b->thread_id, SCHED_IDLE);
}

void background_end(struct background *b)
{
    if (!b->idles)
        return;
    if (b->idle) {
        set_policy(b->thread_id, SCHED_OTHER);
        sem_post(&b->ended);
    }
    priority_background(&b->priority, false);
}

void background_renew(struct background *b)
{
    __atomic_store_n(&b->impatient, false, __ATOMIC_RELAXED);
}
