/* SPDX-License-Identifier: Apache-2.0 */
/* How the route of the service addresses is announced: through BIRD or an ExaBGP-compatible
 * process. A driver brings the routing daemon to the wanted action; it never blocks the agent for
 * longer than ROUTE_TIMEOUT_MS.
 *
 *   announce   the route as always
 *   deprefer   a route that loses against another site's; where the daemon has none, as always:
 *              nobody loses traffic for that
 *   withdraw   no route
 *
 * The new route comes before the old one goes, so that a change is one update at the neighbours
 * and never a withdrawal with an announcement behind. */
#pragma once

#include "bpf/controller.h"
#include "lib/err.h"

#define ROUTE_TIMEOUT_MS    2000
#define ROUTE_MESSAGE_BYTES 256

/* bird_route_new(), exabgp_route_new(). What it begins with; the rest is the driver's own. */
struct route_driver {
    enum err (*set)(struct route_driver *driver, enum route_action action,
                    char message[static ROUTE_MESSAGE_BYTES]);
    enum err (*watch)(struct route_driver *driver); /* NULL: there is nothing to watch */
    void (*free)(struct route_driver *driver);
};

/** Brings the daemon to `action`. ERR_IO (it cannot be reached, or took too long), ERR_CONFLICT,
 * ERR_NOT_FOUND (it said no), ERR_MALFORMED, ERR_LIMIT, ERR_TRAILING (it spoke nonsense): a
 * readable line in `message`; the caller tries again. ERR_STOPPED as route_watch(). Doing it again
 * when it is done already does no harm and finds a daemon that was restarted or configured anew
 * meanwhile. */
MUST_CHECK enum err route_set(struct route_driver *driver, enum route_action action,
                              char message[static ROUTE_MESSAGE_BYTES]);
/** ERR_STOPPED: the daemon that runs the agent has ended, and so must the agent. Never blocks. */
MUST_CHECK enum err route_watch(struct route_driver *driver);
/** Takes NULL, returns NULL. The routes stay as they are. */
struct route_driver *route_free(struct route_driver *driver);
