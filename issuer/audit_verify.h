/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an audit log as anybody may: by the checkpoint and the verifier key. Nothing is believed
 * that the checkpoint's root does not cover. */
#pragma once

#include "issuer/audit_tiles.h"

struct audit_reader {
    char folder[AUDIT_PATH_MAX];
    struct audit_tree tree;         /* of the checkpoint */
    struct buffer checkpoint;       /* its octets */
    struct sha256 tile[TILE_WIDTH]; /* the one read last */
    unsigned tile_level;
    uint64_t tile_number;
    unsigned tile_width; /* 0: none */
};

/** Errors of audit_checkpoint_read(). */
MUST_CHECK enum err audit_reader_open(const char *folder, const struct verify_key *key,
                                      struct audit_reader *ret);
void audit_reader_done(struct audit_reader *r);

/** Calls `each` for the entries from `first` up to, not including, `end`. Not verified: see
 * audit_verify(). ERR_RANGE, errors of files, and what `each` returns when it is not OK. */
MUST_CHECK enum err audit_each(struct audit_reader *r, uint64_t first, uint64_t end,
                               enum err (*each)(void *context, uint64_t index, struct span entry),
                               void *context);

/** What tells this log from any other, also of the same key: the SHA-256 of its first entry, which
 * never changes. ERR_RANGE: it has none yet. */
MUST_CHECK enum err audit_log_id(struct audit_reader *r, struct sha256 *ret);
/** Reads all of it: each entry against its hash, each tile against the one below, the root against
 * the checkpoint. ERR_HASH, ERR_MALFORMED, ERR_NOT_FOUND ...: `fault` names the file. */
MUST_CHECK enum err audit_verify(struct audit_reader *r, char fault[static TILE_PATH_BYTES]);
/** Whether the log begins with the tree of an older checkpoint. ERR_HASH: it does not; ERR_RANGE:
 * that one is of a larger tree. */
MUST_CHECK enum err audit_follows(struct audit_reader *r, const struct audit_tree *older);
/** Hashes of whole subtrees, for proofs. Borrows the reader. */
struct merkle_source audit_source(struct audit_reader *r);
