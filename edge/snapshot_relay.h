/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's copy in a snapshot: its files are looked up by name in the pinned read transaction.
 *
 * A transaction of LMDB is used by one thread at a time, so lookups of several workers take turns.
 * They are few: other edges ask once a second, and for each change once. Nothing of this is on the
 * way of an OCSP request. */
#pragma once

#include "edge/relay_name.h"
#include "edge/snapshot.h"

struct relay_file {
    struct sha256 hash;
    struct span octets; /* in the map: until the snapshot is left */
};

/** Fills s->relay when the store has a whole copy; the transaction is there. ERR_STORE, ERR_MEMORY.
 */
MUST_CHECK enum err snapshot_relay_make(struct snapshot_source *source, struct snapshot *s);
void snapshot_relay_free(struct snapshot *s);

/** Any thread that holds the snapshot. `key` is that of a relay name. false: there is no such file.
 */
bool snapshot_relay_find(const struct snapshot *s, struct span key, struct relay_file *ret);
