/* SPDX-License-Identifier: Apache-2.0 */
/* Relay set: many names of indexes, packs and blobs, added in any order and then asked about. */
#pragma once

#include "edge/relay_name.h"
#include "lib/span.h"

struct relay_set {
    uint8_t (*keys)[RELAY_KEY_BYTES_MAX];
    size_t count;
    size_t room;
};

/** A name with a hash. Names may come more than once. ERR_MEMORY. */
MUST_CHECK enum err relay_set_add(struct relay_set *set, const struct relay_name *name);
/** After the last one was added, before the first question. */
void relay_set_sort(struct relay_set *set);
/** `key` is that of any name. */
bool relay_set_has(const struct relay_set *set, struct span key);
/** Leaves an empty set. */
void relay_set_done(struct relay_set *set);
