/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/sqlite_gate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/check.h"

struct waiter {
    struct waiter *next;
    pthread_cond_t woken;
    bool inside;
};

struct sqlite_gate {
    struct sqlite_gate *next;
    dev_t device;
    ino_t inode;
    unsigned users;
    bool taken;
    struct waiter *first, **last; /* the queue, and where the next one is put */
};

/* Of all gates: what is done under it takes no time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sqlite_gate *gates;

static struct sqlite_gate *find(const struct stat *file)
{
    struct sqlite_gate *gate = gates;
    while (gate != NULL && (gate->device != file->st_dev || gate->inode != file->st_ino))
        gate = gate->next;
    return gate;
}

static struct sqlite_gate *find_or_add(const struct stat *file)
{
    struct sqlite_gate *gate = find(file);
    if (gate == NULL) {
        gate = calloc(1, sizeof *gate);
        if (gate == NULL)
            return NULL;
        gate->device = file->st_dev;
        gate->inode = file->st_ino;
        gate->last = &gate->first;
        gate->next = gates;
        gates = gate;
    }
    gate->users++;
    return gate;
}

enum err sqlite_gate_open(const char *path, struct sqlite_gate **ret)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return ERR_IO;
    pthread_mutex_lock(&lock);
    struct sqlite_gate *gate = find_or_add(&file);
    pthread_mutex_unlock(&lock);
    if (gate == NULL)
        return ERR_MEMORY;
    *ret = gate;
    return ERR_OK;
}

struct sqlite_gate *sqlite_gate_close(struct sqlite_gate *gate)
{
    if (gate == NULL)
        return NULL;
    pthread_mutex_lock(&lock);
    if (--gate->users == 0) {
        struct sqlite_gate **at = &gates;
        while (*at != gate)
            at = &(*at)->next;
        *at = gate->next;
        free(gate);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void leave_queue(struct sqlite_gate *gate, const struct waiter *w)
{
    struct waiter **at = &gate->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (gate->last == &w->next)
        gate->last = at;
}

/* Until the one before hands the gate over. */
static enum err wait_in_queue(struct sqlite_gate *gate, const struct timespec *deadline)
{
    struct waiter w = {.next = NULL};
    int result = 0;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w.woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *gate->last = &w;
    gate->last = &w.next;
    while (!w.inside && result == 0)
        result = pthread_cond_timedwait(&w.woken, &lock, deadline);
    if (!w.inside)
        leave_queue(gate, &w);
    pthread_cond_destroy(&w.woken);
    return w.inside ? ERR_OK : ERR_BUSY;
}

enum err sqlite_gate_enter(struct sqlite_gate *gate, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};
    enum err err = ERR_OK;
    pthread_mutex_lock(&lock);
    if (gate->taken)
        err = wait_in_queue(gate, &deadline);
    else
        gate->taken = true;
    pthread_mutex_unlock(&lock);
    return err;
}

void sqlite_gate_leave(struct sqlite_gate *gate)
{
    pthread_mutex_lock(&lock);
    CHECK(gate->taken);
    struct waiter *next = gate->first;
    if (next == NULL) {
        gate->taken = false;
    } else {
        /* Handed over: it stays taken. */
        gate->first = next->next;
        if (gate->first == NULL)
            gate->last = &gate->first;
        next->inside = true;
        pthread_cond_signal(&next->woken);
    }
    pthread_mutex_unlock(&lock);
}
