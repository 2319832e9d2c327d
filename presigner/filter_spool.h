/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a filter, copied out of the status database: each pass of the making sees the
 * same ones, whatever is revoked meanwhile, and no read transaction stays open over it. A file
 * without a name, so nothing of it outlives the process; memory is two buffers.
 *
 * Record: serial size, the top bit set when revoked 1, serial octets. */
#pragma once

#include "lib/serial.h"

struct filter_spool;

/** In that folder; only one of that name is made at a time. ERR_IO, ERR_DISK_FULL, ERR_MEMORY. */
MUST_CHECK enum err filter_spool_open(const char *folder, const char *name,
                                      struct filter_spool **ret);
/** Takes NULL, returns NULL. */
struct filter_spool *filter_spool_close(struct filter_spool *s);

/** ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err filter_spool_put(struct filter_spool *s, const struct serial *serial,
                                     bool revoked);
/** Octets put so far: where the next one will be. */
uint64_t filter_spool_end(const struct filter_spool *s);

/** Reading starts at a place that was the end once, until another such. ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err filter_spool_seek(struct filter_spool *s, uint64_t from, uint64_t until);
/** ERR_NOT_FOUND: no more. ERR_IO. */
MUST_CHECK enum err filter_spool_next(struct filter_spool *s, struct serial *ret_serial,
                                      bool *ret_revoked);
