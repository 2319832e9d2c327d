/* SPDX-License-Identifier: Apache-2.0 */
/* The tree against its definition (RFC 6962 section 2.1), written down a second time, and known
 * values of RFC 6962 logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/merkle.h"
#include "lib/tile_path.h"

#define LEAVES 70

static struct sha256 leaves[LEAVES];

static int make_leaves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEAVES; i++) {
        char text[16];
        snprintf(text, sizeof text, "entry %u", i);
        leaves[i] = merkle_leaf(span_text(text));
    }
    return 0;
}

/* MTH(D[begin:end]) by its definition. */
static struct sha256 mth(size_t begin, size_t end)
{
    if (end == begin)
        return sha256_of(SPAN_EMPTY);
    if (end - begin == 1)
        return leaves[begin];
    size_t k = 1;
    while (k * 2 < end - begin)
        k *= 2;
    struct sha256 left = mth(begin, begin + k);
    struct sha256 right = mth(begin + k, end);
    return merkle_node(&left, &right);
}

static enum err get(void *context, unsigned level, uint64_t index, struct sha256 *ret)
{
    uint64_t size = *(const uint64_t *)context;
    uint64_t end = (index + 1) << level;
    assert_true(end <= size); /* whole subtrees only */
    *ret = mth((size_t)(index << level), (size_t)end);
    return ERR_OK;
}

static void known_values(void **state)
{
    (void)state;
    char text[SHA256_TEXT_BYTES];
    struct merkle_edge edge = {0};
    struct sha256 hash = merkle_edge_root(&edge);
    sha256_to_text(&hash, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash = merkle_leaf(SPAN_EMPTY);
    sha256_to_text(&hash, text);
    assert_string_equal(text, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    hash = merkle_leaf(span_text("L123456"));
    sha256_to_text(&hash, text);
    assert_string_equal(text, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
}

static void roots(void **state)
{
    (void)state;
    struct merkle_edge edge = {0};
    for (uint64_t size = 0; size <= LEAVES; size++) {
        struct sha256 expected = mth(0, (size_t)size);
        struct sha256 root = merkle_edge_root(&edge);
        assert_true(sha256_equal(&root, &expected));
        struct merkle_source source = {.context = &size, .get = get};
        assert_int_equal(merkle_root(&source, size, &root), ERR_OK);
        assert_true(sha256_equal(&root, &expected));
        if (size < LEAVES)
            merkle_edge_add(&edge, &leaves[size]);
    }
}

/* Any other index, size, leaf, root, or a changed, missing or further hash must not pass. */
static void spoil_inclusion(const struct merkle_proof *good, uint64_t index, uint64_t size,
                            const struct sha256 *root)
{
    const struct sha256 *leaf = &leaves[index];
    struct merkle_proof bad = *good;
    struct sha256 other = *root;
    other.octets[7] ^= 1;
    assert_int_equal(merkle_check_inclusion(good, index, size, leaf, &other), ERR_HASH);
    assert_int_equal(merkle_check_inclusion(good, index, size, &other, root), ERR_HASH);
    assert_int_equal(merkle_check_inclusion(good, size, size, leaf, root), ERR_HASH);
    if (size > 1)
        assert_int_equal(merkle_check_inclusion(good, (index + 1) % size, size, leaf, root),
                         ERR_HASH);
    for (unsigned i = 0; i < good->count; i++) {
        bad.hashes[i].octets[31] ^= 0x80;
        assert_int_equal(merkle_check_inclusion(&bad, index, size, leaf, root), ERR_HASH);
        bad = *good;
    }
    bad.count = good->count + 1;
    bad.hashes[good->count] = other;
    assert_int_equal(merkle_check_inclusion(&bad, index, size, leaf, root), ERR_HASH);
    if (good->count > 0) {
        bad.count = good->count - 1;
        assert_int_equal(merkle_check_inclusion(&bad, index, size, leaf, root), ERR_HASH);
    }
}

static void inclusion(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= LEAVES; size++) {
        struct sha256 root = mth(0, (size_t)size);
        struct merkle_source source = {.context = &size, .get = get};
        struct merkle_proof proof;
        for (uint64_t index = 0; index < size; index++) {
            assert_int_equal(merkle_prove_inclusion(&source, index, size, &proof), ERR_OK);
            assert_int_equal(merkle_check_inclusion(&proof, index, size, &leaves[index], &root),
                             ERR_OK);
            spoil_inclusion(&proof, index, size, &root);
        }
        assert_int_equal(merkle_prove_inclusion(&source, size, size, &proof), ERR_RANGE);
    }
}

static void spoil_consistency(const struct merkle_proof *good, uint64_t old_size, uint64_t size,
                              const struct sha256 *old_root, const struct sha256 *root)
{
    struct merkle_proof bad = *good;
    struct sha256 other = *root;
    other.octets[0] ^= 4;
    assert_int_equal(merkle_check_consistency(good, old_size, size, old_root, &other), ERR_HASH);
    assert_int_equal(merkle_check_consistency(good, old_size, size, &other, root), ERR_HASH);
    assert_int_equal(merkle_check_consistency(good, 0, size, old_root, root), ERR_HASH);
    assert_int_equal(merkle_check_consistency(good, size + 1, size, old_root, root), ERR_HASH);
    for (unsigned i = 0; i < good->count; i++) {
        bad.hashes[i].octets[3] ^= 1;
        assert_int_equal(merkle_check_consistency(&bad, old_size, size, old_root, root), ERR_HASH);
        bad = *good;
    }
    bad.count = good->count + 1;
    bad.hashes[good->count] = other;
    assert_int_equal(merkle_check_consistency(&bad, old_size, size, old_root, root), ERR_HASH);
    if (good->count > 0) {
        bad.count = good->count - 1;
        assert_int_equal(merkle_check_consistency(&bad, old_size, size, old_root, root), ERR_HASH);
    }
}

static void consistency(void **state)
{
    (void)state;
    struct merkle_proof proof;
    for (uint64_t size = 1; size <= LEAVES; size++) {
        struct sha256 root = mth(0, (size_t)size);
        struct merkle_source source = {.context = &size, .get = get};
        for (uint64_t old_size = 1; old_size <= size; old_size++) {
            struct sha256 old_root = mth(0, (size_t)old_size);
            assert_int_equal(merkle_prove_consistency(&source, old_size, size, &proof), ERR_OK);
            assert_int_equal(merkle_check_consistency(&proof, old_size, size, &old_root, &root),
                             ERR_OK);
            spoil_consistency(&proof, old_size, size, &old_root, &root);
        }
        assert_int_equal(merkle_prove_consistency(&source, 0, size, &proof), ERR_RANGE);
        assert_int_equal(merkle_prove_consistency(&source, size + 1, size, &proof), ERR_RANGE);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        unsigned level;
        uint64_t number;
        unsigned width;
        const char *name;
    } rows[] = {
        {0, 0, 256, "tile/0/000"},
        {0, 5, 7, "tile/0/005.p/7"},
        {1, 999, 255, "tile/1/999.p/255"},
        {2, 1000, 256, "tile/2/x001/000"},
        {0, 1234067, 256, "tile/0/x001/x234/067"},
        {TILE_ENTRIES, 1234067, 8, "tile/entries/x001/x234/067.p/8"},
        {7, (UINT64_C(1) << 56) - 1, 255, "tile/7/x072/x057/x594/x037/x927/935.p/255"},
    };
    char text[TILE_PATH_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tile_path(rows[i].level, rows[i].number, rows[i].width, text);
        assert_string_equal(text, rows[i].name);
    }
    tile_parts_path(0, 1000, text);
    assert_string_equal(text, "tile/0/x001/000.p");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values), cmocka_unit_test(roots), cmocka_unit_test(inclusion),
        cmocka_unit_test(consistency),  cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
