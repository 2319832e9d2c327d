/* SPDX-License-Identifier: Apache-2.0 */
/* How long the sync core waits after failures. Pure. */
#pragma once

#include <stdint.h>

#define SYNC_BACKOFF_MIN_NS UINT64_C(500000000)
#define SYNC_BACKOFF_MAX_NS UINT64_C(30000000000)

/** The pause after the `times`-th failure in a row (0 as 1): doubled each time up to the cap; half
 * of it is fixed, half is chance. */
uint64_t sync_pause_ns(uint32_t times, uint64_t *random);
