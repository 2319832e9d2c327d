/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/sign_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "lib/check.h"
#include "lib/metrics.h"
#include "lib/ocsp_response.h"
#include "lib/os/log.h"
#include "lib/random.h"

/* Apart from each other by a cache line: each is written by its own thread. */
struct sign_thread {
    _Alignas(64) struct sign_totals totals;
    struct sign_pool *pool;
    pthread_t thread;
    unsigned number;
    uint64_t random;
};

struct sign_run {
    struct sign_source *source;
    const struct sign_item *items;
    uint8_t *signatures;
    size_t count;
    enum sign_verify verify;
    size_t next; /* atomic: first item nobody has taken */
    int err;     /* atomic: the first error; others then stop taking */
};

struct sign_pool {
    pthread_mutex_t lock;
    pthread_cond_t start;
    pthread_cond_t done;
    uint64_t generation; /* one more for each run */
    unsigned working;
    bool stop;
    unsigned thread_count;
    enum sign_verify verify;
    struct sign_run run;
    struct sign_thread *threads;
};

struct sign_source {
    const struct ocsp_template *template_;
    size_t signature_size;
    unsigned count;
    struct signer_worker **workers;
    struct template_verifier **verifiers;
};

/* Which signatures are verified must be unpredictable to a fault, not to a foe. */
static bool must_verify(struct sign_thread *thread, bool first)
{
    switch (thread->pool->run.verify) {
    case SIGN_VERIFY_ALL:
        return true;
    case SIGN_VERIFY_SAMPLE:
        return first || (random_next(&thread->random) >> 32) % SIGN_SAMPLE_RATE == 0;
    case SIGN_VERIFY_NONE:
        break;
    }
    return false;
}

static enum err verify(struct sign_thread *thread, const struct sign_source *source,
                       const struct sign_item *item, struct span signature)
{
    struct statement s = {.serial = item->serial, .facts = item->facts, .signature = signature};
    enum err err = template_verify(source->verifiers[thread->number], &s);
    counter_add(&thread->totals.verified, 1);
    if (err == ERR_OK)
        return ERR_OK;
    counter_add(&thread->totals.verify_failures, 1);
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(&item->serial, hex);
    log_error("the signature made for serial %s does not verify: %s", hex, err_text(err));
    return ERR_SIGNATURE;
}

static enum err sign_one(struct sign_thread *thread, const struct sign_source *source,
                         const struct sign_item *item, uint8_t *out, bool first)
{
    uint8_t tbs[OCSP_TBS_BYTES_MAX];
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t tbs_size = 0;
    size_t size = 0;
    TRY(ocsp_tbs_encode(source->template_, &item->serial, &item->facts, item->facts.this_update_s,
                        tbs, sizeof tbs, &tbs_size));
    enum err err = signer_worker_sign(source->workers[thread->number], span_of(tbs, tbs_size),
                                      signature, &size);
    if (err == ERR_OK && size != source->signature_size)
        err = ERR_CRYPTO;
    if (err != ERR_OK) {
        counter_add(&thread->totals.sign_failures, 1);
        return err;
    }
    memcpy(out, signature, size);
    if (must_verify(thread, first))
        return verify(thread, source, item, span_of(out, size));
    return ERR_OK;
}

static enum err sign_batch(struct sign_thread *thread, const struct sign_run *run, size_t from,
                           size_t to, bool first)
{
    const struct sign_source *source = run->source;
    for (size_t i = from; i < to; i++)
        TRY(sign_one(thread, source, &run->items[i], run->signatures + i * source->signature_size,
                     first && i == from));
    counter_add(&thread->totals.signatures, to - from);
    return ERR_OK;
}

/* Takes some of the items that nobody has taken: fewer and fewer towards the end, so that all
 * threads end at about the same time. false: none are left. */
static bool share_take(const struct sign_pool *pool, struct sign_run *run, size_t *ret_from,
                       size_t *ret_to)
{
    size_t from = __atomic_load_n(&run->next, __ATOMIC_RELAXED);
    size_t count;
    do {
        if (from >= run->count)
            return false;
        count = (run->count - from) / (pool->thread_count * 4u) + 1;
        count = count < SIGN_BATCH_COUNT ? count : SIGN_BATCH_COUNT;
    } while (!__atomic_compare_exchange_n(&run->next, &from, from + count, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    *ret_from = from;
    *ret_to = from + count;
    return true;
}

static void sign_share(struct sign_thread *thread, struct sign_run *run)
{
    bool first = true; /* of this thread in this run */
    size_t from;
    size_t to;
    while (__atomic_load_n(&run->err, __ATOMIC_RELAXED) == ERR_OK &&
           share_take(thread->pool, run, &from, &to)) {
        enum err err = sign_batch(thread, run, from, to, first);
        first = false;
        int none = ERR_OK;
        if (err != ERR_OK)
            __atomic_compare_exchange_n(&run->err, &none, (int)err, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
    }
}

static void *thread_main(void *context)
{
    struct sign_thread *thread = context;
    struct sign_pool *pool = thread->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        if (pool->generation == seen) {
            pthread_cond_wait(&pool->start, &pool->lock);
            continue;
        }
        seen = pool->generation;
        pthread_mutex_unlock(&pool->lock);
        sign_share(thread, &pool->run);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static enum err threads_start(struct sign_pool *pool, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct sign_thread *thread = &pool->threads[i];
        thread->pool = pool;
        thread->number = i;
        if (RAND_bytes((unsigned char *)&thread->random, sizeof thread->random) != 1)
            return ERR_CRYPTO;
        if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0)
            return ERR_MEMORY;
        pool->thread_count++;
    }
    return ERR_OK;
}

enum err sign_pool_new(unsigned thread_count, enum sign_verify verify_, struct sign_pool **ret)
{
    if (thread_count == 0 || thread_count > SIGN_THREADS_MAX)
        return ERR_RANGE;
    struct sign_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return ERR_MEMORY;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->verify = verify_;
    pool->threads = aligned_alloc(64, thread_count * sizeof *pool->threads);
    enum err err = ERR_MEMORY;
    if (pool->threads != NULL) {
        memset(pool->threads, 0, thread_count * sizeof *pool->threads);
        err = threads_start(pool, thread_count);
    }
    if (err != ERR_OK) {
        sign_pool_free(pool);
        return err;
    }
    *ret = pool;
    return ERR_OK;
}

struct sign_pool *sign_pool_free(struct sign_pool *pool)
{
    if (pool == NULL)
        return NULL;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->start);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
    return NULL;
}

void sign_pool_totals(const struct sign_pool *pool, struct sign_totals *ret)
{
    struct sign_totals sum = {0};
    for (unsigned i = 0; i < pool->thread_count; i++) {
        const struct sign_totals *t = &pool->threads[i].totals;
        sum.signatures += counter_get(&t->signatures);
        sum.verified += counter_get(&t->verified);
        sum.verify_failures += counter_get(&t->verify_failures);
        sum.sign_failures += counter_get(&t->sign_failures);
    }
    *ret = sum;
}

void sign_pool_start(struct sign_pool *pool, struct sign_source *source,
                     const struct sign_item *items, size_t count, bool each, uint8_t *signatures)
{
    bool all = each && pool->verify == SIGN_VERIFY_SAMPLE;
    CHECK(source->count == pool->thread_count);
    pthread_mutex_lock(&pool->lock);
    CHECK(pool->working == 0);
    pool->run = (struct sign_run){.source = source,
                                  .items = items,
                                  .signatures = signatures,
                                  .count = count,
                                  .verify = all ? SIGN_VERIFY_ALL : pool->verify};
    pool->working = pool->thread_count;
    pool->generation++;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
}

enum err sign_pool_wait(struct sign_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->working > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    enum err err = (enum err)pool->run.err;
    pthread_mutex_unlock(&pool->lock);
    return err;
}

enum err sign_pool_run(struct sign_pool *pool, struct sign_source *source,
                       const struct sign_item *items, size_t count, uint8_t *signatures)
{
    if (count == 0)
        return ERR_OK;
    sign_pool_start(pool, source, items, count, false, signatures);
    return sign_pool_wait(pool);
}

static enum err source_fill(struct sign_source *source, struct signer *signer)
{
    for (unsigned i = 0; i < source->count; i++) {
        TRY(signer_worker_new(signer, &source->workers[i]));
        TRY(template_verifier_new(source->template_, &source->verifiers[i]));
    }
    return ERR_OK;
}

enum err sign_source_new(struct sign_pool *pool, struct signer *signer,
                         const struct ocsp_template *t, struct sign_source **ret)
{
    const struct sig_alg_info *alg = sig_alg_info(t->sig_alg);
    if (alg == NULL)
        return ERR_UNSUPPORTED;
    struct sign_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return ERR_MEMORY;
    source->template_ = t;
    source->signature_size = alg->size;
    source->count = pool->thread_count;
    source->workers = calloc(source->count, sizeof(struct signer_worker *));
    source->verifiers = calloc(source->count, sizeof(struct template_verifier *));
    enum err err = source->workers == NULL || source->verifiers == NULL
                       ? ERR_MEMORY
                       : source_fill(source, signer);
    if (err != ERR_OK) {
        sign_source_free(source);
        return err;
    }
    *ret = source;
    return ERR_OK;
}

struct sign_source *sign_source_free(struct sign_source *source)
{
    if (source == NULL)
        return NULL;
    for (unsigned i = 0; i < source->count; i++) {
        if (source->workers != NULL)
            signer_worker_free(source->workers[i]);
        if (source->verifiers != NULL)
            template_verifier_free(source->verifiers[i]);
    }
    free(source->workers);
    free(source->verifiers);
    free(source);
    return NULL;
}

const struct ocsp_template *sign_source_template(const struct sign_source *source)
{
    return source->template_;
}

size_t sign_source_signature_size(const struct sign_source *source)
{
    return source->signature_size;
}
