/* SPDX-License-Identifier: Apache-2.0 */
/* A small generator for what need not be secret: spreading load, choosing samples. The state is the
 * caller's, so that a simulation repeats. Keys and serials come from OpenSSL, never from here. */
#pragma once

#include <stdint.h>

/** The next 64 bits of splitmix64; any state is a good seed. */
static inline uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
