/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/pack.h"
#include "lib/wire.h"

#define ISSUER 0x0123456789abcdefu

static uint8_t signature[SIGNATURE_BYTES_MAX];
static struct ocsp_template p256;
static struct ocsp_template rsa;
static const struct ocsp_template *const templates[] = {&p256, &rsa};

static const struct pack_info whole = {
    .issuer_id = ISSUER, .kind = PACK_RANGE, .after = SERIAL_BEFORE_ALL, .until = SERIAL_AFTER_ALL};

static struct statement make(const struct serial *serial, uint16_t template_no, bool revoked,
                             uint32_t this_update_s)
{
    return (struct statement){.serial = *serial,
                              .facts = fixture_facts(template_no, this_update_s, revoked),
                              .signature = span_of(signature, template_no == 1 ? 64 : 256)};
}

/* Statements of two serial sizes and both templates. */
static uint32_t make_many(struct statement *all, uint32_t count)
{
    static struct serial serials[1000];
    uint64_t random = 11;
    uint32_t short_count = fixture_serials(&random, SHAPE_RANDOM, 8, count / 2, serials);
    uint32_t total = short_count + fixture_serials(&random, SHAPE_SEQUENTIAL, 16, count / 2,
                                                   serials + short_count);
    for (uint32_t i = 0; i < total; i++) {
        uint32_t kind = fixture_below(&random, 20);
        all[i] = make(&serials[i], kind == 0 ? 2 : 1, kind == 1, 1700000000 + kind);
        all[i].signature.data += i % 100;
    }
    return total;
}

static enum err write_pack(const struct pack_info *info, const struct statement *all,
                           uint32_t count, uint8_t *out, size_t out_size, struct pack_info *ret,
                           size_t *ret_size)
{
    static struct pack_writer w;
    pack_writer_start(&w, info, templates, 2, out, out_size);
    for (uint32_t i = 0; i < count; i++)
        pack_writer_add(&w, &all[i]);
    size_t expected = pack_writer_size(&w);
    enum err err = pack_writer_finish(&w, ret, ret_size);
    if (err == ERR_OK)
        assert_int_equal(*ret_size, expected);
    return err;
}

static void round_trip(void **state)
{
    (void)state;
    static struct statement all[1000];
    static uint8_t out[1 << 19];
    struct pack_info info;
    size_t size;
    uint32_t count = make_many(all, 1000);
    assert_int_equal(write_pack(&whole, all, count, out, sizeof out, &info, &size), ERR_OK);
    assert_int_equal(info.statement_count, count);
    assert_int_equal(info.this_update_min_s, 1700000000);
    assert_int_equal(info.next_update_min_s, 1700000000 + 604800);

    uint8_t *wire = fixture_copy(out, size);
    struct pack_reader pack;
    assert_int_equal(pack_open(span_of(wire, size), &pack), ERR_OK);
    assert_int_equal(pack.info.issuer_id, ISSUER);
    assert_int_equal(pack.info.block_count, info.block_count);
    size_t cursor = 0;
    struct span octets;
    for (int i = 0; i < 2; i++) {
        struct ocsp_template t;
        assert_true(pack_next_template(&pack, &cursor, &octets));
        assert_int_equal(template_read(octets, &t), ERR_OK);
        assert_int_equal(t.template_no, templates[i]->template_no);
    }
    assert_false(pack_next_template(&pack, &cursor, &octets));

    cursor = 0;
    uint32_t seen = 0;
    uint32_t blocks = 0;
    for (; pack_next_block(&pack, &cursor, &octets); blocks++) {
        struct block block = block_load(octets.data);
        assert_int_equal(block.size_bytes, octets.size);
        for (uint32_t i = 0; i < block.count; i++, seen++) {
            struct statement s;
            block_statement(&block, i, &s);
            assert_int_equal(serial_compare(&s.serial, &all[seen].serial), 0);
            assert_memory_equal(&s.facts, &all[seen].facts, sizeof s.facts);
            assert_true(span_equal(s.signature, all[seen].signature));
        }
    }
    assert_int_equal(seen, count);
    assert_int_equal(blocks, info.block_count);
    free(wire);
}

static void an_empty_pack_is_a_pack(void **state)
{
    (void)state;
    uint8_t out[1024];
    struct pack_info info;
    struct pack_reader pack;
    size_t size;
    struct span octets;
    assert_int_equal(write_pack(&whole, NULL, 0, out, sizeof out, &info, &size), ERR_OK);
    assert_int_equal(pack_open(span_of(out, size), &pack), ERR_OK);
    assert_int_equal(pack.info.block_count, 0);
    assert_int_equal(pack.info.next_update_min_s, 0);
    size_t cursor = 0;
    assert_false(pack_next_block(&pack, &cursor, &octets));
}

static void too_small_a_buffer(void **state)
{
    (void)state;
    static struct statement all[200];
    static uint8_t out[1 << 16];
    struct pack_info info;
    size_t size;
    uint32_t count = make_many(all, 200);
    assert_int_equal(write_pack(&whole, all, count, out, sizeof out, &info, &size), ERR_OK);
    for (size_t room = 0; room < size; room += room < 700 ? 1 : 97) {
        uint8_t *small = fixture_copy(out, room);
        assert_int_equal(write_pack(&whole, all, count, small, room, &info, &size), ERR_NO_SPACE);
        free(small);
    }
    uint8_t *exact = fixture_copy(out, size);
    assert_int_equal(write_pack(&whole, all, count, exact, size, &info, &size), ERR_OK);
    free(exact);
}

static void writer_refuses(void **state)
{
    (void)state;
    struct serial low = {.size = 2, .octets = {0x10, 0x00}};
    struct serial middle = {.size = 2, .octets = {0x20, 0x00}};
    struct serial high = {.size = 2, .octets = {0x30, 0x00}};
    struct pack_info part = whole;
    part.after = low;
    part.until = middle;
    struct pack_info nothing = whole;
    nothing.after = nothing.until = middle;
    struct pack_info no_kind = whole;
    no_kind.kind = 3;
    struct pack_info stranger = whole;
    stranger.issuer_id++;
    struct statement at_after = make(&low, 1, false, 1700000000);
    struct statement at_until = make(&middle, 1, false, 1700000000);
    struct statement above = make(&high, 1, false, 1700000000);
    struct statement unknown = make(&middle, 3, false, 1700000000);
    struct statement short_signature = at_until;
    short_signature.signature.size = 63;
    struct statement twice[] = {at_until, at_until};
    struct {
        const struct pack_info *info;
        const struct statement *all;
        uint32_t count;
        enum err want;
    } rows[] = {
        {&part, &at_until, 1, ERR_OK},        {&part, &at_after, 1, ERR_RANGE},
        {&part, &above, 1, ERR_RANGE},        {&nothing, NULL, 0, ERR_RANGE},
        {&no_kind, NULL, 0, ERR_UNSUPPORTED}, {&stranger, NULL, 0, ERR_CONFLICT},
        {&whole, &unknown, 1, ERR_CONFLICT},  {&whole, &short_signature, 1, ERR_CONFLICT},
        {&whole, twice, 2, ERR_ORDER},
    };
    static uint8_t out[8192];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pack_info info;
        size_t size;
        enum err err =
            write_pack(rows[i].info, rows[i].all, rows[i].count, out, sizeof out, &info, &size);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
    }
}

/* Two blocks (two serial sizes) under bounds with octets, small enough to change every bit. */
static size_t small_pack(uint8_t *out, size_t out_size, size_t *ret_blocks_offset)
{
    struct serial serials[] = {{.size = 1, .octets = {0x10}}, {.size = 2, .octets = {0x20, 0x00}}};
    struct statement all[] = {make(&serials[0], 1, false, 1700000000),
                              make(&serials[1], 1, true, 1700000001)};
    struct pack_info bounded = whole;
    bounded.after = (struct serial){.size = 1, .octets = {0x0f}};
    bounded.until = serials[1];
    struct pack_info info;
    size_t size;
    struct pack_reader pack;
    assert_int_equal(write_pack(&bounded, all, 2, out, out_size, &info, &size), ERR_OK);
    assert_int_equal(pack_open(span_of(out, size), &pack), ERR_OK);
    *ret_blocks_offset = (size_t)(pack.blocks.data - out);
    return size;
}

static void changed_octets_give_the_error(void **state)
{
    (void)state;
    uint8_t out[4096];
    size_t blocks;
    size_t size = small_pack(out, sizeof out, &blocks);
    /* after at 14, until at 16, least times at 19 and 23, statements at 27, blocks at 35,
     * templates at 39 */
    const struct {
        size_t offset;
        uint8_t value;
        enum err want;
    } rows[] = {
        {0, 'X', ERR_MALFORMED},
        {4, 2, ERR_UNSUPPORTED},
        {5, 0, ERR_UNSUPPORTED},
        {6, 0xff, ERR_CONFLICT}, /* issuer of the templates differs */
        {14, 33, ERR_LIMIT},
        {15, 0x10, ERR_RANGE}, /* after = first serial */
        {15, 0x11, ERR_RANGE},
        {17, 0x1f, ERR_RANGE}, /* until below the last serial */
        {16, 0, ERR_RANGE},
        {22, 1, ERR_CONFLICT}, /* least thisUpdate */
        {26, 1, ERR_CONFLICT},
        {34, 3, ERR_CONFLICT}, /* statement count */
        {38, 1, ERR_CONFLICT},
        {40, 3, ERR_MALFORMED}, /* blocks are no template */
        {blocks + 2, 9, ERR_UNSUPPORTED},
        {blocks + 2 + 8, 9, ERR_CONFLICT}, /* a template number that is not there */
        {blocks + 2 + 25, 0x0f, ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *wire = fixture_copy(out, size);
        struct pack_reader pack;
        wire[rows[i].offset] = rows[i].value;
        enum err err = pack_open(span_of(wire, size), &pack);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
        free(wire);
    }
}

static void blocks_out_of_order(void **state)
{
    (void)state;
    uint8_t out[4096];
    size_t offset;
    size_t size = small_pack(out, sizeof out, &offset);
    size_t first = 2u + be16_load(out + offset);
    uint8_t swapped[4096];
    memcpy(swapped, out, offset);
    memcpy(swapped + offset, out + offset + first, size - offset - first);
    memcpy(swapped + size - first, out + offset, first);
    struct pack_reader pack;
    assert_int_equal(pack_open(span_of(swapped, size), &pack), ERR_ORDER);
}

static void walk(const struct pack_reader *pack)
{
    size_t cursor = 0;
    struct span octets;
    uint64_t seen = 0;
    while (pack_next_block(pack, &cursor, &octets)) {
        struct block block = block_load(octets.data);
        for (uint32_t i = 0; i < block.count; i++, seen++) {
            struct statement s;
            struct statement found;
            block_statement(&block, i, &s);
            assert_true(block_find(&block, &s.serial, &found));
        }
    }
    assert_int_equal(seen, pack->info.statement_count);
}

static void every_truncation_and_bit_flip(void **state)
{
    (void)state;
    uint8_t out[4096];
    size_t offset;
    size_t size = small_pack(out, sizeof out, &offset);
    struct pack_reader pack;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *wire = fixture_copy(out, cut);
        assert_int_not_equal(pack_open(span_of(wire, cut), &pack), ERR_OK);
        free(wire);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *wire = fixture_copy(out, size);
        wire[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (pack_open(span_of(wire, size), &pack) == ERR_OK)
            walk(&pack);
        free(wire);
    }
    out[size] = 0;
    assert_int_equal(pack_open(span_of(out, size + 1), &pack), ERR_TRUNCATED);
}

int main(void)
{
    for (size_t i = 0; i < sizeof signature; i++)
        signature[i] = (uint8_t)(i * 7 + 1);
    p256 = fixture_template(ISSUER, 1, SIG_ECDSA_P256_SHA256);
    rsa = fixture_template(ISSUER, 2, SIG_RSA2048_SHA256);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(an_empty_pack_is_a_pack),
        cmocka_unit_test(too_small_a_buffer),
        cmocka_unit_test(writer_refuses),
        cmocka_unit_test(changed_octets_give_the_error),
        cmocka_unit_test(blocks_out_of_order),
        cmocka_unit_test(every_truncation_and_bit_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
