/* SPDX-License-Identifier: Apache-2.0 */
/* How the route of the service addresses is announced: through BIRD or an ExaBGP-compatible process.
 * A driver brings the routing daemon to the wanted action and tells what it stands at; it never
 * blocks the agent for longer than ROUTE_TIMEOUT_MS. */
#pragma once

#include "bpf/controller.h"
#include "lib/err.h"

#define ROUTE_TIMEOUT_MS    2000
#define ROUTE_MESSAGE_BYTES 256

struct route_driver; /* bird_route_new(), exabgp_route_new(), or none */

/** Brings the daemon to `action`. ERR_IO (it cannot be reached, or took too long), ERR_REFUSED or
 * the like (it said no): a readable line in `message`; the caller tries again. Doing it again when
 * it is done already does no harm and finds a daemon that was restarted meanwhile. */
MUST_CHECK enum err route_set(struct route_driver *driver, enum route_action action,
                              char message[static ROUTE_MESSAGE_BYTES]);
/** Takes NULL, returns NULL. The routes stay as they are. */
struct route_driver *route_free(struct route_driver *driver);
