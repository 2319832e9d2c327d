/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a log entry or an index needs next. Pure: walks what has been verified. */
#pragma once

#include "edge/issuer_set.h"
#include "lib/index.h"
#include "lib/log_entry.h"
#include "lib/pack.h"

enum sync_want_type { SYNC_WANT_PACK, SYNC_WANT_BLOB };

struct sync_want {
    enum sync_want_type type;
    enum pack_kind kind;    /* SYNC_WANT_PACK */
    struct log_range range; /* SYNC_WANT_PACK; a tail has no bounds */
    struct blob_path path;  /* SYNC_WANT_BLOB; borrows the entry or the index */
};

/** The file's name and size. */
const struct sha256 *sync_want_hash(const struct sync_want *want);
uint64_t sync_want_bytes(const struct sync_want *want);

/** The next pack or blob that an entry names; packs of other issuers are left out. `*cursor` starts
 *  at 0. false: nothing more, *ret is untouched. */
bool sync_want_of_entry(const struct log_entry *entry, const struct issuer_set *issuers,
                        size_t *cursor, struct sync_want *ret);
/** The next tail pack of an index. */
bool sync_want_tail(const struct index_reader *index, const struct issuer_set *issuers,
                    size_t *cursor, struct sync_want *ret);
/** The next range pack or blob of an index behind its first `done` lines. `*lines` counts the lines
 *  that the cursor has passed, the one of *ret included. */
bool sync_want_of_index(const struct index_reader *index, const struct issuer_set *issuers,
                        uint32_t done, size_t *cursor, uint32_t *lines, struct sync_want *ret);
