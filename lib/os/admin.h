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

struct admin;
/** Binds, listens and starts the thread. `pages` ends with a row whose path is NULL; it and
 * `context` stay borrowed until admin_stop(). ERR_IO (errno tells), ERR_MEMORY. */
MUST_CHECK enum err admin_start(const struct address *address, const struct admin_page *pages,
                                void *context, struct admin **ret);
/** The bound address, for port 0. */
void admin_address(const struct admin *admin, struct address *ret);
/** Stops and joins; takes NULL, returns NULL. */
struct admin *admin_stop(struct admin *admin);
