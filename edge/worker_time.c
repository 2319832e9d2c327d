/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/worker_time.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/os/clock.h"

#define PATH_BYTES 64
/* Three numbers of at most 20 digits. */
#define SCHEDSTAT_BYTES 80

void worker_time_announce(struct edge_shared *shared, unsigned parity, unsigned worker)
{
    counter_set(&shared->serve_process[parity], (uint64_t)getpid());
    counter_set(&shared->worker_threads[parity][worker], (uint64_t)gettid());
}

void worker_time_forget(struct edge_shared *shared, unsigned parity)
{
    for (unsigned i = 0; i < EDGE_WORKERS_MAX; i++)
        counter_set(&shared->worker_threads[parity][i], 0);
    counter_set(&shared->serve_process[parity], 0);
}

/* "run wait slices"; the slices are 0 when the kernel does not count. What is run now is added at
 * each tick of the scheduler only. */
static bool read_schedstat(const char *path, struct worker_time *ret)
{
    char text[SCHEDSTAT_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    uint64_t slices = 0;
    int read_count =
        sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ret->run_ns, &ret->wait_ns, &slices);
    return read_count == 3 && slices != 0;
}

enum err worker_time_read(const struct edge_shared *shared, unsigned parity, unsigned worker,
                          struct worker_time *ret)
{
    char path[PATH_BYTES];
    uint64_t process = counter_get(&shared->serve_process[parity]);
    uint64_t thread = counter_get(&shared->worker_threads[parity][worker]);
    if (process == 0 || thread == 0)
        return ERR_NOT_FOUND;
    /* By both: a thread of this number that is another process's is not found. */
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/task/%" PRIu64 "/schedstat", process,
                   thread);
    struct worker_time time;
    if (!read_schedstat(path, &time))
        return ERR_NOT_FOUND;
    *ret = time;
    return ERR_OK;
}

void worker_time_write(struct text_writer *w, const char *prefix, const struct edge_shared *shared)
{
    static const struct metric_row process = {"serve_process_id", METRIC_GAUGE,
                                              "Process whose workers are counted below; 0: none"};
    static const struct metric_row clock = {"worker_clock_nanoseconds", METRIC_GAUGE,
                                            "Monotonic clock when the rows below were read"};
    static const struct metric_row run = {"worker_run_nanoseconds", METRIC_COUNTER,
                                          "Time of the worker's thread on a processor"};
    static const struct metric_row wait = {"worker_wait_nanoseconds", METRIC_COUNTER,
                                           "Time in which it waited for a processor"};
    struct worker_time times[EDGE_WORKERS_MAX];
    bool known[EDGE_WORKERS_MAX];
    unsigned parity = counter_get(&shared->serve_parity) & 1;
    metrics_write_row(w, prefix, &process, counter_get(&shared->serve_process[parity]));
    metrics_write_row(w, prefix, &clock, clock_monotonic_ns());
    for (unsigned i = 0; i < EDGE_WORKERS_MAX; i++)
        known[i] = worker_time_read(shared, parity, i, &times[i]) == ERR_OK;
    for (unsigned row = 0; row < 2; row++) {
        metrics_write_head(w, prefix, row == 0 ? &run : &wait);
        for (unsigned i = 0; i < EDGE_WORKERS_MAX; i++) {
            char labels[32];
            (void)snprintf(labels, sizeof labels, "worker=\"%u\"", i);
            if (known[i])
                metrics_write_labelled(w, prefix, row == 0 ? &run : &wait, labels,
                                       row == 0 ? times[i].run_ns : times[i].wait_ns);
        }
    }
}
