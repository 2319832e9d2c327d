/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/check.h"

/* Neither is exported by liburing 2.3, though its header declares helpers for them. */
static int ring_register(const struct ring *ring, unsigned opcode, const void *argument, unsigned n)
{
    return (int)syscall(__NR_io_uring_register, ring->uring.ring_fd, opcode, argument, n);
}

static enum err register_receive_buffers(struct ring *ring)
{
    size_t ring_bytes = ring->receive_count * sizeof(struct io_uring_buf);
    size_t buffer_bytes = (size_t)ring->receive_count * RING_RECEIVE_BYTES;
    void *memory = mmap(NULL, ring_bytes + buffer_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ERR_MEMORY;
    ring->receive_ring = memory;
    ring->receive_memory = (uint8_t *)memory + ring_bytes;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)memory,
        .ring_entries = ring->receive_count,
        .bgid = RING_RECEIVE_GROUP,
    };
    if (ring_register(ring, IORING_REGISTER_PBUF_RING, &registration, 1) != 0)
        return ERR_IO;
    io_uring_buf_ring_init(ring->receive_ring);
    for (uint32_t i = 0; i < ring->receive_count; i++)
        ring_return_buffer(ring, i);
    ring_publish_buffers(ring);
    return ERR_OK;
}

static enum err restrict_operations(const struct ring *ring)
{
    static const uint8_t operations[] = {IORING_OP_ACCEPT,       IORING_OP_RECV,
                                         IORING_OP_SEND,         IORING_OP_CLOSE,
                                         IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD};
    enum { OPERATION_COUNT = sizeof operations };
    struct io_uring_restriction list[OPERATION_COUNT + 2];
    memset(list, 0, sizeof list);
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        list[i].opcode = IORING_RESTRICTION_SQE_OP;
        list[i].sqe_op = operations[i];
    }
    list[OPERATION_COUNT].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    list[OPERATION_COUNT].sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    list[OPERATION_COUNT + 1].opcode = IORING_RESTRICTION_REGISTER_OP;
    list[OPERATION_COUNT + 1].register_op = IORING_REGISTER_ENABLE_RINGS;
    return ring_register(ring, IORING_REGISTER_RESTRICTIONS, list, OPERATION_COUNT + 2) == 0
               ? ERR_OK
               : ERR_IO;
}

enum err ring_start(struct ring *ring, uint32_t receive_count, const char **ret_what)
{
    memset(ring, 0, sizeof *ring);
    ring->receive_count = receive_count;
    struct io_uring_params params = {
        .flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        .cq_entries = RING_CQ_ENTRIES,
    };
    int result = io_uring_queue_init_params(RING_SQ_ENTRIES, &ring->uring, &params);
    if (result < 0) {
        errno = -result;
        *ret_what = "io_uring_setup (Linux 6.1 or newer is needed, and no policy that forbids it)";
        return ERR_IO;
    }
    *ret_what = "io_uring: provided receive buffers";
    enum err err = register_receive_buffers(ring);
    if (err == ERR_OK) {
        *ret_what = "io_uring: restrictions";
        err = restrict_operations(ring);
    }
    if (err != ERR_OK)
        ring_stop(ring);
    return err;
}

enum err ring_enable(struct ring *ring)
{
    return ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0 ? ERR_OK : ERR_IO;
}

void ring_stop(struct ring *ring)
{
    int saved = errno;
    io_uring_queue_exit(&ring->uring);
    if (ring->receive_ring != NULL)
        munmap(ring->receive_ring,
               ring->receive_count * (sizeof(struct io_uring_buf) + RING_RECEIVE_BYTES));
    ring->receive_ring = NULL;
    errno = saved;
}

static void submit(struct ring *ring)
{
    int submitted = io_uring_submit(&ring->uring);
    CHECK(submitted >= 0 || submitted == -EINTR || submitted == -EBUSY || submitted == -EAGAIN);
}

void ring_reserve(struct ring *ring, unsigned count)
{
    while (io_uring_sq_space_left(&ring->uring) < count)
        submit(ring);
}

struct io_uring_sqe *ring_entry(struct ring *ring)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
    while (entry == NULL) {
        submit(ring);
        entry = io_uring_get_sqe(&ring->uring);
    }
    return entry;
}

const uint8_t *ring_buffer(const struct ring *ring, uint32_t buffer_no)
{
    CHECK(buffer_no < ring->receive_count);
    return ring->receive_memory + (size_t)buffer_no * RING_RECEIVE_BYTES;
}

void ring_return_buffer(struct ring *ring, uint32_t buffer_no)
{
    CHECK(buffer_no < ring->receive_count);
    io_uring_buf_ring_add(ring->receive_ring,
                          ring->receive_memory + (size_t)buffer_no * RING_RECEIVE_BYTES,
                          RING_RECEIVE_BYTES, (unsigned short)buffer_no,
                          io_uring_buf_ring_mask(ring->receive_count), (int)ring->returned);
    ring->returned++;
}

void ring_publish_buffers(struct ring *ring)
{
    if (ring->returned > 0)
        io_uring_buf_ring_advance(ring->receive_ring, (int)ring->returned);
    ring->returned = 0;
}
