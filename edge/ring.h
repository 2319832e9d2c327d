/* SPDX-License-Identifier: Apache-2.0 */
/* An io_uring of one worker, locked down: only the operations the worker uses can be submitted, and
 * nothing more can be registered.
 *
 * Made disabled by the thread that starts the process; the worker's own thread enables it and is
 * from then on its only submitter (IORING_SETUP_SINGLE_ISSUER). */
#pragma once

#include <liburing.h>

#include "lib/err.h"

#define RING_RECEIVE_GROUP 1
/* A request is 200 to 300 octets; the longest ordinary ones stay below. */
#define RING_RECEIVE_BYTES 2048
#define RING_SQ_ENTRIES    4096
#define RING_CQ_ENTRIES    32768

struct ring {
    struct io_uring uring;
    struct io_uring_buf_ring *receive_ring;
    uint8_t *receive_memory;
    uint32_t receive_count; /* a power of two */
    uint32_t returned;      /* buffers given back since the last publication to the kernel */
};

/** ERR_IO (errno tells; `ret_what` says at which step), ERR_MEMORY. */
MUST_CHECK enum err ring_start(struct ring *ring, uint32_t receive_count, const char **ret_what);
/** By the worker's thread, once. ERR_IO. */
MUST_CHECK enum err ring_enable(struct ring *ring);
void ring_stop(struct ring *ring);

/** A submission entry; submits what is queued when the queue is full. Never NULL. */
struct io_uring_sqe *ring_entry(struct ring *ring);
/** Makes room for so many entries that must be submitted together. */
void ring_reserve(struct ring *ring, unsigned count);
/** The octets of a receive buffer. */
const uint8_t *ring_buffer(const struct ring *ring, uint32_t buffer_no);
/** Gives a buffer back; the kernel sees it at ring_publish_buffers(). */
void ring_return_buffer(struct ring *ring, uint32_t buffer_no);
void ring_publish_buffers(struct ring *ring);
