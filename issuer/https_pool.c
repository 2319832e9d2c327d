/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"

struct https_pool {
    const struct https_options *options;
    int wake_fd;
    uint64_t ring_count;  /* atomic */
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t work;  /* a job was queued, or `stopping` */
    pthread_cond_t ready; /* a worker reported */
    struct https_job_list queues[HTTPS_LISTENERS_MAX], done;
    uint32_t next_queue;
    uint64_t queued, busy;
    bool stopping;
    uint32_t reported; /* workers that started or failed */
    enum err start_err;
    uint32_t thread_count;
    pthread_t threads[HTTPS_WORKERS_MAX];
};

struct worker {
    struct https_pool *pool;
    uint32_t index;
};

static void lock(struct https_pool *pool)
{
    CHECK(pthread_mutex_lock(&pool->lock) == 0);
}

static void unlock(struct https_pool *pool)
{
    CHECK(pthread_mutex_unlock(&pool->lock) == 0);
}

static void wake_loop(struct https_pool *pool)
{
    uint64_t one = 1;
    CHECK(write(pool->wake_fd, &one, sizeof one) == sizeof one);
}

/* Listeners in turn. NULL: nothing waits. */
static struct https_job *take(struct https_pool *pool)
{
    for (uint32_t i = 0; i < HTTPS_LISTENERS_MAX; i++) {
        struct https_job_list *queue = &pool->queues[pool->next_queue];
        pool->next_queue = (pool->next_queue + 1) % HTTPS_LISTENERS_MAX;
        struct https_job *job = TAILQ_FIRST(queue);
        if (job == NULL)
            continue;
        TAILQ_REMOVE(queue, job, link);
        job->state = HTTPS_JOB_TAKEN;
        pool->queued--;
        pool->busy++;
        return job;
    }
    return NULL;
}

static void serve(struct https_pool *pool, void *worker)
{
    lock(pool);
    for (;;) {
        struct https_job *job = NULL;
        while (!pool->stopping && (job = take(pool)) == NULL)
            CHECK(pthread_cond_wait(&pool->work, &pool->lock) == 0);
        if (job == NULL)
            break;
        unlock(pool);
        job->ring_count = https_pool_rings(pool);
        https_job_run(pool->options, worker, job);
        lock(pool);
        job->state = HTTPS_JOB_IDLE;
        pool->busy--;
        TAILQ_INSERT_TAIL(&pool->done, job, link);
        wake_loop(pool);
    }
    unlock(pool);
}

static void report(struct https_pool *pool, enum err err)
{
    lock(pool);
    pool->reported++;
    if (err != ERR_OK)
        pool->start_err = err;
    CHECK(pthread_cond_signal(&pool->ready) == 0);
    unlock(pool);
}

static void *run(void *argument)
{
    struct worker *w = argument;
    struct https_pool *pool = w->pool;
    const struct https_options *options = pool->options;
    void *context = NULL;
    enum err err = options->worker_start != NULL
                       ? options->worker_start(options->server, w->index, &context)
                       : ERR_OK;
    free(w);
    report(pool, err);
    if (err != ERR_OK)
        return NULL;
    serve(pool, context);
    if (options->worker_stop != NULL)
        options->worker_stop(options->server, context);
    return NULL;
}

static enum err start_thread(struct https_pool *pool, uint32_t index)
{
    struct worker *w = malloc(sizeof *w);
    if (w == NULL)
        return ERR_MEMORY;
    *w = (struct worker){.pool = pool, .index = index};
    if (pthread_create(&pool->threads[index], NULL, run, w) != 0) {
        free(w);
        return ERR_IO;
    }
    pool->thread_count++;
    return ERR_OK;
}

static uint32_t worker_count(const struct https_options *options)
{
    long count = options->worker_count;
    if (count == 0)
        count = 2 * sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > HTTPS_WORKERS_MAX ? HTTPS_WORKERS_MAX : (uint32_t)count;
}

/* Signals belong to the program's own threads. */
static enum err start_threads(struct https_pool *pool)
{
    sigset_t all, before;
    enum err err = ERR_OK;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    for (uint32_t i = 0; err == ERR_OK && i < worker_count(pool->options); i++)
        err = start_thread(pool, i);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    lock(pool);
    while (pool->reported < pool->thread_count)
        CHECK(pthread_cond_wait(&pool->ready, &pool->lock) == 0);
    if (err == ERR_OK)
        err = pool->start_err;
    unlock(pool);
    return err;
}

enum err https_pool_start(const struct https_options *options, int wake_fd, struct https_pool **ret)
{
    struct https_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return ERR_MEMORY;
    pool->options = options;
    pool->wake_fd = wake_fd;
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->work, NULL) == 0);
    CHECK(pthread_cond_init(&pool->ready, NULL) == 0);
    TAILQ_INIT(&pool->done);
    for (uint32_t i = 0; i < HTTPS_LISTENERS_MAX; i++)
        TAILQ_INIT(&pool->queues[i]);
    enum err err = start_threads(pool);
    if (err != ERR_OK) {
        https_pool_stop(pool);
        return err;
    }
    *ret = pool;
    return ERR_OK;
}

void https_pool_push(struct https_pool *pool, struct https_job *job)
{
    lock(pool);
    CHECK(job->state == HTTPS_JOB_IDLE);
    job->state = HTTPS_JOB_QUEUED;
    TAILQ_INSERT_TAIL(&pool->queues[job->listener], job, link);
    pool->queued++;
    CHECK(pthread_cond_signal(&pool->work) == 0);
    unlock(pool);
}

bool https_pool_withdraw(struct https_pool *pool, struct https_job *job)
{
    lock(pool);
    bool waits = job->state == HTTPS_JOB_QUEUED;
    if (waits) {
        TAILQ_REMOVE(&pool->queues[job->listener], job, link);
        job->state = HTTPS_JOB_IDLE;
        pool->queued--;
    }
    unlock(pool);
    return waits;
}

void https_pool_done(struct https_pool *pool, struct https_job_list *ret)
{
    lock(pool);
    TAILQ_CONCAT(ret, &pool->done, link);
    unlock(pool);
}

void https_pool_ring(struct https_pool *pool)
{
    __atomic_add_fetch(&pool->ring_count, 1, __ATOMIC_SEQ_CST);
    wake_loop(pool);
}

uint64_t https_pool_rings(const struct https_pool *pool)
{
    return __atomic_load_n(&pool->ring_count, __ATOMIC_SEQ_CST);
}

void https_pool_load(struct https_pool *pool, uint64_t *ret_queued, uint64_t *ret_busy)
{
    lock(pool);
    *ret_queued = pool->queued;
    *ret_busy = pool->busy;
    unlock(pool);
}

void https_pool_stop(struct https_pool *pool)
{
    if (pool == NULL)
        return;
    lock(pool);
    pool->stopping = true;
    CHECK(pthread_cond_broadcast(&pool->work) == 0);
    unlock(pool);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        CHECK(pthread_join(pool->threads[i], NULL) == 0);
    pthread_cond_destroy(&pool->ready);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
