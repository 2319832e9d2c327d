/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/merkle.h"

#include "lib/check.h"

struct sha256 merkle_leaf(struct span entry)
{
    static const uint8_t prefix[] = {0x00};
    return sha256_of_two(span_of(prefix, sizeof prefix), entry);
}

struct sha256 merkle_node(const struct sha256 *left, const struct sha256 *right)
{
    uint8_t octets[1 + 2 * SHA256_BYTES] = {0x01};
    memcpy(octets + 1, left->octets, SHA256_BYTES);
    memcpy(octets + 1 + SHA256_BYTES, right->octets, SHA256_BYTES);
    return sha256_of(span_of(octets, sizeof octets));
}

void merkle_edge_add(struct merkle_edge *edge, const struct sha256 *leaf)
{
    CHECK(edge->size < UINT64_MAX);
    struct sha256 tree = *leaf;
    unsigned level = 0;
    for (; (edge->size >> level & 1) != 0; level++)
        tree = merkle_node(&edge->trees[level], &tree);
    edge->trees[level] = tree;
    edge->size++;
}

struct sha256 merkle_edge_root(const struct merkle_edge *edge)
{
    if (edge->size == 0)
        return sha256_of(SPAN_EMPTY);
    unsigned level = (unsigned)__builtin_ctzll(edge->size);
    struct sha256 root = edge->trees[level];
    while (++level < MERKLE_LEVELS)
        if ((edge->size >> level & 1) != 0)
            root = merkle_node(&edge->trees[level], &root);
    return root;
}

struct sha256 merkle_fold(const struct sha256 *hashes, size_t count)
{
    CHECK(count > 0 && (count & (count - 1)) == 0);
    struct merkle_edge edge = {0};
    for (size_t i = 0; i < count; i++)
        merkle_edge_add(&edge, &hashes[i]);
    return merkle_edge_root(&edge);
}

/* The hash over the leaves [begin, end), where begin is a multiple of the least power of two that
 * is not below the number of leaves: whole subtrees, the largest first. */
static enum err range_hash(const struct merkle_source *source, uint64_t begin, uint64_t end,
                           struct sha256 *ret)
{
    struct merkle_edge edge = {.size = end - begin};
    for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
        if ((edge.size >> level & 1) == 0)
            continue;
        TRY(source->get(source->context, level, begin >> level, &edge.trees[level]));
        begin += UINT64_C(1) << level;
    }
    *ret = merkle_edge_root(&edge);
    return ERR_OK;
}

enum err merkle_root(const struct merkle_source *source, uint64_t size, struct sha256 *ret)
{
    return range_hash(source, 0, size, ret);
}

/* The greatest power of two below n, which is at least 2. */
static uint64_t split_of(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static enum err put(const struct merkle_source *source, uint64_t begin, uint64_t end,
                    struct merkle_proof *proof)
{
    CHECK(proof->count < MERKLE_PROOF_MAX);
    TRY(range_hash(source, begin, end, &proof->hashes[proof->count]));
    proof->count++;
    return ERR_OK;
}

/* Found from the root down, wanted from the leaf up. */
static void reverse(struct merkle_proof *proof)
{
    for (unsigned i = 0; i < proof->count / 2; i++) {
        struct sha256 kept = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = kept;
    }
}

enum err merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
                                struct merkle_proof *ret)
{
    if (index >= size)
        return ERR_RANGE;
    struct merkle_proof proof = {.count = 0};
    uint64_t begin = 0;
    uint64_t end = size;
    while (end - begin > 1) {
        uint64_t middle = begin + split_of(end - begin);
        bool left = index < middle;
        TRY(left ? put(source, middle, end, &proof) : put(source, begin, middle, &proof));
        if (left)
            end = middle;
        else
            begin = middle;
    }
    reverse(&proof);
    *ret = proof;
    return ERR_OK;
}

enum err merkle_prove_consistency(const struct merkle_source *source, uint64_t old_size,
                                  uint64_t size, struct merkle_proof *ret)
{
    if (old_size == 0 || old_size > size)
        return ERR_RANGE;
    struct merkle_proof proof = {.count = 0};
    uint64_t begin = 0;
    uint64_t end = size;
    /* Down to the subtree that ends where the old tree ended. */
    while (end != old_size) {
        uint64_t middle = begin + split_of(end - begin);
        bool left = old_size <= middle;
        TRY(left ? put(source, middle, end, &proof) : put(source, begin, middle, &proof));
        if (left)
            end = middle;
        else
            begin = middle;
    }
    if (begin > 0) /* else it is the old root, which the other side has */
        TRY(put(source, begin, end, &proof));
    reverse(&proof);
    *ret = proof;
    return ERR_OK;
}

enum err merkle_check_inclusion(const struct merkle_proof *proof, uint64_t index, uint64_t size,
                                const struct sha256 *leaf, const struct sha256 *root)
{
    if (index >= size)
        return ERR_HASH;
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct sha256 r = *leaf;
    for (unsigned i = 0; i < proof->count; i++) {
        if (sn == 0)
            return ERR_HASH;
        if ((fn & 1) != 0 || fn == sn) {
            r = merkle_node(&proof->hashes[i], &r);
            while (fn != 0 && (fn & 1) == 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = merkle_node(&r, &proof->hashes[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sha256_equal(&r, root) ? ERR_OK : ERR_HASH;
}

enum err merkle_check_consistency(const struct merkle_proof *proof, uint64_t old_size,
                                  uint64_t size, const struct sha256 *old_root,
                                  const struct sha256 *root)
{
    if (old_size == 0 || old_size > size)
        return ERR_HASH;
    if (old_size == size)
        return proof->count == 0 && sha256_equal(old_root, root) ? ERR_OK : ERR_HASH;
    unsigned at = 0;
    bool whole = (old_size & (old_size - 1)) == 0; /* then the old root is the first hash */
    if (proof->count == 0)
        return ERR_HASH;
    struct sha256 fr = whole ? *old_root : proof->hashes[at++];
    struct sha256 sr = fr;
    uint64_t fn = old_size - 1;
    uint64_t sn = size - 1;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    for (; at < proof->count; at++) {
        const struct sha256 *c = &proof->hashes[at];
        if (sn == 0)
            return ERR_HASH;
        if ((fn & 1) != 0 || fn == sn) {
            fr = merkle_node(c, &fr);
            sr = merkle_node(c, &sr);
            while (fn != 0 && (fn & 1) == 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sr = merkle_node(&sr, c);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sha256_equal(&fr, old_root) && sha256_equal(&sr, root) ? ERR_OK : ERR_HASH;
}
