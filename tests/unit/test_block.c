/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/block.h"

static const uint8_t sizes[] = {1, 2, 3, 7, 8, 9, 16, 20, 32};
static uint8_t signature[SIGNATURE_BYTES_MAX];

static struct statement make(const struct serial *serial, const struct facts *facts, size_t size)
{
    return (struct statement){
        .serial = *serial, .facts = *facts, .signature = span_of(signature, size)};
}

static void assert_statement(const struct statement *got, const struct statement *want)
{
    assert_int_equal(serial_compare(&got->serial, &want->serial), 0);
    assert_memory_equal(&got->facts, &want->facts, sizeof got->facts);
    assert_true(span_equal(got->signature, want->signature));
}

/* What a plain search through the array says. */
static bool plain_find(const struct statement *all, uint32_t count, const struct serial *serial)
{
    for (uint32_t i = 0; i < count; i++)
        if (serial_compare(&all[i].serial, serial) == 0)
            return true;
    return false;
}

/* Nearest serials of the same size above and below: the likeliest to be mistaken. */
static struct serial neighbour(const struct serial *serial, int step)
{
    struct serial near = *serial;
    for (size_t i = near.size; i-- > 0;) {
        near.octets[i] = (uint8_t)(near.octets[i] + step);
        if (near.octets[i] != (step > 0 ? 0x00 : 0xff))
            break;
    }
    return near;
}

/* With a guess that may be right or as wrong as can be. */
static void assert_find_near(const struct block *block, const struct serial *serial, bool want,
                             uint8_t common_size)
{
    const uint32_t guesses[] = {0, block->count / 2, block->count - 1};
    for (unsigned i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        uint32_t place;
        assert_int_equal(block_find_near(block, serial, guesses[i], common_size, &place), want);
        struct serial found;
        if (!want)
            continue;
        block_serial(block, place, &found);
        assert_int_equal(serial_compare(&found, serial), 0);
    }
}

static void assert_find(const struct block *block, const struct statement *all, uint32_t count,
                        const struct serial *serial)
{
    struct statement found;
    bool want = plain_find(all, count, serial);
    assert_int_equal(block_find(block, serial, &found), want);
    if (want)
        assert_int_equal(serial_compare(&found.serial, serial), 0);
    assert_find_near(block, serial, want, 0);
    uint8_t common_size = 0;
    while (common_size < serial->size && serial->size == block->serial_size &&
           all[0].serial.octets[common_size] == all[count - 1].serial.octets[common_size] &&
           all[0].serial.octets[common_size] == serial->octets[common_size])
        common_size++;
    assert_find_near(block, serial, want, common_size);
}

static void check_against_array(enum shape shape, uint8_t size, uint64_t seed)
{
    struct serial serials[BLOCK_COUNT_MAX];
    struct statement all[BLOCK_COUNT_MAX];
    static struct block_builder b;
    uint8_t out[BLOCK_BYTES_MAX];
    uint32_t wanted = 1 + fixture_below(&seed, 60);
    uint32_t count = fixture_serials(&seed, shape, size, wanted, serials);
    block_builder_reset(&b);
    uint32_t added = 0;
    for (; added < count; added++) {
        struct facts facts = fixture_facts(1, 1700000000, fixture_below(&seed, 10) == 0);
        all[added] = make(&serials[added], &facts, fixture_below(&seed, 8) == 0 ? 96 : 64);
        all[added].signature.data += added;
        if (block_builder_add(&b, &all[added]) != ERR_OK)
            break;
    }
    assert_in_range(added, 1, count);
    size_t out_size = block_builder_finish(&b, out);
    uint8_t *wire = fixture_copy(out, out_size);

    struct block block;
    assert_int_equal(block_open(span_of(wire, out_size), &block), ERR_OK);
    struct block loaded = block_load(wire);
    assert_ptr_equal(loaded.facts, block.facts);
    assert_ptr_equal(loaded.serials, block.serials);
    assert_ptr_equal(loaded.bodies, block.bodies);
    assert_int_equal(loaded.size_bytes, out_size);
    assert_int_equal(block.count, added);
    struct serial last;
    block_last_serial(wire, &last);
    assert_int_equal(serial_compare(&last, &all[added - 1].serial), 0);
    for (uint32_t i = 0; i < added; i++) {
        struct statement got;
        block_statement(&block, i, &got);
        assert_statement(&got, &all[i]);
        assert_true(block_find(&block, &all[i].serial, &got));
        assert_statement(&got, &all[i]);
        assert_find(&block, all, added, &all[i].serial);
        struct serial above = neighbour(&all[i].serial, 1);
        struct serial below = neighbour(&all[i].serial, -1);
        assert_find(&block, all, added, &above);
        assert_find(&block, all, added, &below);
        for (size_t k = 0; k < size; k++) {
            struct serial other = all[i].serial;
            other.octets[k] ^= 1;
            assert_find(&block, all, added, &other);
        }
    }
    for (uint32_t i = 0; i < 50; i++) {
        enum shape other = (enum shape)fixture_below(&seed, SHAPE_COUNT);
        struct serial serial = fixture_serial(&seed, other, size, i);
        assert_find(&block, all, added, &serial);
        serial.size = size == 1 ? 2 : (uint8_t)(size - 1);
        struct statement found;
        assert_false(block_find(&block, &serial, &found));
    }
    free(wire);
}

static void same_as_a_plain_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        for (int shape = 0; shape < SHAPE_COUNT; shape++)
            for (size_t i = 0; i < sizeof sizes; i++)
                check_against_array((enum shape)shape, sizes[i], seed * 1000 + i);
}

static void bounds_are_in_no_block(void **state)
{
    (void)state;
    static struct block_builder b;
    uint8_t out[BLOCK_BYTES_MAX];
    struct serial serial = {.size = 1, .octets = {5}};
    struct facts facts = fixture_facts(1, 1700000000, false);
    struct statement s = make(&serial, &facts, 64);
    block_builder_reset(&b);
    assert_int_equal(block_builder_add(&b, &s), ERR_OK);
    block_builder_finish(&b, out);
    struct block block = block_load(out);
    struct serial bounds[] = {SERIAL_BEFORE_ALL, SERIAL_AFTER_ALL};
    assert_false(block_find(&block, &bounds[0], &s));
    assert_false(block_find(&block, &bounds[1], &s));
}

/* The size by the format's definition, apart from the builder's own sum. */
static size_t size_by_definition(const struct statement *all, uint32_t count)
{
    struct {
        struct facts facts;
        size_t size;
    } distinct[BLOCK_COUNT_MAX];
    uint32_t distinct_count = 0;
    size_t size_max = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = 0;
        while (k < distinct_count &&
               (distinct[k].size != all[i].signature.size ||
                memcmp(&distinct[k].facts, &all[i].facts, sizeof all[i].facts) != 0))
            k++;
        if (k == distinct_count) {
            distinct[k].facts = all[i].facts;
            distinct[k].size = all[i].signature.size;
            distinct_count++;
        }
        if (all[i].signature.size > size_max)
            size_max = all[i].signature.size;
    }
    return 7 + 18 * (size_t)distinct_count + count * (all[0].serial.size + 1 + size_max);
}

static void filled_to_the_last_octet(void **state)
{
    (void)state;
    static const size_t signature_sizes[] = {64, 64, 64, 96, 256, 512};
    static struct block_builder b;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed;
        struct serial serials[BLOCK_COUNT_MAX];
        struct statement all[BLOCK_COUNT_MAX];
        uint32_t count = fixture_serials(&random, SHAPE_RANDOM, 20, 100, serials);
        uint32_t kinds = 1 + fixture_below(&random, 6);
        uint32_t facts_kinds = 1 + fixture_below(&random, 70);
        block_builder_reset(&b);
        uint32_t added = 0;
        enum err err = ERR_OK;
        for (; err == ERR_OK; added++) {
            assert_in_range(added, 0, count - 1);
            struct facts facts = fixture_facts((uint16_t)(1 + fixture_below(&random, facts_kinds)),
                                               1700000000, false);
            all[added] =
                make(&serials[added], &facts, signature_sizes[fixture_below(&random, kinds)]);
            err = block_builder_add(&b, &all[added]);
            size_t size = size_by_definition(all, added + 1);
            assert_int_equal(err, size <= BLOCK_BYTES_MAX ? ERR_OK : ERR_NO_SPACE);
            if (err == ERR_OK)
                assert_int_equal(block_builder_size(&b), size);
        }
        uint8_t out[BLOCK_BYTES_MAX];
        struct block block;
        size_t size = block_builder_finish(&b, out);
        assert_int_equal(block_open(span_of(out, size), &block), ERR_OK);
        assert_int_equal(block.count, added - 1);
    }
}

/* 7 + 2 x 18 + 11 x (16 + 1 + 350) = 4080: not an octet is left, and not one more would fit. */
static void an_exact_fit(void **state)
{
    (void)state;
    static struct block_builder b;
    for (size_t size = 350; size <= 351; size++) {
        uint64_t random = 7;
        block_builder_reset(&b);
        for (uint32_t i = 0; i < 11; i++) {
            struct facts facts = fixture_facts(1, 1700000000, i == 5);
            struct serial serial = fixture_serial(&random, SHAPE_SEQUENTIAL, 16, i);
            struct statement s = make(&serial, &facts, size);
            enum err want = i == 10 && size == 351 ? ERR_NO_SPACE : ERR_OK;
            assert_int_equal(block_builder_add(&b, &s), want);
        }
        assert_int_equal(block_builder_size(&b), size == 350 ? BLOCK_BYTES_MAX : 3723);
    }
}

static void fifty_p256_statements_fit(void **state)
{
    (void)state;
    static struct block_builder b;
    struct facts facts = fixture_facts(1, 1700000000, false);
    uint64_t random = 7;
    block_builder_reset(&b);
    enum err err = ERR_OK;
    uint32_t added = 0;
    for (; err == ERR_OK; added++) {
        struct serial serial = fixture_serial(&random, SHAPE_SEQUENTIAL, 16, added);
        struct statement s = make(&serial, &facts, 64);
        err = block_builder_add(&b, &s);
    }
    assert_int_equal(err, ERR_NO_SPACE);
    assert_int_equal(added - 1, 50);
}

static void builder_refuses(void **state)
{
    (void)state;
    static struct block_builder b;
    struct facts good = fixture_facts(1, 1700000000, false);
    struct facts no_time = good;
    no_time.next_update_s = no_time.this_update_s;
    struct serial one = {.size = 2, .octets = {0x10, 0x00}};
    struct serial lower = {.size = 2, .octets = {0x0f, 0xff}};
    struct serial shorter = {.size = 1, .octets = {0x7f}};
    struct serial longer = {.size = 3, .octets = {0x01, 0x00, 0x00}};
    struct serial negative = {.size = 2, .octets = {0x80, 0x00}};
    struct serial padded = {.size = 2, .octets = {0x00, 0x7f}};
    struct serial after_all = SERIAL_AFTER_ALL;
    struct {
        const struct serial *serial;
        const struct facts *facts;
        size_t signature_size;
        enum err want;
    } rows[] = {
        {&one, &good, 64, ERR_ORDER},       {&lower, &good, 64, ERR_ORDER},
        {&shorter, &good, 64, ERR_ORDER},   {&longer, &good, 64, ERR_NO_SPACE},
        {&negative, &good, 64, ERR_RANGE},  {&padded, &good, 64, ERR_RANGE},
        {&after_all, &good, 64, ERR_RANGE}, {&longer, &good, 0, ERR_RANGE},
        {&longer, &good, 513, ERR_RANGE},
    };
    block_builder_reset(&b);
    struct statement first = make(&one, &good, 64);
    assert_int_equal(block_builder_add(&b, &first), ERR_OK);
    size_t size = block_builder_size(&b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct statement s = make(rows[i].serial, rows[i].facts, rows[i].signature_size);
        assert_int_equal(block_builder_add(&b, &s), rows[i].want);
        assert_int_equal(block_builder_size(&b), size);
    }
    struct serial next = neighbour(&one, 1);
    struct statement s = make(&next, &no_time, 64);
    assert_int_equal(block_builder_add(&b, &s), ERR_RANGE);
    assert_int_equal(block_builder_size(&b), size);
}

/* Two statements with different facts and signature sizes: all parts of the format occur. */
static size_t small_block(uint8_t out[static BLOCK_BYTES_MAX])
{
    static struct block_builder b;
    struct facts good = fixture_facts(1, 1700000000, false);
    struct facts revoked = fixture_facts(2, 1700000500, true);
    struct serial serials[] = {{.size = 2, .octets = {0x10, 0x00}},
                               {.size = 2, .octets = {0x10, 0x01}},
                               {.size = 2, .octets = {0x7f, 0xff}}};
    struct statement all[] = {make(&serials[0], &good, 8), make(&serials[1], &revoked, 6),
                              make(&serials[2], &good, 8)};
    block_builder_reset(&b);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(block_builder_add(&b, &all[i]), ERR_OK);
    return block_builder_finish(&b, out);
}

static void changed_octets_give_the_error(void **state)
{
    (void)state;
    /* header 0..6, facts 7..24 and 25..42, serials 43..48, bodies 49..75 */
    static const struct {
        size_t offset;
        uint8_t value;
        enum err want;
    } rows[] = {
        {0, 2, ERR_UNSUPPORTED},   /* version */
        {1, 0, ERR_MALFORMED},     /* serial size */
        {1, 33, ERR_LIMIT},        /* serial size */
        {1, 3, ERR_TRUNCATED},     /* serial size */
        {1, 1, ERR_TRAILING},      /* serial size */
        {2, 1, ERR_LIMIT},         /* count */
        {3, 0, ERR_MALFORMED},     /* count */
        {3, 4, ERR_TRUNCATED},     /* count */
        {4, 0, ERR_MALFORMED},     /* facts count */
        {4, 129, ERR_LIMIT},       /* facts count */
        {5, 0xff, ERR_LIMIT},      /* stride */
        {9, 2, ERR_MALFORMED},     /* status */
        {24, 0, ERR_MALFORMED},    /* signature size 0 */
        {24, 7, ERR_MALFORMED},    /* smaller than the stride says */
        {23, 3, ERR_LIMIT},        /* signature size above the largest */
        {43, 0x7f, ERR_ORDER},     /* first serial above the second */
        {46, 0x00, ERR_ORDER},     /* second equal to the first */
        {47, 0x80, ERR_MALFORMED}, /* a negative serial */
        {43, 0x00, ERR_MALFORMED}, /* a serial with a needless zero octet */
        {49, 2, ERR_MALFORMED},    /* facts number */
        {66, 1, ERR_MALFORMED},    /* octet after the shorter signature */
    };
    uint8_t out[BLOCK_BYTES_MAX];
    size_t size = small_block(out);
    assert_int_equal(size, 76);
    struct block block;
    assert_int_equal(block_open(span_of(out, size), &block), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *wire = fixture_copy(out, size);
        wire[rows[i].offset] = rows[i].value;
        enum err err = block_open(span_of(wire, size), &block);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
        free(wire);
    }
    assert_int_equal(block_open(span_of(out, size + 1), &block), ERR_TRAILING);
}

static void every_truncation_is_an_error(void **state)
{
    (void)state;
    uint8_t out[BLOCK_BYTES_MAX];
    size_t size = small_block(out);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *wire = fixture_copy(out, cut);
        struct block block;
        assert_int_equal(block_open(span_of(wire, cut), &block), ERR_TRUNCATED);
        free(wire);
    }
}

static void every_bit_flip_is_an_error_or_a_block(void **state)
{
    (void)state;
    uint8_t out[BLOCK_BYTES_MAX];
    size_t size = small_block(out);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *wire = fixture_copy(out, size);
        wire[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct block block;
        if (block_open(span_of(wire, size), &block) == ERR_OK) {
            struct statement s;
            struct statement found;
            for (uint32_t i = 0; i < block.count; i++) {
                block_statement(&block, i, &s);
                assert_true(block_find(&block, &s.serial, &found));
                assert_statement(&found, &s);
            }
        }
        free(wire);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof signature; i++)
        signature[i] = (uint8_t)(i * 7 + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_a_plain_array),
        cmocka_unit_test(bounds_are_in_no_block),
        cmocka_unit_test(filled_to_the_last_octet),
        cmocka_unit_test(an_exact_fit),
        cmocka_unit_test(fifty_p256_statements_fit),
        cmocka_unit_test(builder_refuses),
        cmocka_unit_test(changed_octets_give_the_error),
        cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(every_bit_flip_is_an_error_or_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
