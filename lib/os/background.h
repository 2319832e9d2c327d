/* SPDX-License-Identifier: Apache-2.0 */
/* Work of one thread that waits for an idle processor, but not for ever.
 *
 * In the background the thread is of SCHED_IDLE: whoever wakes up takes its processor at once,
 * which no nice value does (a thread that has had its share waits for the next tick, 4 ms say,
 * behind one with the least weight). Where no processor is ever idle it would hardly run any more;
 * so after BACKGROUND_PATIENCE_NS of one piece of work a second thread puts it back among the
 * others, at PRIORITY_BACKGROUND_NICE, and there further pieces stay until background_renew(). */
#pragma once

#include "lib/err.h"

/* Longest that one piece of work depends on idle processors. */
#define BACKGROUND_PATIENCE_NS 100000000u

struct background;

/** For the calling thread, which alone calls the others. Makes the second thread, with all signals
 *  blocked. ERR_MEMORY, ERR_IO. */
MUST_CHECK enum err background_new(struct background **ret);
/** Not between begin and end. NULL is fine; returns NULL. */
struct background *background_free(struct background *b);

/** To the background, and back to what the thread was started with. Both do nothing where there
 *  is no way back (lib/os/priority.h), or another policy than SCHED_OTHER. Do not nest. */
void background_begin(struct background *b);
void background_end(struct background *b);
/** Patience anew: what there was is done, and nothing waits behind it. Not between begin and end.
 */
void background_renew(struct background *b);
