/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets are refused, or make a block in which every statement is found and nothing else. */
#include "lib/block.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_all(const struct block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        struct statement s;
        struct statement found;
        block_statement(block, i, &s);
        CHECK(block_find(block, &s.serial, &found));
        CHECK(serial_compare(&s.serial, &found.serial) == 0);
        CHECK(s.signature.data == found.signature.data);
        uint32_t place;
        CHECK(block_find_near(block, &s.serial, i * 7 % block->count, 0, &place) && place == i);
        /* One above: it is there only as the next one. */
        struct serial above = s.serial;
        above.octets[above.size - 1]++;
        struct serial next = {.size = 0};
        if (i + 1u < block->count)
            block_serial(block, i + 1, &next);
        if (above.octets[above.size - 1] != 0)
            CHECK(block_find(block, &above, &found) == (serial_compare(&above, &next) == 0));
    }
}

/* Statements of an accepted block go through a builder again. */
static void rebuild(const struct block *block)
{
    static struct block_builder builder;
    uint8_t out[BLOCK_BYTES_MAX];
    block_builder_reset(&builder);
    for (uint32_t i = 0; i < block->count; i++) {
        struct statement s;
        block_statement(block, i, &s);
        CHECK(block_builder_add(&builder, &s) == ERR_OK);
    }
    size_t size = block_builder_finish(&builder, out);
    struct block again;
    CHECK(block_open(span_of(out, size), &again) == ERR_OK);
    CHECK(again.count == block->count && size <= block->size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block block;
    if (block_open(span_of(data, size), &block) != ERR_OK)
        return 0;
    CHECK(block_load(data).size_bytes == size);
    find_all(&block);
    rebuild(&block);
    return 0;
}
