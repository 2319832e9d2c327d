/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/priority.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* RLIMIT_NICE counts from 1 for nice 19 to 40 for nice -20. */
#define RLIMIT_NICE_0 20
#define NICE_LEAST    (-20)

/* The kernel's struct sched_attr, version 0; glibc 2.36 has none. */
struct slice_attr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

bool priority_slice(uint64_t slice_ns)
{
    struct slice_attr attr = {.size = sizeof attr};
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0)
        return false;
    attr.size = sizeof attr;
    attr.runtime = slice_ns;
    return syscall(SYS_sched_setattr, 0, &attr, 0) == 0;
}

static bool may_return_to(int nice)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)(RLIMIT_NICE_0 - nice);
    if (getrlimit(RLIMIT_NICE, &limit) != 0)
        return false;
    if (limit.rlim_cur >= needed)
        return true;
    limit.rlim_cur = needed;
    if (limit.rlim_max < needed)
        limit.rlim_max = needed;
    if (setrlimit(RLIMIT_NICE, &limit) == 0)
        return true;
    /* With CAP_SYS_NICE no limit counts: whoever may take more may take back. */
    return nice > NICE_LEAST && setpriority(PRIO_PROCESS, 0, nice - 1) == 0 &&
           setpriority(PRIO_PROCESS, 0, nice) == 0;
}

struct priority priority_here(void)
{
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    if (errno != 0)
        return (struct priority){0};
    return (struct priority){.nice = nice, .returns = may_return_to(nice)};
}

void priority_background(const struct priority *priority, bool on)
{
    if (priority->returns && PRIORITY_BACKGROUND_NICE > priority->nice)
        /* Who had the right may have lost it, by prlimit(1) say. Being late is not worth a death.
         */
        (void)setpriority(PRIO_PROCESS, 0, on ? PRIORITY_BACKGROUND_NICE : priority->nice);
}
