/* SPDX-License-Identifier: Apache-2.0 */
/* Which issuers an edge takes statements of: those whose CA certificate is configured, or all. What
 * is published of any other issuer is passed over. Pure. */
#pragma once

#include "lib/digest.h"

struct issuer_set {
    const uint64_t *ids; /* ascending, each once */
    uint32_t count;
    bool all; /* nothing is configured; `ids` does not count */
};

/** NULL: all. */
bool issuer_set_has(const struct issuer_set *set, uint64_t issuer_id);
/** What the store remembers of the set it was filled for: zero for all, else from zero, for each
 * id, the SHA-256 of the hash before and the id's 8 octets. */
struct sha256 issuer_set_hash(const struct issuer_set *set);
/** Sorts ids and removes what is there twice; returns their count. */
uint32_t issuer_set_sort(uint64_t *ids, uint32_t count);
