/* SPDX-License-Identifier: Apache-2.0 */
/* Which packs and blobs something refers to: ranges, paths, kept log entries, and the two newest
 * indexes. */
#pragma once

#include "presigner/publish_core.h"

struct publish_refs {
    struct sha256 *hashes; /* sorted */
    size_t count;
    size_t capacity;
};

/** ERR_MEMORY, ERR_STORE, errors of reading an index. */
MUST_CHECK enum err publish_refs_collect(struct publisher *p, struct publish_refs *ret);
bool publish_refs_has(const struct publish_refs *refs, const struct sha256 *hash);
void publish_refs_done(struct publish_refs *refs);
