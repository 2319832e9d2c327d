/* SPDX-License-Identifier: Apache-2.0 */
/* Gets one file of a publication from one origin: over HTTP(S) with libcurl, or from a folder.
 *
 * Nothing more than the caller's limit is read, redirects are not followed, a stalled transfer is
 * given up, and one that goes on for much longer than its size needs. A large file is kept in parts
 * under a name of its own and goes on where it stopped (HTTP Range), also after a restart. What
 * comes back is not verified. */
#pragma once

#include "edge/sync_config.h"
#include "lib/os/file.h"

struct fetcher;

/** `stop` is asked now and then during a transfer; true ends it with ERR_STOPPED. ERR_CONFIG (an
 *  origin of no known kind), ERR_MEMORY. */
MUST_CHECK enum err fetcher_new(const struct sync_config *config, bool (*stop)(void *context),
                                void *context, struct fetcher **ret);
/** NULL in, NULL out. */
struct fetcher *fetcher_free(struct fetcher *fetcher);

/** `path` is below the origin ("head", "log/7"). `part` (may be NULL): file in which a large
 * download over HTTP is collected. ERR_NOT_FOUND, ERR_LIMIT (longer than bytes_max), ERR_IO
 * (anything on the way; fetcher_message() tells), ERR_DISK_FULL, ERR_STOPPED, ERR_MEMORY. */
MUST_CHECK enum err fetcher_get(struct fetcher *fetcher, unsigned origin, const char *path,
                                uint64_t bytes_max, const char *part, struct buffer *ret);
/** The same into the file `part`, which is whole then and the caller's, and never in memory. */
MUST_CHECK enum err fetcher_get_file(struct fetcher *fetcher, unsigned origin, const char *path,
                                     uint64_t bytes_max, const char *part);
/** Why the last one failed, for the log; never NULL. */
const char *fetcher_message(const struct fetcher *fetcher);

/** Downloads above this are collected in the part file. */
#define FETCH_PART_BYTES (1u << 20)
