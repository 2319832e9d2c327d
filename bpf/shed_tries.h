/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of one generation as tries in the kernel. */
#pragma once

#include <bpf/libbpf.h>

#include "bpf/shed_filter.h"

/** Replaces the tries of a half that is not in force by those of `policy`, empty ones too. First it
 * waits until no program runs that began when that half was in force: behind it, all of the half
 * may be written. ERR_IO (errno tells), ERR_LIMIT. */
MUST_CHECK enum err shed_tries_put(const struct bpf_map *rules_v4, const struct bpf_map *rules_v6,
                                   uint32_t half, const struct shed_policy *policy);
