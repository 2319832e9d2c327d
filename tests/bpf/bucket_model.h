/* SPDX-License-Identifier: Apache-2.0 */
/* The places of source prefixes of bpf/filter.h in plain C, written from its text and without a
 * look at the filter. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/filter.h"

/* How a prefix came to its place. */
enum bucket_choice {
    BUCKET_OWN,
    BUCKET_HOME, /* free */
    BUCKET_FREE, /* another free one */
    BUCKET_SHARED,
    BUCKET_CHOICES
};

/** When a place is full again, in ns. */
uint64_t bucket_model_time_ns(uint64_t word);
/** Takes a token of the prefix with that hash from the places of one kind of its set. `choices`
 * counts. */
bool bucket_model_take(__u64 places[static FILTER_PLACES], uint64_t hash,
                       const struct filter_rate *rate, uint64_t now_ns,
                       uint64_t choices[static BUCKET_CHOICES]);
