/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clubcard_read.h"

const char *clubcard_answer_text(enum clubcard_answer answer)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CLUBCARD_ANSWER_TABLE(X)
#undef X
    };
    return answer < CLUBCARD_ANSWER_COUNT ? texts[answer] : "?";
}

/* --- Reading --- */

static struct sha256 hash_get(struct wire_reader *r)
{
    struct sha256 hash = {0};
    struct span octets = wire_get(r, SHA256_BYTES);
    if (octets.data != NULL)
        memcpy(hash.octets, octets.data, SHA256_BYTES);
    return hash;
}

static void exceptions_get(struct wire_reader *r, struct clubcard_block *block)
{
    struct span rest = r->rest;
    for (uint16_t i = 0; i < block->exception_count && r->err == ERR_OK; i++)
        (void)wire_get(r, wire_get_u8(r));
    block->exceptions = span_of(rest.data, rest.size - r->rest.size);
}

static void block_get(struct wire_reader *r, struct clubcard_block *ret)
{
    struct clubcard_block block = {.id = hash_get(r)};
    block.approx_m = wire_get_u32(r);
    block.approx_rank = wire_get_u8(r);
    block.approx_offset = wire_get_u32(r);
    block.exact_m = wire_get_u32(r);
    block.exact_offset = wire_get_u32(r);
    uint8_t inverted = wire_get_u8(r);
    block.exception_count = wire_get_u16(r);
    exceptions_get(r, &block);
    if (r->err == ERR_OK && inverted > 1)
        r->err = ERR_MALFORMED;
    block.inverted = inverted == 1;
    *ret = block;
}

/* A column: count 4, words. */
static struct span column_get(struct wire_reader *r)
{
    uint64_t bytes = (uint64_t)wire_get_u32(r) * 8;
    return wire_get(r, bytes);
}

static void blocks_get(struct wire_reader *r, struct clubcard *c)
{
    struct clubcard_block block, before;
    c->block_count = wire_get_u32(r);
    struct span rest = r->rest;
    for (uint32_t i = 0; i < c->block_count && r->err == ERR_OK; i++) {
        block_get(r, &block);
        if (r->err == ERR_OK && i > 0 &&
            memcmp(block.id.octets, before.id.octets, SHA256_BYTES) <= 0)
            r->err = ERR_ORDER;
        before = block;
    }
    c->blocks = span_of(rest.data, rest.size - r->rest.size);
}

static bool columns_suffice(const struct clubcard *c)
{
    struct clubcard_block block;
    struct clubcard_cursor cursor = clubcard_block_first(c);
    while (clubcard_block_next(&cursor, &block))
        if (block.approx_rank > c->column_count)
            return false;
    return true;
}

enum err clubcard_open(struct span wire, struct clubcard *ret)
{
    struct wire_reader r = wire_reader_of(wire);
    struct clubcard c = {0};
    struct span version = wire_get(&r, 2);
    if (r.err == ERR_OK && (version.data[0] != CLUBCARD_VERSION || version.data[1] != 0))
        return ERR_UNSUPPORTED;
    c.coverage_count = wire_get_u16(&r);
    if (c.coverage_count > CLUBCARD_COVERAGE_MAX)
        return ERR_LIMIT;
    c.coverage = wire_get(&r, (size_t)c.coverage_count * CLUBCARD_COVERAGE_BYTES);
    blocks_get(&r, &c);
    c.column_count = wire_get_u8(&r);
    for (uint8_t i = 0; i < c.column_count && r.err == ERR_OK; i++)
        c.columns[i] = column_get(&r);
    c.exact = column_get(&r);
    TRY(wire_reader_end(&r));
    if (!columns_suffice(&c))
        return ERR_MALFORMED;
    *ret = c;
    return ERR_OK;
}

struct clubcard_cursor clubcard_coverage_first(const struct clubcard *c)
{
    return (struct clubcard_cursor){.rest = c->coverage};
}

bool clubcard_coverage_next(struct clubcard_cursor *cursor, struct clubcard_coverage *ret)
{
    struct wire_reader r = wire_reader_of(cursor->rest);
    struct clubcard_coverage coverage = {.log_id = hash_get(&r)};
    coverage.low_ms = wire_get_u64(&r);
    coverage.high_ms = wire_get_u64(&r);
    if (r.err != ERR_OK)
        return false;
    cursor->rest = r.rest;
    *ret = coverage;
    return true;
}

struct clubcard_cursor clubcard_block_first(const struct clubcard *c)
{
    return (struct clubcard_cursor){.rest = c->blocks};
}

bool clubcard_block_next(struct clubcard_cursor *cursor, struct clubcard_block *ret)
{
    struct wire_reader r = wire_reader_of(cursor->rest);
    struct clubcard_block block;
    block_get(&r, &block);
    if (r.err != ERR_OK)
        return false;
    cursor->rest = r.rest;
    *ret = block;
    return true;
}

/* --- Asking --- */

bool clubcard_covers(const struct clubcard *c, const struct sha256 *log_id, uint64_t time_ms)
{
    struct clubcard_cursor cursor = clubcard_coverage_first(c);
    struct clubcard_coverage coverage;
    bool covered = false;
    /* The last entry of a log counts, as in the reader of the format's authors. */
    while (clubcard_coverage_next(&cursor, &coverage))
        if (sha256_equal(&coverage.log_id, log_id))
            covered = coverage.low_ms <= time_ms && time_ms <= coverage.high_ms;
    return covered;
}

enum err clubcard_block_find(const struct clubcard *c, const struct sha256 *id,
                             struct clubcard_block *ret)
{
    struct clubcard_cursor cursor = clubcard_block_first(c);
    struct clubcard_block block;
    while (clubcard_block_next(&cursor, &block))
        if (sha256_equal(&block.id, id)) {
            *ret = block;
            return ERR_OK;
        }
    return ERR_NOT_FOUND;
}

/* Bits beyond the column are zero. */
static uint64_t word_at(struct span column, uint64_t index)
{
    return index < column.size / 8 ? be64_load(column.data + index * 8) : 0;
}

/* The sum of the bits under the row's ones. */
static bool dot(struct span column, uint64_t start, const struct clubcard_key *key)
{
    uint64_t first = start / 64, sum = 0;
    unsigned shift = start % 64;
    uint64_t word = word_at(column, first);
    for (unsigned i = 0; i < CLUBCARD_WORDS; i++) {
        uint64_t next = word_at(column, first + i + 1);
        uint64_t bits = shift == 0 ? word : word >> shift | next << (64 - shift);
        sum ^= bits & key->a[i];
        word = next;
    }
    return __builtin_parityll(sum);
}

static bool is_exception(const struct clubcard_block *block, struct span serial)
{
    struct wire_reader r = wire_reader_of(block->exceptions);
    for (uint16_t i = 0; i < block->exception_count; i++)
        if (span_equal(wire_get(&r, wire_get_u8(&r)), serial))
            return true;
    return false;
}

static bool holds(const struct clubcard *c, const struct clubcard_block *block, struct span serial,
                  const struct clubcard_key *key)
{
    if (block->approx_m == 0)
        return false;
    uint64_t start = block->approx_offset + clubcard_key_start(key, block->approx_m);
    for (uint8_t i = 0; i < block->approx_rank; i++)
        if (dot(c->columns[i], start, key))
            return false;
    if (dot(c->exact, block->exact_offset + clubcard_key_start(key, block->exact_m), key))
        return false;
    return !is_exception(block, serial);
}

enum err clubcard_ask(const struct clubcard *c, const struct clubcard_block *block,
                      struct span serial, bool *ret_revoked)
{
    struct clubcard_key key;
    TRY(clubcard_key_make(&block->id, serial, &key));
    *ret_revoked = holds(c, block, serial, &key) != block->inverted;
    return ERR_OK;
}

uint64_t clubcard_block_bits(const struct clubcard_block *block)
{
    return (uint64_t)block->approx_m * block->approx_rank + block->exact_m;
}
