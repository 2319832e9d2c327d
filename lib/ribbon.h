/* SPDX-License-Identifier: Apache-2.0 */
/* A linear system over GF(2) whose rows are 256 coefficients wide, each from its own start on: what
 * the filters of a clubcard are solutions of. Pure: the memory is the caller's.
 *
 * Rows are brought into echelon form as they come (Dillinger, Walzer: Ribbon filter, 2021): the row
 * with its first one at bit i is kept at i, and what meets a kept row takes it away from itself and
 * moves on. A row whose ones all went is redundant, or contradicts when its right side is one. With
 * right sides of zero only, nothing ever contradicts. */
#pragma once

#include "lib/clubcard_key.h"

struct ribbon {
    uint64_t (*rows)[CLUBCARD_WORDS]; /* by first one; all zero: none */
    uint64_t *right;                  /* bit i: the right side of row i */
    uint32_t m;                       /* rows start at 0..m-1 */
    uint32_t row_count;               /* bits that are solved for: at least m */
};

/** The memory that a system of m starts takes, for ribbon_start(). */
size_t ribbon_bytes(uint32_t m);
/** An empty system in ribbon_bytes(m) octets, aligned for uint64_t. */
void ribbon_start(struct ribbon *r, void *memory, uint32_t m);
/** Adds a row; false: it contradicts those before, and is left out. */
bool ribbon_add(struct ribbon *r, const struct clubcard_key *key, bool right);
/** Solves for bits[offset..offset + row_count). What follows is taken as it is; bits that no row
 *  determines keep their value. Readable: CLUBCARD_ROW_BITS + 64 bits more. */
void ribbon_solve(const struct ribbon *r, uint64_t *bits, uint64_t offset);
/** The sum of the bits under the row's ones; readable as for ribbon_solve(). */
bool ribbon_dot(const uint64_t *bits, uint64_t start, const uint64_t a[static CLUBCARD_WORDS]);
