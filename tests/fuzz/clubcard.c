/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a filter: what is read lies inside them, and any question has an answer. */
#include "lib/check.h"
#include "lib/clubcard_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span whole, struct span part)
{
    if (part.size == 0)
        return;
    CHECK(part.data >= whole.data && part.size <= whole.size &&
          part.data + part.size <= whole.data + whole.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clubcard c;
    struct span whole = span_of(data, size);
    if (clubcard_open(whole, &c) != ERR_OK)
        return 0;
    check_inside(whole, c.coverage);
    check_inside(whole, c.blocks);
    check_inside(whole, c.exact);
    for (size_t i = 0; i < c.column_count; i++)
        check_inside(whole, c.columns[i]);
    struct clubcard_cursor cursor = clubcard_coverage_first(&c);
    struct clubcard_coverage coverage;
    size_t count = 0;
    for (; clubcard_coverage_next(&cursor, &coverage); count++)
        (void)clubcard_covers(&c, &coverage.log_id, coverage.high_ms);
    CHECK(count == c.coverage_count);
    cursor = clubcard_block_first(&c);
    struct clubcard_block block, found;
    for (count = 0; clubcard_block_next(&cursor, &block); count++) {
        bool revoked = false;
        check_inside(whole, block.exceptions);
        CHECK(clubcard_block_find(&c, &block.id, &found) == ERR_OK);
        CHECK(clubcard_ask(&c, &block, span_of(data, size < 20 ? size : 20), &revoked) == ERR_OK);
        CHECK(block.approx_m != 0 || revoked == block.inverted);
    }
    CHECK(count == c.block_count);
    return 0;
}
