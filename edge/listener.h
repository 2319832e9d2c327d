/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: one for each (address, worker), bound with SO_REUSEPORT by the supervisor, so
 * that a serving process can be replaced while its sockets stay. */
#pragma once

#include "lib/os/address.h"

#define LISTEN_BACKLOG 4096

struct listener {
    struct address address;
    unsigned worker_no;
    int fd;
};

struct listener_set {
    struct listener *listeners; /* by worker, then in the order of the addresses */
    unsigned count;
    unsigned address_count;
    unsigned worker_count;
};

/** Binds what `old` (or NULL) does not have yet and takes over the descriptors of what it has;
 * `old` keeps the rest. On failure nothing has changed. An address with port 0 gets one port for
 * all workers. ERR_IO (errno tells; `ret_failed` is the address), ERR_MEMORY. */
MUST_CHECK enum err listener_set_make(struct listener_set *old, const struct address *addresses,
                                      unsigned address_count, unsigned worker_count,
                                      struct listener_set *ret, struct address *ret_failed);
/** Closes all. */
void listener_set_done(struct listener_set *set);
