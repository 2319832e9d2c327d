/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_job.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/os/clock.h"
#include "presigner/filter_read.h"

/* Linux keeps it for each thread: what signs and publishes goes first. */
#define NICE           15
#define BLOB_FILE_MODE 0644

struct filter_job {
    struct filter_job_order order;
    struct filter_source *sources;
    struct filter_spool *spool;
    struct filter_job_result result;
    enum err err;
    pthread_t thread;
    int stop;  /* atomic */
    int ended; /* atomic */
};

struct sha256 filter_log_id(struct span network)
{
    static const char prefix[] = "statim filter ";
    uint8_t octets[sizeof prefix - 1 + NETWORK_NAME_MAX];
    size_t size = network.size < NETWORK_NAME_MAX ? network.size : NETWORK_NAME_MAX;
    memcpy(octets, prefix, sizeof prefix - 1);
    memcpy(octets + sizeof prefix - 1, network.data, size);
    return sha256_of(span_of(octets, sizeof prefix - 1 + size));
}

static enum err read_all(struct filter_job *job)
{
    const struct filter_job_order *order = &job->order;
    struct filter_reading reading = {.status = order->status,
                                     .spool = job->spool,
                                     .reasons = order->reasons,
                                     .grace_s = order->grace_s,
                                     .now_s = order->now_s,
                                     .stop = &job->stop,
                                     .first_expiry_s = UINT64_MAX};
    TRY(status_poll_sequence(order->status, &job->result.covers_sequence));
    for (size_t i = 0; i < order->issuer_count; i++) {
        job->sources[i].block = order->issuers[i].block;
        TRY(filter_read_issuer(&reading, order->issuers[i].issuer_id, &job->sources[i]));
    }
    job->result.first_expiry_s = reading.first_expiry_s;
    return ERR_OK;
}

static enum err build(struct filter_job *job, uint64_t covered_until_s)
{
    const struct filter_job_order *order = &job->order;
    struct filter_request request = {
        .spool = job->spool,
        .sources = job->sources,
        .source_count = order->issuer_count,
        .work_folder = order->state_dir,
        .coverage = {.log_id = order->log_id, .high_ms = covered_until_s * 1000},
        .memory_max_bytes = order->memory_max_bytes,
        .stop = &job->stop};
    job->result.covered_until_s = covered_until_s;
    return filter_build(&request, &job->result.made, &job->result.refusal);
}

/* Made with the coverage of the one before it has the same octets, if nothing else changed. If
 * something did, its coverage is until now: even where it shows in no other octet, as with one more
 * certificate of an issuer that has revoked none. */
static enum err name_it(struct filter_job *job)
{
    const struct filter_job_before *before = &job->order.before;
    struct buffer *wire = &job->result.made.wire;
    job->result.blob = sha256_of(span_of(wire->data, wire->size));
    if (sha256_equal(&job->result.blob, &before->blob) &&
        job->result.covers_sequence == before->covers_sequence)
        return ERR_OK;
    job->result.covered_until_s = job->order.now_s;
    be64_store(wire->data + CLUBCARD_HIGH_AT, job->order.now_s * 1000);
    job->result.blob = sha256_of(span_of(wire->data, wire->size));
    return ERR_OK;
}

/* Without a sync of the folder: the publishing thread does that before anybody refers to it. */
static enum err write_file(struct filter_job *job)
{
    char name[SHA256_TEXT_BYTES], path[PATH_BYTES_MAX];
    const struct buffer *wire = &job->result.made.wire;
    if (sha256_equal(&job->result.blob, &job->order.before.blob))
        return ERR_OK;
    sha256_to_text(&job->result.blob, name);
    TRY(path_join(path, sizeof path, job->order.blob_dir, name));
    return file_publish_lazy(path, span_of(wire->data, wire->size), BLOB_FILE_MODE);
}

static enum err work(struct filter_job *job)
{
    TRY(filter_spool_open(job->order.state_dir, "filter-spool", &job->spool));
    TRY(read_all(job));
    TRY(build(job, job->order.before.covered_until_s));
    TRY(name_it(job));
    return write_file(job);
}

static void *job_main(void *context)
{
    struct filter_job *job = context;
    uint64_t begin_ns = clock_monotonic_ns();
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* refused: it runs as the others do */
    job->err = work(job);
    job->result.duration_ms = (clock_monotonic_ns() - begin_ns) / 1000000;
    __atomic_store_n(&job->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Signals are for the thread that waits for them. */
static int thread_start(struct filter_job *job)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int code = pthread_create(&job->thread, NULL, job_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

enum err filter_job_start(const struct filter_job_order *order, struct filter_job **ret)
{
    struct filter_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return ERR_MEMORY;
    job->order = *order;
    job->sources = calloc(order->issuer_count + 1, sizeof *job->sources);
    if (job->sources == NULL || thread_start(job) != 0) {
        free(job->sources);
        free(job);
        return ERR_MEMORY;
    }
    *ret = job;
    return ERR_OK;
}

bool filter_job_ended(const struct filter_job *job)
{
    return __atomic_load_n(&job->ended, __ATOMIC_ACQUIRE) != 0;
}

void filter_job_stop(struct filter_job *job)
{
    __atomic_store_n(&job->stop, 1, __ATOMIC_RELAXED);
}

enum err filter_job_end(struct filter_job *job, struct filter_job_result *ret)
{
    pthread_join(job->thread, NULL);
    enum err err = job->err;
    *ret = job->result;
    if (err != ERR_OK)
        buffer_done(&ret->made.wire);
    filter_spool_close(job->spool);
    free(job->sources);
    free(job);
    return err;
}
