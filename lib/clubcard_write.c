/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clubcard_write.h"

static size_t column_size(const struct clubcard_column *column)
{
    return 4 + (size_t)column->count * 8;
}

size_t clubcard_size(const struct clubcard_parts *parts)
{
    size_t size = 2 + 2 + (size_t)parts->coverage_count * CLUBCARD_COVERAGE_BYTES + 4 + 1;
    for (uint32_t i = 0; i < parts->block_count; i++)
        size += CLUBCARD_BLOCK_BYTES_MIN + parts->blocks[i].exceptions.size;
    for (uint8_t i = 0; i < parts->column_count; i++)
        size += column_size(&parts->columns[i]);
    return size + column_size(&parts->exact);
}

static void coverage_put(struct wire_writer *w, const struct clubcard_coverage *coverage)
{
    wire_put(w, span_of(coverage->log_id.octets, SHA256_BYTES));
    wire_put_u64(w, coverage->low_ms);
    wire_put_u64(w, coverage->high_ms);
}

static void block_put(struct wire_writer *w, const struct clubcard_block *block)
{
    wire_put(w, span_of(block->id.octets, SHA256_BYTES));
    wire_put_u32(w, block->approx_m);
    wire_put_u8(w, block->approx_rank);
    wire_put_u32(w, block->approx_offset);
    wire_put_u32(w, block->exact_m);
    wire_put_u32(w, block->exact_offset);
    wire_put_u8(w, block->inverted ? 1 : 0);
    wire_put_u16(w, block->exception_count);
    wire_put(w, block->exceptions);
}

static void column_put(struct wire_writer *w, const struct clubcard_column *column)
{
    wire_put_u32(w, column->count);
    uint8_t *room = wire_put_room(w, (size_t)column->count * 8);
    for (uint32_t i = 0; i < column->count && room != NULL; i++)
        be64_store(room + (size_t)i * 8, column->words[i]);
}

enum err clubcard_write(const struct clubcard_parts *parts, uint8_t *out, size_t out_size,
                        size_t *ret_size)
{
    static const uint8_t version[2] = {CLUBCARD_VERSION};
    struct wire_writer w = wire_writer_of(out, out_size);
    wire_put(&w, span_of(version, sizeof version));
    wire_put_u16(&w, parts->coverage_count);
    for (uint16_t i = 0; i < parts->coverage_count; i++)
        coverage_put(&w, &parts->coverage[i]);
    wire_put_u32(&w, parts->block_count);
    for (uint32_t i = 0; i < parts->block_count; i++)
        block_put(&w, &parts->blocks[i]);
    wire_put_u8(&w, parts->column_count);
    for (uint8_t i = 0; i < parts->column_count; i++)
        column_put(&w, &parts->columns[i]);
    column_put(&w, &parts->exact);
    TRY(w.err);
    *ret_size = w.size;
    return ERR_OK;
}
