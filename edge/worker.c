/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/worker_internal.h"
#include "lib/check.h"
#include "lib/os/clock.h"

/* The kernel reads the octets of files in flight from the map at any time. */
static const struct snapshot *next_snapshot(struct worker *w)
{
    if (w->file_count == 0 && !w->offered)
        return snapshot_take(w->exchange, w->worker_no);
    const struct snapshot *next = snapshot_offer(w->exchange, w->worker_no);
    w->offered = next != NULL && !worker_files_renew(w, next);
    if (next == NULL || w->offered)
        return w->env.snapshot;
    return snapshot_accept(w->exchange, w->worker_no);
}

static void renew_env(struct worker *w)
{
    w->env.now_ns = clock_monotonic_ns();
    answer_clock_set(&w->env.clock, clock_wall_s());
    const struct snapshot *snapshot = next_snapshot(w);
    if (snapshot != w->env.snapshot)
        counter_add(&w->counters[SERVE_SNAPSHOTS], 1);
    w->env.snapshot = snapshot;
}

static void arm_accept(struct worker *w, uint32_t number)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_multishot_accept(entry, w->listeners[number].socket.fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(entry, user_data(OP_ACCEPT, 0, number));
    w->listeners[number].armed = true;
}

static void accepted(struct worker *w, const struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;
    CHECK(number < w->listener_count);
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res >= 0)
        worker_connection_open(w, cqe->res, w->listeners[number].socket.is_relay);
    else if (cqe->res != -ECANCELED)
        counter_add(&w->counters[SERVE_ACCEPT_ERRORS], 1);
    if (!more) {
        w->listeners[number].armed = false;
        /* After an error (no descriptors left) only the next tick tries again: no spinning. */
        if ((cqe->res >= 0 || cqe->res == -ECANCELED) && !w->stopping)
            arm_accept(w, number);
    }
}

static void dispatch(struct worker *w, const struct io_uring_cqe *cqe)
{
    switch ((enum worker_op)(cqe->user_data >> 56)) {
    case OP_ACCEPT:
        accepted(w, cqe);
        break;
    case OP_RECEIVE:
        worker_received(w, cqe);
        break;
    case OP_SEND:
        worker_sent(w, cqe);
        break;
    case OP_ROOM:
        worker_room(w, cqe);
        break;
    case OP_CLOSE:
    case OP_CANCEL:
        /* Reported on failure only: nothing was left to cancel. */
        break;
    }
}

static void take_completions(struct worker *w)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&w->ring.uring, head, cqe)
    {
        dispatch(w, cqe);
        count++;
    }
    worker_answer(w);
    io_uring_cq_advance(&w->ring.uring, count);
    ring_publish_buffers(&w->ring);
    if (w->hungry_count > 0)
        worker_feed_hungry(w);
}

static void cancel_accept(struct worker *w, uint32_t number)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_cancel64(entry, user_data(OP_ACCEPT, 0, number), 0);
    io_uring_sqe_set_data64(entry, user_data(OP_CANCEL, 0, number));
}

/* The kernel wakes one accept of those that wait at a listener. When that is of a process that
 * is just cancelling it, the connection waits for the next one. So while two processes share the
 * listeners, and once after that, accepts are cancelled and armed anew each tick: arming looks. */
static bool must_look(struct worker *w)
{
    bool before = w->shared;
    w->shared = w->config.sharers != NULL && counter_get(w->config.sharers) > 1;
    return before || w->shared;
}

/* At start, and once a tick for those that an error disarmed. */
static void rearm_listeners(struct worker *w)
{
    if (w->stopping || w->env.now_ns < w->rearm_ns)
        return;
    w->rearm_ns = w->env.now_ns + WHEEL_TICK_NS;
    bool look = must_look(w);
    for (uint32_t i = 0; i < w->listener_count; i++) {
        if (!w->listeners[i].armed)
            arm_accept(w, i);
        else if (look)
            cancel_accept(w, i);
    }
}

/* Submits, and sleeps until a completion or the next tick. */
static void submit_and_wait(struct worker *w)
{
    struct __kernel_timespec timeout = {.tv_nsec = WHEEL_TICK_NS};
    struct io_uring_cqe *cqe = NULL;
    int result = io_uring_submit_and_wait_timeout(&w->ring.uring, &cqe, 1, &timeout, NULL);
    CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
          result == -EAGAIN);
    if (io_uring_cq_has_overflow(&w->ring.uring))
        counter_add(&w->counters[SERVE_CQ_OVERFLOW], 1);
}

static void stop_accepting(struct worker *w)
{
    w->stopping = true;
    w->drain_deadline_ns = w->env.now_ns + w->config.drain_timeout_ns;
    w->idle_stop_ns = w->env.now_ns + WORKER_LAST_REQUEST_NS;
    for (uint32_t i = 0; i < w->listener_count; i++) {
        if (w->listeners[i].armed)
            cancel_accept(w, i);
        /* Before anybody could be queued behind a listener that nobody reads. */
        close(w->listeners[i].socket.fd);
        w->listeners[i].socket.fd = -1;
    }
    worker_connections_stop(w, STOP_NEXT_ANSWER);
}

/* No connection left, and none can come from an accept that is still being cancelled. */
static bool is_empty(const struct worker *w)
{
    for (uint32_t i = 0; i < w->listener_count; i++) {
        if (w->listeners[i].armed)
            return false;
    }
    return w->free_count == w->config.connections_max;
}

static bool drained(struct worker *w)
{
    if (!w->stopping)
        return false;
    if (is_empty(w))
        return true;
    if (w->env.now_ns >= w->idle_stop_ns) {
        w->idle_stop_ns = UINT64_MAX;
        worker_connections_stop(w, STOP_IDLE);
    }
    if (w->env.now_ns < w->drain_deadline_ns)
        return false;
    worker_connections_stop(w, STOP_HARD);
    /* What is still in the ring ends with the ring. */
    return w->env.now_ns >= w->drain_deadline_ns + WORKER_LINGER_NS || is_empty(w);
}

void worker_run(struct worker *w)
{
    CHECK(ring_enable(&w->ring) == ERR_OK);
    renew_env(w);
    do {
        rearm_listeners(w);
        submit_and_wait(w);
        renew_env(w);
        take_completions(w);
        worker_tick(w);
        counter_add(&w->counters[SERVE_TURNS], 1);
        if (!w->stopping && __atomic_load_n(&w->stop_asked, __ATOMIC_RELAXED))
            stop_accepting(w);
    } while (!drained(w));
    snapshot_leave(w->exchange, w->worker_no);
}

void worker_ask_stop(struct worker *w)
{
    __atomic_store_n(&w->stop_asked, true, __ATOMIC_RELAXED);
}

static enum err allocate(struct worker *w)
{
    uint32_t count = w->config.connections_max;
    w->slots = calloc(count, sizeof *w->slots);
    w->free_slots = calloc(count, sizeof *w->free_slots);
    w->hungry = calloc(count, sizeof *w->hungry);
    w->files = calloc(count, sizeof *w->files);
    w->listeners = calloc(w->listener_count, sizeof *w->listeners);
    w->batch = calloc(1, sizeof *w->batch);
    if (w->slots == NULL || w->free_slots == NULL || w->hungry == NULL || w->files == NULL ||
        w->listeners == NULL || w->batch == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        w->free_slots[i] = count - 1 - i; /* low numbers first: they stay in the cache */
    w->free_count = count;
    TRY(buffer_pool_start(&w->inputs, w->config.input_buffers, CONN_INPUT_BYTES));
    TRY(buffer_pool_start(&w->outputs, w->config.output_buffers, CONN_OUTPUT_BYTES));
    TRY(held_pool_start(&w->held, w->config.receive_buffers));
    return wheel_start(&w->wheel, count, clock_monotonic_ns());
}

static void set_env(struct worker *w)
{
    w->env.config = &w->config.conn;
    w->env.answer = &w->config.answer;
    w->env.inputs = &w->inputs;
    w->env.outputs = &w->outputs;
    w->env.counters = w->counters;
    counter_set(&w->counters[SERVE_OPEN], 0);
}

enum err worker_start(const struct worker_config *config, uint32_t worker_no,
                      const struct listener_socket *listeners, uint32_t listener_count,
                      struct snapshot_exchange *exchange, struct source_limit *limit,
                      uint64_t *counters, struct worker **ret, const char **ret_what)
{
    struct worker *w = calloc(1, sizeof *w);
    *ret_what = "the worker's memory";
    if (w == NULL)
        return ERR_MEMORY;
    w->config = *config;
    w->worker_no = worker_no;
    w->listener_count = listener_count;
    w->exchange = exchange;
    w->limit = limit;
    w->counters = counters;
    enum err err = allocate(w);
    if (err == ERR_OK) {
        set_env(w);
        for (uint32_t i = 0; i < listener_count; i++)
            w->listeners[i].socket = listeners[i];
        err = ring_start(&w->ring, config->receive_buffers, ret_what);
    }
    if (err != ERR_OK) {
        int saved = errno;
        w->listener_count = 0; /* the caller keeps them */
        w->ring.receive_ring = NULL;
        worker_free(w);
        errno = saved;
        return err;
    }
    *ret = w;
    return ERR_OK;
}

struct worker *worker_free(struct worker *w)
{
    if (w == NULL)
        return NULL;
    for (uint32_t i = 0; i < w->listener_count; i++) {
        if (w->listeners[i].socket.fd >= 0)
            close(w->listeners[i].socket.fd);
    }
    if (w->ring.receive_ring != NULL)
        ring_stop(&w->ring);
    wheel_stop(&w->wheel);
    held_pool_stop(&w->held);
    buffer_pool_stop(&w->outputs);
    buffer_pool_stop(&w->inputs);
    free(w->batch);
    free(w->listeners);
    free(w->files);
    free(w->hungry);
    free(w->free_slots);
    free(w->slots);
    free(w);
    return NULL;
}
