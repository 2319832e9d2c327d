/* SPDX-License-Identifier: Apache-2.0 */
/* The io_uring of one load thread: a direct descriptor a connection, a ring of receive buffers.
 * Made and used by that thread only. Operations that succeed are silent, but for the octets that
 * arrive: one completion a request. */
#pragma once

#include <liburing.h>

#include "lib/err.h"
#include "lib/span.h"

#define LOAD_RING_BUFFER_BYTES 4096u

enum load_op { LOAD_OP_SOCKET, LOAD_OP_CONNECT, LOAD_OP_SEND, LOAD_OP_RECEIVE, LOAD_OP_OTHER };

struct load_ring {
    struct io_uring uring;
    struct io_uring_buf_ring *buffers;
    uint8_t *buffer_memory;
    uint32_t buffer_count; /* a power of two */
    uint32_t returned;     /* buffers given back, not yet known to the kernel */
};

/** ERR_UNSUPPORTED (no such io_uring), ERR_LIMIT (descriptors), ERR_MEMORY. */
MUST_CHECK enum err load_ring_start(struct load_ring *ring, uint32_t connection_count);
void load_ring_stop(struct load_ring *ring);

/* user_data of a completion */
static inline enum load_op load_ring_op(uint64_t user_data)
{
    return (enum load_op)(user_data >> 56);
}
static inline uint32_t load_ring_generation(uint64_t user_data)
{
    return (uint32_t)(user_data >> 32) & 0xffffffu;
}
static inline uint32_t load_ring_slot(uint64_t user_data)
{
    return (uint32_t)user_data;
}

/** Opens the slot's connection, sends the request, receives from then on: one chain. What was open
 *  in the slot is given up. The address and the request stay where they are. */
void load_ring_open(struct load_ring *ring, uint32_t slot, uint32_t generation,
                    const struct sockaddr_storage *address, socklen_t address_size,
                    struct span request);
void load_ring_send(struct load_ring *ring, uint32_t slot, uint32_t generation,
                    struct span request);
/** Again, after the kernel has ended a receive that goes on. */
void load_ring_receive(struct load_ring *ring, uint32_t slot, uint32_t generation);
/** Closes the slot's connection; `cancel`: what goes on for it is ended first, which is not needed
 *  after the receive has ended. */
void load_ring_close(struct load_ring *ring, uint32_t slot, uint32_t generation, bool cancel);

/** The octets of a receive completion. */
static inline struct span load_ring_octets(const struct load_ring *ring,
                                           const struct io_uring_cqe *cqe)
{
    uint32_t number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    return span_of(ring->buffer_memory + (size_t)number * LOAD_RING_BUFFER_BYTES, (size_t)cqe->res);
}
/** Gives the completion's buffer back, when it has one. */
void load_ring_return(struct load_ring *ring, const struct io_uring_cqe *cqe);

/** Submits, and waits at most timeout_ns for a completion. */
void load_ring_turn(struct load_ring *ring, uint64_t timeout_ns);
/** After the completions of a turn. */
void load_ring_advance(struct load_ring *ring, uint32_t completion_count);
