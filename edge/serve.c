/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edge/builder.h"
#include "edge/sandbox.h"
#include "edge/worker.h"
#include "edge/worker_time.h"
#include "lib/os/file.h"
#include "lib/os/file_map.h"
#include "lib/os/log.h"
#include "lib/os/priority.h"

#define SECOND_NS UINT64_C(1000000000)
/* Listeners, rings, the store, standard streams. */
#define DESCRIPTORS_OTHER 256
/* Buckets of the source limit: 256 KiB, see edge/source_limit.h for how often prefixes meet. */
#define SOURCE_BUCKETS 65536

struct serve {
    const struct edge_config *config;
    const struct listener_set *listeners;
    struct edge_shared *shared;
    unsigned parity;
    struct snapshot_exchange exchange;
    struct source_limit limit;
    struct builder builder;
    struct worker *workers[EDGE_WORKERS_MAX];
    pthread_t threads[EDGE_WORKERS_MAX];
    pthread_t builder_thread;
    pthread_barrier_t sealed; /* nobody serves before the sandbox is closed */
    unsigned worker_count;
};

static struct worker_config worker_config_of(const struct edge_config *c)
{
    return (struct worker_config){
        .conn = {.idle_timeout_ns = c->idle_timeout_s * SECOND_NS,
                 .header_timeout_ns = c->header_timeout_s * SECOND_NS,
                 .body_timeout_ns = c->body_timeout_s * SECOND_NS,
                 .send_timeout_ns = c->send_timeout_s * SECOND_NS,
                 .requests_max = (uint32_t)c->requests_per_connection_max},
        .answer = c->answer,
        .connections_max = (uint32_t)c->connections_max,
        .receive_buffers = (uint32_t)c->receive_buffers,
        .input_buffers = (uint32_t)c->input_buffers,
        .output_buffers = (uint32_t)c->output_buffers,
        .drain_timeout_ns = c->drain_timeout_s * SECOND_NS,
    };
}

static bool open_source(struct serve *s)
{
    char path[PATH_BYTES_MAX];
    enum err err = path_join(path, sizeof path, s->config->sync.data_dir, SYNC_STORE_DIR);
    if (err == ERR_OK)
        err = snapshot_source_open(path, s->config->sync.map_bytes, &s->builder.source);
    if (err != ERR_OK) {
        log_error("%s: %s", path, err_text(err));
        return false;
    }
    s->builder.exchange = &s->exchange;
    s->builder.gauges = s->shared->gauges[s->parity];
    s->builder.bell = &s->shared->committed;
    return true;
}

static bool make_limit(struct serve *s)
{
    uint8_t key[SOURCE_LIMIT_KEY_BYTES];
    if (getrandom(key, sizeof key, 0) != sizeof key)
        return false;
    return source_limit_start(&s->limit, SOURCE_BUCKETS,
                              (uint32_t)s->config->connections_per_source_max,
                              (uint8_t)s->config->source_v4_prefix_bits,
                              (uint8_t)s->config->source_v6_prefix_bits, key) == ERR_OK;
}

/* Where /proc is not to be had, files are copied. */
static struct store_map store_map_of(const struct snapshot_source *source)
{
    struct store_map map = {.fd = -1};
    if (snapshot_source_file(source, &map.fd) != ERR_OK ||
        file_map_find(map.fd, &map.base, &map.bytes) != ERR_OK)
        map.base = NULL;
    return map;
}

static bool make_workers(struct serve *s)
{
    struct worker_config config = worker_config_of(s->config);
    config.sharers = &s->shared->serve_processes;
    config.map = store_map_of(s->builder.source);
    for (unsigned i = 0; i < s->listeners->worker_count; i++) {
        struct listener_socket sockets[LISTENERS_PER_WORKER_MAX];
        const char *what = "";
        unsigned count = listener_set_of_worker(s->listeners, i, sockets);
        enum err err = worker_start(&config, i, sockets, count, &s->exchange, &s->limit,
                                    s->shared->workers[s->parity][i].values, &s->workers[i], &what);
        if (err != ERR_OK) {
            log_error("worker %u: %s: %s", i, what,
                      err == ERR_IO ? strerror(errno) : err_text(err));
            return false;
        }
        s->worker_count++;
    }
    return true;
}

static bool enter_sandbox(const struct serve *s)
{
    const struct sandbox_config config = {.user = s->config->user,
                                          .read_folder = s->config->sync.data_dir};
    const char *what = "";
    bool landlock = false;
    enum err err = sandbox_enter(&config, &landlock, &what);
    if (err != ERR_OK)
        log_error("sandbox: %s: %s", what, err == ERR_IO ? strerror(errno) : err_text(err));
    else if (!landlock)
        log_warning("sandbox: this kernel has no Landlock");
    return err == ERR_OK;
}

struct thread_start {
    struct serve *serve;
    unsigned index;
};

static void *worker_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    worker_time_announce(start.serve->shared, start.serve->parity, start.index);
    pthread_barrier_wait(&start.serve->sealed);
    worker_run(start.serve->workers[start.index]);
    return NULL;
}

static void *builder_thread(void *argument)
{
    struct serve *s = argument;
    pthread_barrier_wait(&s->sealed);
    builder_run(&s->builder);
    return NULL;
}

static bool start_threads(struct serve *s)
{
    /* the workers, the builder, and this thread */
    if (pthread_barrier_init(&s->sealed, NULL, s->worker_count + 2) != 0)
        return false;
    /* Inherited, since a sealed thread cannot ask for it any more. */
    (void)priority_slice(PRIORITY_SHORT_SLICE_NS);
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct thread_start *start = malloc(sizeof *start);
        if (start == NULL)
            return false;
        *start = (struct thread_start){.serve = s, .index = i};
        if (pthread_create(&s->threads[i], NULL, worker_thread, start) != 0)
            return false;
    }
    (void)priority_slice(0);
    return pthread_create(&s->builder_thread, NULL, builder_thread, s) == 0;
}

/* The kernel doubles a table of descriptors that is full, and where threads share it, waits for an
 * RCU grace period each time (some 16 ms, in which the worker that accepts does nothing). Its size
 * while there is one thread costs no wait, and it never shrinks. */
static void make_descriptor_table(uint64_t count)
{
    int highest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)(count - 1));
    if (highest >= 0)
        close(highest);
}

/* Without a descriptor a connection waits in the listener's queue: the operator should know that
 * the configured number cannot be reached. */
static void raise_descriptors(const struct serve *s)
{
    struct rlimit limit;
    uint64_t wanted = s->config->connections_max * s->listeners->worker_count + DESCRIPTORS_OTHER;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_NOFILE, &limit);
    bool permitted = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted;
    if (!permitted)
        log_warning("%" PRIu64 " descriptors are permitted, %" PRIu64
                    " are needed for connections_max: raise RLIMIT_NOFILE",
                    (uint64_t)limit.rlim_max, wanted);
    make_descriptor_table(permitted ? wanted : (uint64_t)limit.rlim_max);
}

static bool prepare(struct serve *s)
{
    raise_descriptors(s);
    snapshot_exchange_start(&s->exchange, s->listeners->worker_count);
    return open_source(s) && make_limit(s) && make_workers(s) && enter_sandbox(s) &&
           start_threads(s);
}

static void drain(struct serve *s)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        worker_ask_stop(s->workers[i]);
    for (unsigned i = 0; i < s->worker_count; i++) {
        pthread_join(s->threads[i], NULL);
        s->workers[i] = worker_free(s->workers[i]);
    }
    __atomic_store_n(&s->builder.stop_asked, true, __ATOMIC_RELAXED);
    pthread_join(s->builder_thread, NULL);
    snapshot_exchange_stop(&s->exchange);
    source_limit_stop(&s->limit);
    s->builder.source = snapshot_source_free(s->builder.source);
}

int serve_run(const struct edge_config *config, const struct listener_set *listeners,
              struct edge_shared *shared, unsigned parity)
{
    static struct serve serve; /* large, and the process's only one */
    struct serve *s = &serve;
    s->config = config;
    s->listeners = listeners;
    s->shared = shared;
    s->parity = parity;
    for (unsigned i = 0; i < SERVE_GAUGE_COUNT; i++)
        counter_set(&shared->gauges[parity][i], 0);
    worker_time_forget(shared, parity); /* of one that was killed */

    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* inherited by the threads: only this one waits */
    if (!prepare(s))
        return 1;
    bool sealed = false;
    if (sandbox_seal(&sealed) != ERR_OK) {
        log_error("sandbox: seccomp: %s", strerror(errno));
        return 1;
    }
    if (!sealed)
        log_warning("sandbox: no seccomp filter under a sanitizer");
    /* The first snapshot before the first connection: after a reload or a crash nobody is told to
     * try later while the store is at hand. */
    builder_step(&s->builder);
    pthread_barrier_wait(&s->sealed);
    sigdelset(&stop, SIGINT); /* of a terminal: the supervisor gets it too and decides */
    sigdelset(&stop, SIGHUP);
    int signal_no = 0;
    while (sigwait(&stop, &signal_no) != 0 || signal_no != SIGTERM) {
    }
    drain(s);
    return 0;
}
