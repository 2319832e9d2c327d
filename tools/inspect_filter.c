/* SPDX-License-Identifier: Apache-2.0 */
/* Filters for `statim inspect`. */
#include "lib/clubcard_read.h"
#include "tools/inspect.h"
#include "tools/inspect_fact.h"

static void show_coverage(json_t *list, const struct clubcard *card)
{
    struct clubcard_cursor cursor = clubcard_coverage_first(card);
    struct clubcard_coverage coverage;
    while (clubcard_coverage_next(&cursor, &coverage)) {
        json_t *row = fact_row(list);
        fact_hash(row, "log", &coverage.log_id);
        fact_time(row, "from", coverage.low_ms / 1000);
        fact_time(row, "until", coverage.high_ms / 1000);
    }
}

static const char *held_text(const struct clubcard_block *block)
{
    if (block->approx_m == 0)
        return block->inverted ? "all are revoked" : "none is revoked";
    return block->inverted ? "those that are not revoked" : "those that are revoked";
}

static void show_blocks(json_t *list, const struct clubcard *card)
{
    struct clubcard_cursor cursor = clubcard_block_first(card);
    struct clubcard_block block;
    while (clubcard_block_next(&cursor, &block)) {
        json_t *row = fact_row(list);
        fact_hash(row, "key_sha256", &block.id);
        fact_text(row, "holds", held_text(&block));
        fact_number(row, "approximate_starts", block.approx_m);
        fact_number(row, "approximate_columns", block.approx_rank);
        fact_number(row, "exact_starts", block.exact_m);
        fact_number(row, "exceptions", block.exception_count);
        fact_number(row, "filter_bits", clubcard_block_bits(&block));
    }
}

bool inspect_filter(struct inspection *in, struct span content)
{
    struct clubcard card;
    enum err err = clubcard_open(content, &card);
    if (err != ERR_OK)
        return inspect_refuse(in, "filter: %s", err_text(err));
    show_coverage(fact_list(in->facts, "coverage"), &card);
    show_blocks(fact_list(in->facts, "issuers"), &card);
    fact_number(in->facts, "approximate_columns", card.column_count);
    fact_number(in->facts, "exact_words", card.exact.size / 8);
    return true;
}
