/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of one generation as tries in the kernel. */
#pragma once

#include <bpf/libbpf.h>

#include "bpf/shed_filter.h"

/** Replaces the tries of a half by those of `policy`, empty ones too: that waits until no program
 * reads the ones before (bpf/filter.h, struct filter_control). ERR_IO (errno tells), ERR_LIMIT. */
MUST_CHECK enum err shed_tries_put(const struct bpf_map *rules_v4, const struct bpf_map *rules_v6,
                                   uint32_t half, const struct shed_policy *policy);
