/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes first when processors are short. Nothing here changes how much work gets done. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How long a thread that answers may go on before another gets its turn. The shorter, the sooner it
 * is put on a processor when it wakes up; the kernel takes no less. */
#define PRIORITY_SHORT_SLICE_NS 100000u
/* Nice value of work that waits for whoever is awake: about a tenth of the weight of 0. */
#define PRIORITY_BACKGROUND_NICE 10

/** Time slice of the calling thread and of threads it creates from now on; 0: the kernel's own.
 * Only a wish: Linux before 6.12 knows no such thing and takes no notice. false: refused. */
bool priority_slice(uint64_t slice_ns);

/* What a thread has and may do. */
struct priority {
    int nice;     /* that it was started with */
    bool returns; /* having gone to the background it may come back */
};

/** The calling thread's. Raises RLIMIT_NICE where it has to and may; CAP_SYS_NICE does as well. */
struct priority priority_here(void);
/** The calling thread to the background, or back. Does nothing where there is no way back; one
 * whose way back was taken from outside stays, and works on. */
void priority_background(const struct priority *priority, bool on);
