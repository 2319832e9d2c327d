/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Only shells call these; cores are given the time. */
#pragma once

#include <stdint.h>
#include <time.h>

/** Wall clock, seconds since 1970. */
static inline uint64_t clock_wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec;
}

/** Wall clock, milliseconds since 1970. */
static inline uint64_t clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/** Monotonic clock, nanoseconds. */
static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
