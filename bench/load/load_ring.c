/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_ring.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include "lib/check.h"

#define SQ_ENTRIES    4096u
#define CQ_ENTRIES    65536u
#define BUFFER_GROUP  1
#define BUFFERS_MIN   64u
#define BUFFERS_MAX   4096u
#define CHAIN_ENTRIES 4u

/* All buffers are written in turn: not more of them than can be filled at once, so that they stay
 * in the cache. */
static uint32_t buffers_for(uint32_t connection_count)
{
    uint32_t count = BUFFERS_MIN;
    while (count < BUFFERS_MAX && count < 2 * connection_count)
        count *= 2;
    return count;
}

static void give_back(struct load_ring *ring, uint32_t number)
{
    io_uring_buf_ring_add(ring->buffers,
                          ring->buffer_memory + (size_t)number * LOAD_RING_BUFFER_BYTES,
                          LOAD_RING_BUFFER_BYTES, (unsigned short)number,
                          io_uring_buf_ring_mask(ring->buffer_count), (int)ring->returned);
    ring->returned++;
}

static void publish(struct load_ring *ring)
{
    if (ring->returned > 0)
        io_uring_buf_ring_advance(ring->buffers, (int)ring->returned);
    ring->returned = 0;
}

static enum err make_buffers(struct load_ring *ring)
{
    size_t ring_bytes = (ring->buffer_count * sizeof(struct io_uring_buf) + 4095) & ~(size_t)4095;
    size_t bytes = ring_bytes + (size_t)ring->buffer_count * LOAD_RING_BUFFER_BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        return ERR_MEMORY;
    ring->buffers = memory;
    ring->buffer_memory = (uint8_t *)memory + ring_bytes;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)memory, .ring_entries = ring->buffer_count, .bgid = BUFFER_GROUP};
    if (io_uring_register_buf_ring(&ring->uring, &registration, 0) != 0)
        return ERR_UNSUPPORTED;
    io_uring_buf_ring_init(ring->buffers);
    for (uint32_t i = 0; i < ring->buffer_count; i++)
        give_back(ring, i);
    publish(ring);
    return ERR_OK;
}

enum err load_ring_start(struct load_ring *ring, uint32_t connection_count)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        .cq_entries = CQ_ENTRIES,
    };
    memset(ring, 0, sizeof *ring);
    ring->buffer_count = buffers_for(connection_count);
    if (io_uring_queue_init_params(SQ_ENTRIES, &ring->uring, &params) < 0)
        return ERR_UNSUPPORTED;
    /* Saves a look-up an operation; no harm when it cannot be had. */
    (void)io_uring_register_ring_fd(&ring->uring);
    int result = io_uring_register_files_sparse(&ring->uring, connection_count);
    enum err err = result == -EMFILE ? ERR_LIMIT : result < 0 ? ERR_UNSUPPORTED : ERR_OK;
    if (err == ERR_OK)
        err = make_buffers(ring);
    if (err != ERR_OK)
        load_ring_stop(ring);
    return err;
}

void load_ring_stop(struct load_ring *ring)
{
    size_t ring_bytes = (ring->buffer_count * sizeof(struct io_uring_buf) + 4095) & ~(size_t)4095;
    io_uring_queue_exit(&ring->uring);
    if (ring->buffers != NULL)
        munmap(ring->buffers, ring_bytes + (size_t)ring->buffer_count * LOAD_RING_BUFFER_BYTES);
    ring->buffers = NULL;
}

/* A chain ends with the submission it is in: all of it must find room. */
static void make_room(struct load_ring *ring, unsigned entries)
{
    while (io_uring_sq_space_left(&ring->uring) < entries) {
        int submitted = io_uring_submit(&ring->uring);
        CHECK(submitted >= 0 || submitted == -EINTR || submitted == -EBUSY || submitted == -EAGAIN);
    }
}

static struct io_uring_sqe *entry(struct load_ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    CHECK(sqe != NULL);
    return sqe;
}

static uint64_t user_data(enum load_op op, uint32_t slot, uint32_t generation)
{
    return (uint64_t)op << 56 | (uint64_t)(generation & 0xffffffu) << 32 | slot;
}

static void put_send(struct load_ring *ring, uint32_t slot, uint32_t generation,
                     struct span request, unsigned flags)
{
    struct io_uring_sqe *sqe = entry(ring);
    io_uring_prep_send(sqe, (int)slot, request.data, request.size, MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS | flags);
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_SEND, slot, generation));
}

static void put_receive(struct load_ring *ring, uint32_t slot, uint32_t generation)
{
    struct io_uring_sqe *sqe = entry(ring);
    io_uring_prep_recv_multishot(sqe, (int)slot, NULL, 0, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
    sqe->buf_group = BUFFER_GROUP;
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_RECEIVE, slot, generation));
}

void load_ring_open(struct load_ring *ring, uint32_t slot, uint32_t generation,
                    const struct sockaddr_storage *address, socklen_t address_size,
                    struct span request)
{
    make_room(ring, CHAIN_ENTRIES);
    struct io_uring_sqe *sqe = entry(ring);
    io_uring_prep_socket_direct(sqe, address->ss_family, SOCK_STREAM, IPPROTO_TCP, slot, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_SOCKET, slot, generation));
    sqe = entry(ring);
    io_uring_prep_connect(sqe, (int)slot, (const struct sockaddr *)address, address_size);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_CONNECT, slot, generation));
    put_send(ring, slot, generation, request, IOSQE_IO_LINK);
    put_receive(ring, slot, generation);
}

void load_ring_send(struct load_ring *ring, uint32_t slot, uint32_t generation, struct span request)
{
    make_room(ring, 1);
    put_send(ring, slot, generation, request, 0);
}

void load_ring_receive(struct load_ring *ring, uint32_t slot, uint32_t generation)
{
    make_room(ring, 1);
    put_receive(ring, slot, generation);
}

static void put_cancel(struct load_ring *ring, enum load_op op, uint32_t slot, uint32_t generation)
{
    struct io_uring_sqe *sqe = entry(ring);
    io_uring_prep_cancel64(sqe, user_data(op, slot, generation), 0);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_OTHER, slot, generation));
}

void load_ring_close(struct load_ring *ring, uint32_t slot, uint32_t generation, bool cancel)
{
    make_room(ring, CHAIN_ENTRIES);
    if (cancel) {
        put_cancel(ring, LOAD_OP_CONNECT, slot, generation);
        put_cancel(ring, LOAD_OP_SEND, slot, generation);
        put_cancel(ring, LOAD_OP_RECEIVE, slot, generation);
    }
    struct io_uring_sqe *sqe = entry(ring);
    io_uring_prep_close_direct(sqe, slot);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, user_data(LOAD_OP_OTHER, slot, generation));
}

void load_ring_return(struct load_ring *ring, const struct io_uring_cqe *cqe)
{
    if (cqe->flags & IORING_CQE_F_BUFFER)
        give_back(ring, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

void load_ring_turn(struct load_ring *ring, uint64_t timeout_ns)
{
    int result = 0;
    if (timeout_ns == 0) {
        result = io_uring_submit_and_get_events(&ring->uring);
    } else {
        struct __kernel_timespec timeout = {.tv_sec = (int64_t)(timeout_ns / 1000000000u),
                                            .tv_nsec = (int64_t)(timeout_ns % 1000000000u)};
        struct io_uring_cqe *cqe = NULL;
        result = io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &timeout, NULL);
    }
    CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
          result == -EAGAIN);
}

void load_ring_advance(struct load_ring *ring, uint32_t completion_count)
{
    io_uring_cq_advance(&ring->uring, completion_count);
    publish(ring);
}
