/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots pass from a builder to several workers: nobody ever reads one that was freed (what ASan
 * and TSan watch), none is kept for good, and a worker that is stuck is not waited for. */
#include "edge/snapshot_exchange.h"
#include "lib/check.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORKERS      4
#define PUBLICATIONS 500
#define SEEN_MIN     20

struct worker {
    struct snapshot_exchange *exchange;
    uint32_t number;
    uint64_t seen; /* how many different ones */
    const bool *stop;
};

static void *work(void *argument)
{
    struct worker *w = argument;
    uint64_t newest = 0;
    while (!__atomic_load_n(w->stop, __ATOMIC_ACQUIRE)) {
        const struct snapshot *s = snapshot_take(w->exchange, w->number);
        if (s == NULL)
            continue;
        uint64_t commit = s->position.commit;
        /* Never an older one than before. */
        CHECK(commit >= newest && s->position.log_number == commit);
        if (commit > newest)
            __atomic_fetch_add(&w->seen, 1, __ATOMIC_RELAXED);
        newest = commit;
        if (commit % 5 == w->number)
            snapshot_leave(w->exchange, w->number);
    }
    snapshot_leave(w->exchange, w->number);
    return NULL;
}

static struct snapshot *numbered(uint64_t number)
{
    struct snapshot *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->position.commit = number;
    s->position.log_number = number;
    return s;
}

static bool all_have_seen(const struct worker *workers)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        if (__atomic_load_n(&workers[i].seen, __ATOMIC_RELAXED) < SEEN_MIN)
            return false;
    return true;
}

static void test_threads(void **state)
{
    (void)state;
    struct snapshot_exchange *x = aligned_alloc(64, sizeof *x);
    assert_non_null(x);
    snapshot_exchange_start(x, WORKERS + 1); /* the last one never takes part */
    bool stop = false;
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.exchange = x, .number = i, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    uint64_t published = 0;
    while (published < PUBLICATIONS || !all_have_seen(workers)) {
        struct snapshot *next = numbered(published + 1);
        if (snapshot_publish(x, next) == ERR_OK)
            published++;
        else
            snapshot_free(next);
        CHECK(x->retired_count <= SNAPSHOT_RETIRED_MAX);
        sched_yield();
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(snapshot_reclaim(x), 0);
    assert_int_equal(x->published_count, published);
    snapshot_exchange_stop(x);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
