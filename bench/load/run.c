/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/load/load_thread.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define SECOND_NS UINT64_C(1000000000)
/* Beyond a connection's descriptor: rings, files, standard streams. */
#define DESCRIPTORS_EXTRA 64u

struct load {
    struct load_stretch stretch;
    struct ledger ledger;
    struct signature_judge *judge;
    struct load_thread *threads[LOAD_THREADS_MAX];
    uint32_t started; /* of the threads */
};

static uint64_t ns_of(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static void raise_descriptor_limit(uint32_t connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + DESCRIPTORS_EXTRA)
        return;
    limit.rlim_cur = connections + DESCRIPTORS_EXTRA;
    if (limit.rlim_max < limit.rlim_cur)
        limit.rlim_max = limit.rlim_cur;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* the ring says when it was not enough */
}

static enum err start_verifier(struct load *load, const struct load_target *target)
{
    if (load->stretch.options->verify != LOAD_VERIFY_SIGNATURE || target->is_plain)
        return ERR_OK;
    TRY(signature_judge_new(&target->issuer, &load->judge));
    return verifier_start(load->judge, &load->ledger, &load->stretch.verifier);
}

static enum err make_threads(struct load *load)
{
    const struct load_options *options = load->stretch.options;
    uint32_t count = load->stretch.thread_count;
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t share = options->connections / count + (i < options->connections % count);
        TRY(load_thread_new(&load->stretch, i, first, share, &load->threads[i]));
        first += share;
    }
    return ERR_OK;
}

static enum err start_threads(struct load *load)
{
    for (uint32_t i = 0; i < load->stretch.thread_count; i++) {
        struct load_thread *t = load->threads[i];
        if (pthread_create(&t->thread, NULL, load_thread_run, t) != 0)
            return ERR_MEMORY;
        load->started++;
    }
    return ERR_OK;
}

static void wait_prepared(struct load *load)
{
    struct load_stretch *s = &load->stretch;
    pthread_mutex_lock(&s->mutex);
    while (s->prepared_count < load->started)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

static void open_gate(struct load_stretch *s)
{
    pthread_mutex_lock(&s->mutex);
    s->is_open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static enum err prepared(const struct load *load)
{
    for (uint32_t i = 0; i < load->started; i++) {
        enum err err = load->threads[i]->err;
        if (err == ERR_LIMIT)
            fprintf(stderr, "statim-bench: more connections than descriptors: raise ulimit -n\n");
        else if (err == ERR_UNSUPPORTED)
            fprintf(stderr, "statim-bench: io_uring of Linux 6.1 or newer is needed, and no policy "
                            "that forbids it\n");
        TRY(err);
    }
    return ERR_OK;
}

static void set_times(struct load_stretch *s)
{
    const struct load_options *options = s->options;
    s->begin_ns = clock_monotonic_ns();
    s->start_ns = s->begin_ns + ns_of(options->warmup_s);
    s->end_ns = s->start_ns + ns_of(options->duration_s);
    s->timeout_ns = ns_of(options->timeout_s);
}

/* ---- while it runs ---- */

static void copy_ledger(struct load *load, struct load_result *result, bool whole)
{
    struct ledger *ledger = &load->ledger;
    pthread_mutex_lock(&ledger->mutex);
    memcpy(result->ends, ledger->ends, sizeof result->ends);
    result->due = ledger->due;
    result->second_count = whole ? ledger->second_count : ledger->complete;
    memcpy(result->seconds, ledger->seconds, result->second_count * sizeof *result->seconds);
    pthread_mutex_unlock(&ledger->mutex);
}

static void sleep_until(uint64_t time_ns)
{
    struct timespec t = {.tv_sec = (time_t)(time_ns / SECOND_NS),
                         .tv_nsec = (long)(time_ns % SECOND_NS)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* A twentieth of a second after each full one, when the threads have handed theirs over. */
static void watch(struct load *load, load_progress *progress, void *context,
                  struct load_result *result)
{
    struct load_stretch *s = &load->stretch;
    for (uint64_t at_ns = s->start_ns + SECOND_NS / 20; at_ns < s->end_ns; at_ns += SECOND_NS) {
        sleep_until(at_ns);
        copy_ledger(load, result, false);
        result->wall_s = (double)(clock_monotonic_ns() - s->start_ns) / 1e9;
        if (progress != NULL && !progress(context, result)) {
            __atomic_store_n(&s->end_ns, clock_monotonic_ns(), __ATOMIC_RELAXED);
            return;
        }
    }
    sleep_until(s->end_ns);
}

/* ---- the sum ---- */

static double larger_share(double share, uint64_t part_ns, double wall_s)
{
    double other = wall_s > 0 ? (double)part_ns / 1e9 / wall_s : 0;
    return other > share ? other : share;
}

static void add_thread(const struct load_thread *t, double wall_s, struct load_result *result)
{
    const struct load_meter *m = &t->metered;
    result->bytes_in += m->bytes_in;
    result->bytes_out += m->bytes_out;
    result->connects += m->connects;
    result->answers_in_time += m->answers;
    result->unasked += m->unasked;
    result->connections += t->busy_max;
    result->connection_waits += t->tally.connection_waits;
    result->cpu_s += (double)m->cpu_ns / 1e9;
    result->busy_share = larger_share(result->busy_share, m->cpu_ns, wall_s);
    result->starved_share = larger_share(result->starved_share, m->starved_ns, wall_s);
    histogram_add(&result->latency, &t->tally.latency);
    histogram_add(&result->service, load_is_open_loop(t) ? &t->tally.service : &t->tally.latency);
    histogram_add(&result->lag, &t->tally.lag);
}

static void sum_up(struct load *load, struct load_result *result)
{
    const struct load_stretch *s = &load->stretch;
    uint64_t ends = 0;
    copy_ledger(load, result, true);
    result->wall_s = (double)(s->end_ns - s->start_ns) / 1e9;
    uint32_t seconds = (uint32_t)((s->end_ns - s->start_ns + SECOND_NS - 1) / SECOND_NS);
    if (seconds < result->second_count)
        result->second_count = seconds;
    for (uint32_t i = 0; i < s->thread_count; i++)
        add_thread(load->threads[i], result->wall_s, result);
    for (unsigned i = 0; i < LOAD_END_COUNT; i++)
        ends += result->ends[i];
    CHECK(ends == result->due);
}

static enum err new_result(const struct load *load, struct load_result **ret)
{
    struct load_result *result = calloc(1, sizeof *result);
    if (result == NULL)
        return ERR_MEMORY;
    result->offered_per_s = load->stretch.rate_per_s;
    histogram_clear(&result->latency);
    histogram_clear(&result->service);
    histogram_clear(&result->lag);
    result->seconds = calloc(load->ledger.second_count, sizeof *result->seconds);
    if (result->seconds == NULL) {
        free(result);
        return ERR_MEMORY;
    }
    *ret = result;
    return ERR_OK;
}

static enum err run_threads(struct load *load, load_progress *progress, void *context,
                            struct load_result *result)
{
    enum err err = start_threads(load);
    wait_prepared(load);
    if (err == ERR_OK)
        err = prepared(load);
    load->stretch.abandoned = err != ERR_OK;
    set_times(&load->stretch);
    open_gate(&load->stretch);
    if (err == ERR_OK)
        watch(load, progress, context, result);
    for (uint32_t i = 0; i < load->started; i++)
        CHECK(pthread_join(load->threads[i]->thread, NULL) == 0);
    return err;
}

static enum err run(struct load *load, const struct load_target *target, load_progress *progress,
                    void *context, struct load_result *ret)
{
    struct load_result *result = NULL;
    TRY(make_threads(load));
    TRY(start_verifier(load, target));
    TRY(new_result(load, &result));
    enum err err = run_threads(load, progress, context, result);
    if (load->stretch.verifier != NULL)
        result->signatures_verified = verifier_stop(load->stretch.verifier);
    load->stretch.verifier = NULL;
    if (err == ERR_OK) {
        sum_up(load, result);
        *ret = *result;
    } else {
        free(result->seconds);
    }
    free(result);
    return err;
}

enum err load_run(const struct load_options *options, struct load_target *target, double rate_per_s,
                  load_progress *progress, void *context, struct load_result *ret)
{
    CHECK(options->connections > 0 && options->threads > 0 && options->duration_s > 0);
    CHECK(options->threads <= LOAD_THREADS_MAX && options->signature_sample > 0);
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return ERR_MEMORY;
    load->stretch.options = options;
    load->stretch.target = target;
    load->stretch.ledger = &load->ledger;
    load->stretch.rate_per_s = rate_per_s;
    load->stretch.thread_count =
        options->threads < options->connections ? options->threads : options->connections;
    CHECK(pthread_mutex_init(&load->stretch.mutex, NULL) == 0);
    CHECK(pthread_cond_init(&load->stretch.changed, NULL) == 0);
    raise_descriptor_limit(options->connections);
    uint32_t seconds = (uint32_t)((ns_of(options->duration_s) + SECOND_NS - 1) / SECOND_NS);
    enum err err = ledger_init(&load->ledger, load->stretch.thread_count, seconds);
    if (err == ERR_OK) {
        err = run(load, target, progress, context, ret);
        if (load->stretch.verifier != NULL)
            (void)verifier_stop(load->stretch.verifier);
        for (uint32_t i = 0; i < LOAD_THREADS_MAX; i++)
            load_thread_free(load->threads[i]);
        signature_judge_free(load->judge);
        ledger_done(&load->ledger);
    }
    pthread_cond_destroy(&load->stretch.changed);
    pthread_mutex_destroy(&load->stretch.mutex);
    free(load);
    return err;
}

void load_result_done(struct load_result *result)
{
    free(result->seconds);
    result->seconds = NULL;
    result->second_count = 0;
}
