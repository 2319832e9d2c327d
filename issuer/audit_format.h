/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of an audit log: the checkpoint (C2SP tlog-checkpoint, a signed note of origin, size and
 * root), the writer's own note of how far it has come, and a proof of inclusion (C2SP tlog-proof).
 * Pure. */
#pragma once

#include "lib/merkle.h"
#include "lib/note.h"

#define AUDIT_CHECKPOINT_BYTES_MAX 4096
#define AUDIT_STATE_BYTES_MAX      160
#define AUDIT_PROOF_BYTES_MAX      8192

/* What a checkpoint says; its origin is the key's name. */
struct audit_tree {
    uint64_t size;
    struct sha256 root;
};

/** ERR_NO_SPACE, ERR_CRYPTO, ERR_MALFORMED. */
MUST_CHECK enum err audit_checkpoint_write(const struct publish_key *key,
                                           const struct audit_tree *tree, char *out,
                                           size_t out_size, size_t *ret_size);
/** Lines that follow the root (extensions) are allowed and signed with the rest. ERR_MALFORMED,
 * ERR_KEY, ERR_SIGNATURE, ERR_NETWORK (another origin), ERR_LIMIT. */
MUST_CHECK enum err audit_checkpoint_open(const struct verify_key *key, struct span note,
                                          struct audit_tree *ret);

/** "statim-audit v1\nsize N\nroot <hex>\n". ERR_NO_SPACE. */
MUST_CHECK enum err audit_state_write(const struct audit_tree *tree, char *out, size_t out_size,
                                      size_t *ret_size);
/** ERR_MALFORMED, ERR_UNSUPPORTED. */
MUST_CHECK enum err audit_state_read(struct span text, struct audit_tree *ret);

/** "c2sp.org/tlog-proof@v1\nindex N\n", the hashes in base64 a line each, an empty line, the
 * checkpoint. ERR_NO_SPACE. */
MUST_CHECK enum err audit_proof_write(uint64_t index, const struct merkle_proof *proof,
                                      struct span checkpoint, char *out, size_t out_size,
                                      size_t *ret_size);
