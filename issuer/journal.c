/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/audit_key.h"
#include "issuer/audit_tiles.h"
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"

#define NS_PER_S      1000000000u
#define RETRY_MIN_NS  100000000u  /* 100 ms */
#define RETRY_MAX_NS  5000000000u /* 5 s */
#define NO_DEADLINE   UINT64_MAX
#define PROGRAM_ACTOR "program:statim-issuer"

_Static_assert(JOURNAL_WAITING_MAX <= AUDIT_BATCH_MAX, "one append takes all that waits");

/* One caller of journal_append_all(), on its stack. */
struct waiter {
    struct waiter *next;
    const struct span *entries;
    size_t count;
    size_t bytes;
    uint64_t first;
    enum err err;
    bool done;
};

struct journal {
    char folder[AUDIT_PATH_MAX];
    uint64_t gather_ns;
    uint64_t checkpoint_ns;
    struct publish_key *key;
    pthread_t thread;

    /* The thread's own. */
    struct audit_log *log; /* NULL: failed and not opened again yet */
    uint64_t retry_ns;     /* pause before the next attempt to open it */
    uint64_t retry_at_ns;
    struct span batch[AUDIT_BATCH_MAX];

    /* Under the mutex. */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* for the thread: more waits, or stop */
    pthread_cond_t done; /* for the callers */
    bool stop;
    struct waiter *first;
    struct waiter **last;
    size_t waiting_bytes;
    uint64_t unsigned_since_ns; /* when the oldest entry without a checkpoint was written */
    struct journal_status status;
};

static size_t bytes_of(const struct span *entries, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += entries[i].size;
    return bytes;
}

static enum err may_wait(const struct journal *j, const struct waiter *w)
{
    if (j->stop)
        return ERR_STOPPED;
    if (j->status.err != ERR_OK)
        return j->status.err;
    bool room = j->status.waiting + w->count <= JOURNAL_WAITING_MAX &&
                j->waiting_bytes + w->bytes <= JOURNAL_WAITING_BYTES_MAX;
    return room ? ERR_OK : ERR_BUSY;
}

enum err journal_append_all(struct journal *j, const struct span *entries, size_t count,
                            uint64_t *ret_first)
{
    TRY(audit_entries_check(entries, count));
    struct waiter w = {.entries = entries, .count = count, .bytes = bytes_of(entries, count)};
    pthread_mutex_lock(&j->mutex);
    w.err = may_wait(j, &w);
    if (w.err == ERR_OK) {
        *j->last = &w;
        j->last = &w.next;
        j->status.waiting += count;
        j->waiting_bytes += w.bytes;
        pthread_cond_signal(&j->work);
        while (!w.done)
            pthread_cond_wait(&j->done, &j->mutex);
    }
    if (w.err != ERR_OK)
        j->status.refused += count;
    pthread_mutex_unlock(&j->mutex);
    TRY(w.err);
    *ret_first = w.first;
    return ERR_OK;
}

enum err journal_append(struct journal *j, struct span entry, uint64_t *ret_leaf)
{
    return journal_append_all(j, &entry, 1, ret_leaf);
}

enum err journal_record(struct journal *j, const struct audit_event *event, uint64_t *ret_leaf)
{
    char entry[AUDIT_ENTRY_BYTES_MAX];
    size_t size;
    enum err err = audit_event_write(event, entry, sizeof entry, &size);
    if (err != ERR_OK)
        return err == ERR_NO_SPACE ? ERR_LIMIT : err;
    return journal_append(j, span_of(entry, size), ret_leaf);
}

void journal_status(struct journal *j, struct journal_status *ret)
{
    pthread_mutex_lock(&j->mutex);
    *ret = j->status;
    uint64_t since_ns = j->unsigned_since_ns;
    pthread_mutex_unlock(&j->mutex);
    ret->unsigned_ns = since_ns == 0 ? 0 : clock_monotonic_ns() - since_ns;
}

uint64_t journal_size(struct journal *j)
{
    struct journal_status status;
    journal_status(j, &status);
    return status.size;
}

/* --- The thread. What follows is called by it, with the mutex where it says so. --- */

/* With the mutex: the first `count` waiters are answered. */
static void answer(struct journal *j, size_t count, enum err err, uint64_t first)
{
    for (size_t i = 0; i < count; i++) {
        struct waiter *w = j->first;
        j->first = w->next;
        j->status.waiting -= w->count;
        j->waiting_bytes -= w->bytes;
        w->err = err;
        w->first = first;
        first += w->count;
        w->done = true; /* from here on it is the caller's */
    }
    if (j->first == NULL)
        j->last = &j->first;
    pthread_cond_broadcast(&j->done);
}

/* With the mutex: nothing is taken until reopen() succeeds. */
static void fail(struct journal *j, const char *what, enum err err)
{
    log_error("audit log %s: %s failed: %s; nothing is issued until it is writable again",
              j->folder, what, err_text(err));
    size_t count = 0;
    for (const struct waiter *w = j->first; w != NULL; w = w->next)
        count++;
    j->status.err = err;
    j->status.failures++;
    j->retry_ns = RETRY_MIN_NS;
    j->retry_at_ns = clock_monotonic_ns() + j->retry_ns;
    answer(j, count, err, 0);
}

static uint64_t checkpoint_due_ns(const struct journal *j)
{
    return j->unsigned_since_ns == 0 ? NO_DEADLINE : j->unsigned_since_ns + j->checkpoint_ns;
}

/* With the mutex, which is dropped meanwhile. */
static void sign_checkpoint(struct journal *j)
{
    pthread_mutex_unlock(&j->mutex);
    enum err err = audit_log_checkpoint(j->log);
    pthread_mutex_lock(&j->mutex);
    if (err != ERR_OK) {
        fail(j, "a checkpoint", err);
        return;
    }
    j->status.signed_size = j->status.size;
    j->status.checkpoints++;
    j->unsigned_since_ns = 0;
}

/* With the mutex: puts what waits into the batch; how many waiters it is. */
static size_t take_batch(struct journal *j, size_t *ret_entries)
{
    size_t waiters = 0;
    size_t entries = 0;
    for (const struct waiter *w = j->first; w != NULL; w = w->next) {
        memcpy(j->batch + entries, w->entries, w->count * sizeof *w->entries);
        entries += w->count;
        waiters++;
    }
    *ret_entries = entries;
    return waiters;
}

/* With the mutex, which is dropped meanwhile. Those who come then wait for the next one. */
static void commit(struct journal *j)
{
    size_t entries;
    uint64_t first = 0;
    size_t waiters = take_batch(j, &entries);
    pthread_mutex_unlock(&j->mutex);
    enum err err = audit_log_append(j->log, j->batch, entries, &first);
    uint64_t size = audit_log_size(j->log);
    uint64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&j->mutex);
    if (err != ERR_OK) {
        fail(j, "an append", err);
        return;
    }
    j->status.size = size;
    j->status.commits++;
    if (j->unsigned_since_ns == 0)
        j->unsigned_since_ns = now_ns;
    answer(j, waiters, ERR_OK, first);
}

/* With the mutex, which is dropped meanwhile. What the disk has counts, not what we remember: an
 * append may have failed behind the rename of the state. */
static void reopen(struct journal *j)
{
    pthread_mutex_unlock(&j->mutex);
    j->log = audit_log_close(j->log);
    enum err err = audit_log_open(j->folder, j->key, &j->log);
    if (err == ERR_OK)
        err = audit_log_checkpoint(j->log);
    uint64_t size = err == ERR_OK ? audit_log_size(j->log) : 0;
    pthread_mutex_lock(&j->mutex);
    if (err != ERR_OK) {
        j->status.err = err;
        j->retry_ns = 2 * j->retry_ns < RETRY_MAX_NS ? 2 * j->retry_ns : RETRY_MAX_NS;
        j->retry_at_ns = clock_monotonic_ns() + j->retry_ns;
        return;
    }
    j->status.err = ERR_OK;
    j->status.size = size;
    j->status.signed_size = size;
    j->status.checkpoints++;
    j->unsigned_since_ns = 0;
    log_info("audit log %s: writable again, %llu entries", j->folder, (unsigned long long)size);
}

/* With the mutex: until `until_ns`, or the next signal. */
static void sleep_until(struct journal *j, uint64_t until_ns)
{
    if (until_ns == NO_DEADLINE) {
        pthread_cond_wait(&j->work, &j->mutex);
        return;
    }
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    pthread_cond_timedwait(&j->work, &j->mutex, &until);
}

/* With the mutex: a moment for others to come. */
static void gather(struct journal *j)
{
    uint64_t until_ns = clock_monotonic_ns() + j->gather_ns;
    while (j->gather_ns > 0 && !j->stop && clock_monotonic_ns() < until_ns)
        sleep_until(j, until_ns);
}

/* With the mutex: one thing that is to be done now. False: nothing is. */
static bool step(struct journal *j)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (j->status.err != ERR_OK) {
        if (now_ns < j->retry_at_ns)
            return false;
        reopen(j);
    } else if (now_ns >= checkpoint_due_ns(j)) {
        sign_checkpoint(j);
    } else if (j->first != NULL) {
        gather(j);
        commit(j);
    } else {
        return false;
    }
    return true;
}

static void *journal_main(void *context)
{
    struct journal *j = context;
    pthread_mutex_lock(&j->mutex);
    for (;;) {
        if (step(j))
            continue;
        if (j->stop)
            break;
        sleep_until(j, j->status.err != ERR_OK ? j->retry_at_ns : checkpoint_due_ns(j));
    }
    if (j->status.err == ERR_OK && j->unsigned_since_ns != 0)
        sign_checkpoint(j);
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

/* --- Start and end. --- */

static enum err set_options(struct journal *j, const struct journal_options *options)
{
    if (options->gather_ns > JOURNAL_GATHER_NS_MAX ||
        options->retention_years > AUDIT_RETENTION_YEARS_MAX)
        return ERR_RANGE;
    j->gather_ns = options->gather_ns;
    j->checkpoint_ns = options->checkpoint_ns == 0 ? JOURNAL_CHECKPOINT_NS : options->checkpoint_ns;
    int size = snprintf(j->folder, sizeof j->folder, "%s", options->folder);
    return size >= 0 && (size_t)size < sizeof j->folder ? ERR_OK : ERR_LIMIT;
}

static enum err open_log(struct journal *j, const struct journal_options *options)
{
    unsigned years =
        options->retention_years == 0 ? AUDIT_RETENTION_YEARS : options->retention_years;
    TRY(audit_key_load(options->key, j->folder, &j->key));
    TRY(audit_log_open(j->folder, j->key, &j->log));
    TRY(audit_retention_set(j->log, j->folder, publish_key_public(j->key), years, clock_wall_s(),
                            span_text(PROGRAM_ACTOR)));
    TRY(audit_log_checkpoint(j->log));
    j->status.size = j->status.signed_size = audit_log_size(j->log);
    return ERR_OK;
}

static enum err start_thread(struct journal *j)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->done, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&j->work, &attributes);
    pthread_condattr_destroy(&attributes);
    return pthread_create(&j->thread, NULL, journal_main, j) == 0 ? ERR_OK : ERR_MEMORY;
}

static void release(struct journal *j)
{
    audit_log_close(j->log);
    publish_key_free(j->key);
    free(j);
}

enum err journal_open(const struct journal_options *options, struct journal **ret)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_MEMORY;
    j->last = &j->first;
    enum err err = set_options(j, options);
    if (err == ERR_OK)
        err = open_log(j, options);
    if (err == ERR_OK)
        err = start_thread(j);
    if (err != ERR_OK) {
        log_error("audit log %s: %s", options->folder,
                  err == ERR_CONFLICT ? "it promises to keep entries longer than retention_years"
                                      : err_text(err));
        release(j);
        return err;
    }
    *ret = j;
    return ERR_OK;
}

struct journal *journal_close(struct journal *j)
{
    if (j == NULL)
        return NULL;
    pthread_mutex_lock(&j->mutex);
    j->stop = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->mutex);
    pthread_join(j->thread, NULL);
    CHECK(j->first == NULL);
    pthread_cond_destroy(&j->work);
    pthread_cond_destroy(&j->done);
    pthread_mutex_destroy(&j->mutex);
    release(j);
    return NULL;
}
