/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: one for each (address, worker), bound with SO_REUSEPORT by the supervisor, so
 * that a serving process can be replaced while its sockets stay. */
#pragma once

#include "lib/os/address.h"

#define LISTEN_BACKLOG 4096
/* Of one connection, that TCP has taken and not yet sent: more is not taken. So a file that is
 * being sent occupies little, and what is queued of it is soon gone. */
#define LISTENER_UNSENT_BYTES (256u << 10)
/* A client that acknowledges nothing for so long is given up by TCP, also after we have closed. */
#define LISTENER_UNACKNOWLEDGED_S 120u
/* Of one worker, with those it took over from workers that are no longer wanted. */
#define LISTENERS_PER_WORKER_MAX 1024

struct listener {
    struct address address;
    unsigned address_no; /* which one of the set's */
    unsigned worker_no;
    int fd;
    bool taken; /* while a new set is made: by that */
};

struct listener_set {
    /* By worker, then in the order of the addresses; then the surplus. */
    struct listener *listeners;
    unsigned count;
    unsigned address_count;
    unsigned relay_count; /* so many of the addresses, the last ones, are for relaying: the owner
                             says so */
    unsigned worker_count;
};

/* A socket as a worker gets it. */
struct listener_socket {
    int fd;
    bool is_relay;
};

/** Binds what `old` (or NULL) does not have yet and takes over the descriptors of what it has;
 * `old` keeps the rest. For fewer workers than before, the sockets of an address that stays go to
 * the workers that stay: whoever waits in the queue of a socket that is closed would be reset. An
 * address that another process serves is in use, although SO_REUSEPORT would let us share it. On
 * failure nothing has changed. An address with port 0 gets one port for all workers. ERR_IO (errno
 * tells; `ret_failed` is the address), ERR_MEMORY. */
MUST_CHECK enum err listener_set_make(struct listener_set *old, const struct address *addresses,
                                      unsigned address_count, unsigned worker_count,
                                      struct listener_set *ret, struct address *ret_failed);
/** The same sockets again, by descriptors of its own. ERR_IO (errno tells), ERR_MEMORY. */
MUST_CHECK enum err listener_set_copy(const struct listener_set *set, struct listener_set *ret);
/** The sockets of one worker; their number. */
unsigned listener_set_of_worker(const struct listener_set *set, unsigned worker_no,
                                struct listener_socket ret[static LISTENERS_PER_WORKER_MAX]);
/** Closes all. */
void listener_set_done(struct listener_set *set);
