/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/worker_send.h"

#include <sys/socket.h>

#include "edge/worker_file.h"
#include "lib/check.h"

void worker_close_descriptor(struct worker *w, struct slot *slot)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_close(entry, slot->fd);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_CLOSE));
    slot->fd = -1;
}

/* The last octets and the close behind them at once: no turn of the loop between them, and no
 * receive to cancel. The send does not wait for room; unless it sends all, the link breaks and the
 * descriptor stays open. */
static void send_and_close(struct worker *w, struct slot *slot, struct span octets)
{
    ring_reserve(&w->ring, 2);
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_send(entry, slot->fd, octets.data, octets.size,
                       MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    entry->flags |= IOSQE_IO_LINK;
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_SEND));
    int fd = slot->fd; /* still ours when the link breaks */
    worker_close_descriptor(w, slot);
    slot->fd = fd;
    slot->linked = true;
}

void worker_send(struct worker *w, struct slot *slot, struct conn_actions actions)
{
    CHECK(!slot->sending);
    slot->sending = true;
    if (actions.send_file && worker_file_has(w, actions.send)) {
        worker_file_await(w, slot);
        return;
    }
    /* What is held came behind the last request: its client is to be lingered for. */
    if (actions.send_last && !slot->receiving && !slot->unlinked && held_empty(&slot->held)) {
        send_and_close(w, slot, actions.send);
        return;
    }
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_send(entry, slot->fd, actions.send.data, actions.send.size,
                       MSG_NOSIGNAL | (actions.send_more ? MSG_MORE : 0));
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_SEND));
}
