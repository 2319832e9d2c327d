/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of an append-only log (RFC 6962 section 2.1, RFC 9162 section 2.1). Pure.
 *
 * A subtree at (level, index) is over the leaves [index << level, (index + 1) << level); only whole
 * ones are ever stored. */
#pragma once

#include "lib/digest.h"

#define MERKLE_LEVELS    64 /* a size is 64 bits */
#define MERKLE_PROOF_MAX (MERKLE_LEVELS + 1)

/** Hash of a leaf: SHA-256(0x00 || entry). */
struct sha256 merkle_leaf(struct span entry);
/** Hash of a node over two subtrees: SHA-256(0x01 || left || right). */
struct sha256 merkle_node(const struct sha256 *left, const struct sha256 *right);

/* All that is needed to append and to give the root: the whole subtrees that the leaves fall into,
 * one for each bit of the size that is set. */
struct merkle_edge {
    uint64_t size;
    struct sha256 trees[MERKLE_LEVELS]; /* by level; meaningful where the size has its bit */
};

/** One more leaf. */
void merkle_edge_add(struct merkle_edge *edge, const struct sha256 *leaf);
/** The tree's root; of an empty tree SHA-256 of nothing. */
struct sha256 merkle_edge_root(const struct merkle_edge *edge);
/** The hash over `count` subtrees of one level side by side, `count` a power of two. */
struct sha256 merkle_fold(const struct sha256 *hashes, size_t count);

/* Where the hashes of whole subtrees are to be had. */
struct merkle_source {
    void *context;
    enum err (*get)(void *context, unsigned level, uint64_t index, struct sha256 *ret);
};

struct merkle_proof {
    struct sha256 hashes[MERKLE_PROOF_MAX];
    unsigned count;
};

/** The root of the first `size` leaves. Errors of the source. */
MUST_CHECK enum err merkle_root(const struct merkle_source *source, uint64_t size,
                                struct sha256 *ret);
/** That leaf `index` is in the tree of `size` leaves. ERR_RANGE (no such leaf), errors of the
 * source. */
MUST_CHECK enum err merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
                                           uint64_t size, struct merkle_proof *ret);
/** That the tree of `size` leaves begins with that of `old_size`. ERR_RANGE (old_size 0 or above
 * size), errors of the source. */
MUST_CHECK enum err merkle_prove_consistency(const struct merkle_source *source, uint64_t old_size,
                                             uint64_t size, struct merkle_proof *ret);

/** RFC 9162 2.1.3.2. ERR_HASH: it proves nothing. */
MUST_CHECK enum err merkle_check_inclusion(const struct merkle_proof *proof, uint64_t index,
                                           uint64_t size, const struct sha256 *leaf,
                                           const struct sha256 *root);
/** RFC 9162 2.1.4.2. ERR_HASH: it proves nothing. */
MUST_CHECK enum err merkle_check_consistency(const struct merkle_proof *proof, uint64_t old_size,
                                             uint64_t size, const struct sha256 *old_root,
                                             const struct sha256 *root);
