/* SPDX-License-Identifier: Apache-2.0 */
/* Admin listener: a small HTTP server on an address of its own for /metrics, /healthz and pages.
 * One thread, blocking in poll(2), at most ADMIN_CONNECTIONS_MAX connections with deadlines; made
 * on lib's HTTP codec. Not for the hot path. */
#pragma once

#include "lib/metrics.h"
#include "lib/os/address.h"

#define ADMIN_CONNECTIONS_MAX    32
#define ADMIN_TIMEOUT_S          10
#define ADMIN_RESPONSE_BYTES_MAX (1u << 20)

struct admin_page {
    const char *path; /* "/metrics" */
    const char *content_type;
    /** Writes the body; returns the HTTP status (200, 503). Runs on the admin thread. */
    unsigned (*write)(void *context, struct text_writer *w);
};

/* A stop waits for the requests of those who are connected, this long at most, and answers what is
 * there by then. */
#define ADMIN_STOP_MS 2000

struct admin;
/** A socket for admin_start_on(). ERR_IO (errno tells). */
MUST_CHECK enum err admin_listen(const struct address *address, int *ret_fd);
/** As admin_start(), at a socket that admin_listen() made, here or in another process, and that may
 * be shared with others. It is closed in the end, also on failure. */
MUST_CHECK enum err admin_start_on(int listener, const struct admin_page *pages, void *context,
                                   struct admin **ret);
/** Binds, listens and starts the thread. `pages` ends with a row whose path is NULL; it and
 * `context` stay borrowed until admin_stop(). ERR_IO (errno tells), ERR_MEMORY. */
MUST_CHECK enum err admin_start(const struct address *address, const struct admin_page *pages,
                                void *context, struct admin **ret);
/** The bound address, for port 0. */
void admin_address(const struct admin *admin, struct address *ret);
/** Stops and joins; takes NULL, returns NULL. */
struct admin *admin_stop(struct admin *admin);
