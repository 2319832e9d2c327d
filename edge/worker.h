/* SPDX-License-Identifier: Apache-2.0 */
/* Worker: one serving thread with its own ring, listeners, connections, buffers and counters. It
 * does what the connection core (edge/conn.h) says, through io_uring.
 *
 * Everything is allocated by worker_start(); the thread that runs worker_run() allocates nothing.
 */
#pragma once

#include "edge/conn.h"
#include "edge/listener.h"
#include "edge/ring.h"
#include "edge/snapshot_exchange.h"
#include "edge/source_limit.h"
#include "edge/wheel.h"

/* A connection whose client may still be sending when its last answer is sent (edge/conn.h) is shut
 * down for sending and read for this long at most, so that the client gets the answer instead of a
 * reset. */
#define WORKER_LINGER_NS    2000000000u
#define WORKER_LINGER_BYTES (256u << 10)

/* On a graceful stop, how long a connection may still begin a request: one that was accepted a
 * moment before must not end without an answer. Its next answer is its last. */
#define WORKER_LAST_REQUEST_NS 1000000000u

/* The store's file, and where snapshots show it. */
struct store_map {
    int fd;
    const uint8_t *base; /* NULL: not known */
    size_t bytes;
};

struct worker_config {
    struct conn_config conn;
    struct answer_config answer;
    uint32_t connections_max;
    uint32_t receive_buffers;
    uint32_t input_buffers;
    uint32_t output_buffers;
    uint64_t drain_timeout_ns;
    struct store_map map; /* files are sent from its pages; without it, copied */
    /* How many processes accept from these listeners; another one writes it. NULL: this one. */
    const uint64_t *sharers;
};

struct worker;

/** `listeners` (count, owned by the worker from here on), `exchange`, `limit` and `counters`
 *  (SERVE_COUNTER_COUNT) stay borrowed. ERR_IO (errno and `ret_what` tell), ERR_MEMORY. */
MUST_CHECK enum err worker_start(const struct worker_config *config, uint32_t worker_no,
                                 const struct listener_socket *listeners, uint32_t listener_count,
                                 struct snapshot_exchange *exchange, struct source_limit *limit,
                                 uint64_t *counters, struct worker **ret, const char **ret_what);
/** Serves until worker_ask_stop(), then until all connections have ended or the drain time is over.
 *  On the worker's own thread. */
void worker_run(struct worker *worker);
/** From any thread or a signal handler. */
void worker_ask_stop(struct worker *worker);
/** After worker_run() has returned. NULL in, NULL out. */
struct worker *worker_free(struct worker *worker);
