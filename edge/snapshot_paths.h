/* SPDX-License-Identifier: Apache-2.0 */
/* The path table of a snapshot, read from the store. A snapshot shares the one of the previous
 * snapshot when the store's "paths" number is the same: neither a path nor the set of blobs has
 * changed since then. */
#pragma once

#include "edge/snapshot.h"

/** Fills paths and paths_number; the transaction is there. `previous` may be NULL. A store without
 *  paths has no table. What is not well-formed or more than fits is left out. ERR_STORE,
 *  ERR_MEMORY. */
MUST_CHECK enum err snapshot_paths_make(struct snapshot_source *source, struct snapshot *s,
                                        const struct snapshot *previous);
void snapshot_paths_free(struct snapshot *s);
