/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections wait to be accepted at the listeners of the services: asked of the kernel by
 * sock_diag(7), for everything that listens in this network namespace. No privilege is needed. */
#pragma once

#include "lib/os/address.h"

struct listen_queue;
struct listen_queue_state {
    uint32_t listeners; /* that a service's connections go to; 0: nobody listens */
    uint32_t waiting;   /* in all of their queues together */
    uint32_t longest;   /* in one of them */
    uint32_t room;      /* of the fullest one: what may still come */
};

/** ERR_IO (errno tells), ERR_MEMORY. */
MUST_CHECK enum err listen_queue_open(struct listen_queue **ret);
/** Takes NULL, returns NULL. */
struct listen_queue *listen_queue_close(struct listen_queue *q);
/** Asks for the listeners of `services`. A listener at all addresses of the port counts too; one
 * for IPv6 at all addresses takes IPv4 as well, unless it is for IPv6 only. The kernel answers
 * within the call; ERR_IO when it does not (errno tells), ERR_MALFORMED: an answer that makes no
 * sense. */
MUST_CHECK enum err listen_queue_read(struct listen_queue *q, const struct address *services,
                                      uint32_t service_count, struct listen_queue_state *ret);
