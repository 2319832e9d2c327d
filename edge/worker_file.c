/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/worker_file.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "lib/check.h"

void worker_file_await(struct worker *w, struct slot *slot)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_poll_add(entry, slot->fd, POLLOUT);
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_ROOM));
    slot->sending = true;
    slot->awaits_room = true;
}

void worker_file_abandon(const struct slot *slot)
{
    const struct linger none = {.l_onoff = 1};
    int result = setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    CHECK(result == 0);
}

static void set_nonblocking(int fd, int on)
{
    int result = ioctl(fd, FIONBIO, &on);
    CHECK(result == 0);
}

int worker_file_send(const struct worker *w, const struct slot *slot, struct span octets)
{
    off_t offset = (off_t)(octets.data - w->config.map.base);
    set_nonblocking(slot->fd, 1);
    ssize_t sent = sendfile(slot->fd, w->config.map.fd, &offset, octets.size);
    int result = sent >= 0 ? (int)sent : -errno;
    set_nonblocking(slot->fd, 0);
    return result;
}
