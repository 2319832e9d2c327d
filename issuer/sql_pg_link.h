/* SPDX-License-Identifier: Apache-2.0 */
/* libpq with deadlines: connecting, sending and waiting never take longer than they may. For
 * issuer/sql_pg.c.
 *
 * What is over its deadline ends the connection: an answer that may still come belongs to nobody.
 * Times are of the monotonic clock. A host name is resolved by the system, whose own time limit
 * holds; an address is not. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/** ERR_CONFIG: libpq does not take the connection string. */
MUST_CHECK enum err pg_target_check(const char *target);
/** ERR_IO (logged, unless `quiet`), ERR_MEMORY. Sessions are read-write and speak UTF-8, whatever
 * the string says.
 */
MUST_CHECK enum err pg_link_connect(const char *target, uint64_t deadline_ns, bool quiet,
                                    PGconn **ret);

/** Waits for the results of what PQsend...() has begun (`sent` is what that returned) and takes the
 * first that is an error, or the last. ERR_IO: the connection is lost, or late and closed. */
MUST_CHECK enum err pg_link_finish(PGconn *conn, int sent, uint64_t deadline_ns, PGresult **ret);
