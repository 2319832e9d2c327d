/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ribbon.h"

/* The sum of two rows reaches no further than the further one, so the last first one of all is
 * before this. */
static uint64_t rows_max(uint32_t m)
{
    return (uint64_t)m + CLUBCARD_ROW_BITS - 1;
}

static uint64_t right_words(uint32_t m)
{
    return (rows_max(m) + 63) / 64;
}

size_t ribbon_bytes(uint32_t m)
{
    return (rows_max(m) * CLUBCARD_WORDS + right_words(m)) * sizeof(uint64_t);
}

void ribbon_start(struct ribbon *r, void *memory, uint32_t m)
{
    memset(memory, 0, ribbon_bytes(m));
    *r = (struct ribbon){.rows = memory, .m = m, .row_count = m};
    r->right = (uint64_t *)memory + rows_max(m) * CLUBCARD_WORDS;
}

static bool is_zero(const uint64_t a[static CLUBCARD_WORDS])
{
    return (a[0] | a[1] | a[2] | a[3]) == 0;
}

/* Moves the first one, which there is, to the front; returns by how much. */
static unsigned align(uint64_t a[static CLUBCARD_WORDS])
{
    unsigned words = 0;
    while (a[words] == 0)
        words++;
    unsigned bits = (unsigned)__builtin_ctzll(a[words]);
    for (unsigned i = 0; i < CLUBCARD_WORDS; i++) {
        uint64_t low = i + words < CLUBCARD_WORDS ? a[i + words] : 0;
        uint64_t high = i + words + 1 < CLUBCARD_WORDS ? a[i + words + 1] : 0;
        a[i] = bits == 0 ? low : low >> bits | high << (64 - bits);
    }
    return 64 * words + bits;
}

static void keep(struct ribbon *r, uint64_t at, const uint64_t a[static CLUBCARD_WORDS], bool right)
{
    memcpy(r->rows[at], a, sizeof r->rows[at]);
    if (right)
        r->right[at / 64] |= UINT64_C(1) << at % 64;
    if (at >= r->row_count)
        r->row_count = (uint32_t)at + 1;
}

bool ribbon_add(struct ribbon *r, const struct clubcard_key *key, bool right)
{
    uint64_t at = clubcard_key_start(key, r->m);
    uint64_t a[CLUBCARD_WORDS];
    memcpy(a, key->a, sizeof a);
    while (!is_zero(r->rows[at])) {
        for (unsigned i = 0; i < CLUBCARD_WORDS; i++)
            a[i] ^= r->rows[at][i];
        right ^= r->right[at / 64] >> at % 64 & 1;
        if (is_zero(a))
            return !right;
        at += align(a);
    }
    keep(r, at, a, right);
    return true;
}

bool ribbon_dot(const uint64_t *bits, uint64_t start, const uint64_t a[static CLUBCARD_WORDS])
{
    const uint64_t *word = bits + start / 64;
    unsigned shift = start % 64;
    uint64_t sum = 0;
    for (unsigned i = 0; i < CLUBCARD_WORDS; i++)
        sum ^= a[i] & (shift == 0 ? word[i] : word[i] >> shift | word[i + 1] << (64 - shift));
    return __builtin_parityll(sum);
}

void ribbon_solve(const struct ribbon *r, uint64_t *bits, uint64_t offset)
{
    for (uint64_t i = r->row_count; i-- > 0;) {
        uint64_t at = offset + i;
        bool right = r->right[i / 64] >> i % 64 & 1;
        /* Its first coefficient is one, so this bit makes the sum what it must be. */
        if (!is_zero(r->rows[i]) && ribbon_dot(bits, at, r->rows[i]) != right)
            bits[at / 64] ^= UINT64_C(1) << at % 64;
    }
}
