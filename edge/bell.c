/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void bell_ring(struct bell *bell)
{
    __atomic_add_fetch(&bell->rung, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &bell->rung, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint32_t bell_rung(const struct bell *bell)
{
    return __atomic_load_n(&bell->rung, __ATOMIC_ACQUIRE);
}

void bell_wait(const struct bell *bell, uint32_t rung, uint64_t timeout_ns)
{
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                                     .tv_nsec = (long)(timeout_ns % 1000000000u)};
    syscall(SYS_futex, &bell->rung, FUTEX_WAIT, rung, &timeout, NULL, 0);
}
