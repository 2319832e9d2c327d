/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/verifier.h"

#include <stdlib.h>

#include "lib/check.h"

#define QUEUE_MAX 64u

struct job {
    size_t size;
    enum load_end end;
    uint32_t second;
    uint8_t der[CLIENT_BODY_MAX];
};

struct verifier {
    const struct signature_judge *judge;
    struct ledger *ledger;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t offered;
    uint64_t put;   /* jobs so far; job n is in place n % QUEUE_MAX */
    uint64_t taken; /* finished ones: its place is free again */
    uint64_t inline_count;
    bool stopping;
    struct job jobs[QUEUE_MAX];
};

static void judge_one(struct verifier *v, struct span der, enum load_end end, uint32_t second)
{
    bool accepts = signature_judge_accepts(v->judge, der);
    ledger_end(v->ledger, second, accepts ? end : LOAD_END_SIGNATURE);
}

static void *run(void *argument)
{
    struct verifier *v = argument;
    pthread_mutex_lock(&v->mutex);
    for (;;) {
        while (v->put == v->taken && !v->stopping)
            pthread_cond_wait(&v->offered, &v->mutex);
        if (v->put == v->taken)
            break;
        const struct job *job = &v->jobs[v->taken % QUEUE_MAX];
        pthread_mutex_unlock(&v->mutex);
        judge_one(v, span_of(job->der, job->size), job->end, job->second);
        pthread_mutex_lock(&v->mutex);
        v->taken++;
    }
    pthread_mutex_unlock(&v->mutex);
    return NULL;
}

enum err verifier_start(const struct signature_judge *judge, struct ledger *ledger,
                        struct verifier **ret)
{
    struct verifier *v = calloc(1, sizeof *v);
    if (v == NULL)
        return ERR_MEMORY;
    v->judge = judge;
    v->ledger = ledger;
    CHECK(pthread_mutex_init(&v->mutex, NULL) == 0 && pthread_cond_init(&v->offered, NULL) == 0);
    if (pthread_create(&v->thread, NULL, run, v) != 0) {
        free(v);
        return ERR_MEMORY;
    }
    *ret = v;
    return ERR_OK;
}

uint64_t verifier_stop(struct verifier *v)
{
    pthread_mutex_lock(&v->mutex);
    v->stopping = true;
    pthread_cond_signal(&v->offered);
    pthread_mutex_unlock(&v->mutex);
    CHECK(pthread_join(v->thread, NULL) == 0);
    CHECK(v->put == v->taken);
    uint64_t count = v->taken + v->inline_count;
    pthread_cond_destroy(&v->offered);
    pthread_mutex_destroy(&v->mutex);
    free(v);
    return count;
}

void verifier_offer(struct verifier *v, struct span der, enum load_end end, uint32_t second)
{
    CHECK(der.size <= CLIENT_BODY_MAX);
    pthread_mutex_lock(&v->mutex);
    bool queued = v->put - v->taken < QUEUE_MAX;
    if (queued) {
        struct job *job = &v->jobs[v->put++ % QUEUE_MAX];
        memcpy(job->der, der.data, der.size);
        job->size = der.size;
        job->end = end;
        job->second = second;
        pthread_cond_signal(&v->offered);
    } else {
        v->inline_count++;
    }
    pthread_mutex_unlock(&v->mutex);
    if (!queued)
        judge_one(v, der, end, second);
}
