/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that beats for the holder of a lease as long as its work goes on: a process that is
 * stopped or gone does not beat, nor does one whose publishing thread hangs. */
#pragma once

#include "presigner/lease.h"

struct lease_beats;

/** Beats every `beat_ns`, from now on as long as lease_beats_alive() was called within the last
 *  `hang_ns`. Both in monotonic time. ERR_MEMORY. */
MUST_CHECK enum err lease_beats_start(struct lease *lease, uint64_t beat_ns, uint64_t hang_ns,
                                      struct lease_beats **ret);
/** The work goes on. */
void lease_beats_alive(struct lease_beats *b);
/** Takes NULL, returns NULL. */
struct lease_beats *lease_beats_stop(struct lease_beats *b);
