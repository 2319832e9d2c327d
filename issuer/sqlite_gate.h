/* SPDX-License-Identifier: Apache-2.0 */
/* A queue before a SQLite database: the writers of one process, first come, first served.
 *
 * SQLite lets one write at a time, and has the others look again after a sleep that grows. With
 * many threads that leaves the database idle most of the time, and who comes first to chance. In
 * the queue the next one is woken at once. Writers of other processes still meet SQLite's own lock.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"

struct sqlite_gate;

/** The gate of a file that exists: one for all that open it, by whatever path. ERR_IO, ERR_MEMORY.
 */
MUST_CHECK enum err sqlite_gate_open(const char *path, struct sqlite_gate **ret);
/** Takes NULL, returns NULL. Not while inside. */
struct sqlite_gate *sqlite_gate_close(struct sqlite_gate *gate);
/** ERR_BUSY: not until the deadline (monotonic). */
MUST_CHECK enum err sqlite_gate_enter(struct sqlite_gate *gate, uint64_t deadline_ns);
void sqlite_gate_leave(struct sqlite_gate *gate);
