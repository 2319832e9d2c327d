/* SPDX-License-Identifier: Apache-2.0 */
/* Clubcards: the solver, and reading and asking what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/check.h"
#include "lib/clubcard_write.h"
#include "lib/random.h"
#include "lib/ribbon.h"
#include "tests/unit/guard_page.h"

#define FILE_BYTES_MAX 8192

static struct sha256 id_of(const char *text)
{
    return sha256_of(span_text(text));
}

static struct clubcard_key key_of(uint32_t number)
{
    struct clubcard_key key;
    struct sha256 block = id_of("a block");
    uint8_t serial[4];
    be32_store(serial, number);
    assert_int_equal(clubcard_key_make(&block, span_of(serial, sizeof serial), &key), ERR_OK);
    return key;
}

/* --- The solver --- */

static size_t bit_words(uint64_t bits)
{
    return (bits + 2 * (uint64_t)CLUBCARD_ROW_BITS) / 64 + 2;
}

/* Adds rows until `count`; what does not contradict must hold in the solution. */
static void solve_and_see(uint32_t count, uint32_t m, bool with_ones, uint64_t offset,
                          uint32_t contradictions_max)
{
    struct ribbon r;
    void *memory = malloc(ribbon_bytes(m));
    bool *kept = calloc(count + 1, sizeof *kept);
    uint64_t *bits = calloc(bit_words(offset + m), 8);
    uint32_t contradictions = 0;
    uint64_t seed = count;
    assert_non_null(memory);
    assert_non_null(kept);
    assert_non_null(bits);
    ribbon_start(&r, memory, m);
    for (uint32_t i = 0; i < count; i++) {
        struct clubcard_key key = key_of(i);
        kept[i] = ribbon_add(&r, &key, with_ones && i % 3 == 0);
        contradictions += !kept[i];
    }
    assert_true(contradictions <= contradictions_max);
    assert_in_range(r.row_count, m, m + CLUBCARD_ROW_BITS - 1);
    for (size_t i = 0; i < bit_words(offset + m); i++)
        bits[i] = random_next(&seed);
    uint64_t before = bits[0];
    ribbon_solve(&r, bits, offset);
    if (offset >= 64)
        assert_int_equal(bits[0], before);
    for (uint32_t i = 0; i < count; i++) {
        struct clubcard_key key = key_of(i);
        if (kept[i])
            assert_int_equal(ribbon_dot(bits, offset + clubcard_key_start(&key, m), key.a),
                             with_ones && i % 3 == 0);
    }
    free(memory);
    free(kept);
    free(bits);
}

static void solutions_solve(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 3, 63, 64, 65, 255, 256, 257, 1000, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (uint64_t offset = 0; offset < 130; offset += 43) {
            uint32_t m = counts[i] + counts[i] / 64;
            solve_and_see(counts[i], m, false, offset, 0);
            solve_and_see(counts[i], m, true, offset, 0);
        }
}

/* Twice as many rows as there are bits: some contradict, those with zeros never do. */
static void too_many_rows_contradict(void **state)
{
    (void)state;
    solve_and_see(4000, 2000, false, 7, 0);
    solve_and_see(4000, 2000, true, 7, 4000);
    struct ribbon r;
    void *memory = malloc(ribbon_bytes(1));
    struct clubcard_key key = key_of(1);
    ribbon_start(&r, memory, 1);
    assert_true(ribbon_add(&r, &key, true));
    assert_true(ribbon_add(&r, &key, true));
    assert_false(ribbon_add(&r, &key, false));
    free(memory);
}

/* --- A file --- */

/* Two issuers: one with all certificates revoked, one with one of three, and an exception. */
struct world {
    uint8_t octets[FILE_BYTES_MAX];
    size_t size;
    struct sha256 all, some, log;
};

static const uint8_t revoked_serial[] = {0x41, 0x01}, good_serial[] = {0x00, 0x81, 0x02},
                     excepted_serial[] = {0x43};

static struct clubcard_key world_key(const struct world *w, struct span serial)
{
    struct clubcard_key key;
    assert_int_equal(clubcard_key_make(&w->some, serial, &key), ERR_OK);
    return key;
}

static void world_make(struct world *w)
{
    static uint64_t words[16], column[16];
    static uint8_t exceptions[] = {1, 0x43};
    struct ribbon r;
    void *memory = malloc(ribbon_bytes(2));
    w->all = id_of("all");
    w->some = id_of("some");
    w->log = id_of("log");
    ribbon_start(&r, memory, 2);
    struct clubcard_key key = world_key(w, span_of(revoked_serial, sizeof revoked_serial));
    assert_true(ribbon_add(&r, &key, false));
    key = world_key(w, span_of(excepted_serial, sizeof excepted_serial));
    assert_true(ribbon_add(&r, &key, false));
    key = world_key(w, span_of(good_serial, sizeof good_serial));
    assert_true(ribbon_add(&r, &key, true));
    memset(words, 0, sizeof words);
    memset(column, 0, sizeof column);
    ribbon_solve(&r, words, 70);
    free(memory);
    struct clubcard_block blocks[2] = {
        {.id = w->all, .inverted = true},
        {.id = w->some,
         .approx_m = 2,
         .approx_rank = 1,
         .exact_m = 2,
         .exact_offset = 70,
         .exception_count = 1,
         .exceptions = span_of(exceptions, sizeof exceptions)},
    };
    if (memcmp(w->all.octets, w->some.octets, SHA256_BYTES) > 0) {
        struct clubcard_block swap = blocks[0];
        blocks[0] = blocks[1];
        blocks[1] = swap;
    }
    struct clubcard_coverage coverage[2] = {{w->log, 1000, 2000}, {id_of("other log"), 0, 10}};
    struct clubcard_column columns[1] = {{column, 3}};
    struct clubcard_parts parts = {.coverage = coverage,
                                   .coverage_count = 2,
                                   .blocks = blocks,
                                   .block_count = 2,
                                   .columns = columns,
                                   .column_count = 1,
                                   .exact = {words, 8}};
    assert_int_equal(clubcard_write(&parts, w->octets, sizeof w->octets, &w->size), ERR_OK);
    assert_int_equal(w->size, clubcard_size(&parts));
    size_t size = 0;
    assert_int_equal(clubcard_write(&parts, w->octets, w->size - 1, &size), ERR_NO_SPACE);
    assert_int_equal(clubcard_write(&parts, w->octets, w->size, &size), ERR_OK);
}

static bool asked(const struct clubcard *c, const struct sha256 *id, struct span serial)
{
    struct clubcard_block block;
    bool revoked = false;
    assert_int_equal(clubcard_block_find(c, id, &block), ERR_OK);
    assert_int_equal(clubcard_ask(c, &block, serial, &revoked), ERR_OK);
    return revoked;
}

static void what_was_written_answers(void **state)
{
    (void)state;
    struct world w;
    struct clubcard c;
    struct clubcard_block block;
    world_make(&w);
    assert_int_equal(clubcard_open(guard_copy(w.octets, w.size), &c), ERR_OK);
    assert_int_equal(c.block_count, 2);
    assert_int_equal(c.column_count, 1);
    assert_int_equal(c.columns[0].size, 24);
    assert_true(asked(&c, &w.some, span_of(revoked_serial, sizeof revoked_serial)));
    assert_false(asked(&c, &w.some, span_of(good_serial, sizeof good_serial)));
    assert_false(asked(&c, &w.some, span_of(excepted_serial, sizeof excepted_serial)));
    assert_true(asked(&c, &w.all, span_of(good_serial, sizeof good_serial)));
    struct sha256 other = id_of("neither");
    assert_int_equal(clubcard_block_find(&c, &other, &block), ERR_NOT_FOUND);
    static const uint8_t long_serial[CLUBCARD_SERIAL_MAX + 1];
    bool revoked;
    assert_int_equal(clubcard_block_find(&c, &w.some, &block), ERR_OK);
    assert_int_equal(clubcard_block_bits(&block), 4);
    assert_int_equal(clubcard_ask(&c, &block, span_of(long_serial, sizeof long_serial), &revoked),
                     ERR_LIMIT);
    assert_int_equal(clubcard_ask(&c, &block, span_of(long_serial, CLUBCARD_SERIAL_MAX), &revoked),
                     ERR_OK);
}

static void logs_have_a_limit(void **state)
{
    (void)state;
    size_t size = 2 + 2 + (CLUBCARD_COVERAGE_MAX + 1) * CLUBCARD_COVERAGE_BYTES + 4 + 1 + 4;
    uint8_t *octets = calloc(1, size);
    struct clubcard card;
    assert_non_null(octets);
    octets[0] = CLUBCARD_VERSION;
    be16_store(octets + 2, CLUBCARD_COVERAGE_MAX);
    assert_int_equal(clubcard_open(span_of(octets, size - CLUBCARD_COVERAGE_BYTES), &card), ERR_OK);
    be16_store(octets + 2, CLUBCARD_COVERAGE_MAX + 1);
    assert_int_equal(clubcard_open(span_of(octets, size), &card), ERR_LIMIT);
    free(octets);
}

static void coverage_has_two_ends(void **state)
{
    (void)state;
    static const struct {
        const char *log;
        uint64_t time_ms;
        bool covered;
    } rows[] = {{"log", 999, false},      {"log", 1000, true},    {"log", 2000, true},
                {"log", 2001, false},     {"other log", 0, true}, {"other log", 10, true},
                {"other log", 11, false}, {"no log", 1500, false}};
    struct world w;
    struct clubcard c;
    world_make(&w);
    assert_int_equal(clubcard_open(span_of(w.octets, w.size), &c), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sha256 log = id_of(rows[i].log);
        assert_int_equal(clubcard_covers(&c, &log, rows[i].time_ms), rows[i].covered);
    }
    assert_int_equal(be64_load(w.octets + CLUBCARD_HIGH_AT), 2000);
}

static void every_shorter_and_longer_file_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct clubcard c = {.block_count = 77};
    world_make(&w);
    for (size_t size = 0; size < w.size; size++)
        assert_int_equal(clubcard_open(guard_copy(w.octets, size), &c), ERR_TRUNCATED);
    w.octets[w.size] = 0;
    assert_int_equal(clubcard_open(guard_copy(w.octets, w.size + 1), &c), ERR_TRAILING);
    assert_int_equal(c.block_count, 77);
}

static void forms_that_are_refused(void **state)
{
    (void)state;
    static const size_t first = 2 + 2 + 2 * CLUBCARD_COVERAGE_BYTES + 4;
    static const struct {
        size_t at; /* what is added to the octet there */
        uint8_t plus;
        enum err err;
    } rows[] = {
        {0, 1, ERR_UNSUPPORTED},                       /* version 5 */
        {0, 255, ERR_UNSUPPORTED},                     /* version 3 */
        {1, 1, ERR_UNSUPPORTED},                       /* version 260 */
        {first + SHA256_BYTES + 17, 2, ERR_MALFORMED}, /* inverted: 2 or 3 */
        {first + SHA256_BYTES + 4, 2, ERR_MALFORMED},  /* more ranks than columns */
        {first, 255, ERR_ORDER},                       /* found below */
    };
    struct world w;
    struct clubcard c;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world_make(&w);
        if (rows[i].err == ERR_ORDER)
            w.octets[rows[i].at] = 0xFF;
        else
            w.octets[rows[i].at] = (uint8_t)(w.octets[rows[i].at] + rows[i].plus);
        assert_int_equal(clubcard_open(guard_copy(w.octets, w.size), &c), rows[i].err);
    }
}

/* Offsets that point anywhere read zeros, not beyond the octets. */
static void any_octet_may_be_anything(void **state)
{
    (void)state;
    struct world w;
    for (size_t at = 0; at < 2 + 2 + 2 * CLUBCARD_COVERAGE_BYTES + 4 + 140; at++) {
        struct clubcard c;
        world_make(&w);
        w.octets[at] ^= 0xFF;
        if (clubcard_open(guard_copy(w.octets, w.size), &c) != ERR_OK)
            continue;
        struct clubcard_cursor cursor = clubcard_block_first(&c);
        struct clubcard_block block;
        while (clubcard_block_next(&cursor, &block)) {
            bool revoked;
            assert_int_equal(clubcard_ask(&c, &block, span_text("serial"), &revoked), ERR_OK);
        }
    }
}

static void answers_have_texts(void **state)
{
    (void)state;
    assert_string_equal(clubcard_answer_text(CLUBCARD_NOT_REVOKED), "not revoked");
    assert_string_equal(clubcard_answer_text(CLUBCARD_REVOKED), "revoked");
    assert_string_equal(clubcard_answer_text(CLUBCARD_NOT_COVERED), "not covered");
    assert_string_equal(clubcard_answer_text(CLUBCARD_NOT_ENROLLED), "not enrolled");
    assert_string_equal(clubcard_answer_text(CLUBCARD_ANSWER_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_solve),
        cmocka_unit_test(too_many_rows_contradict),
        cmocka_unit_test(what_was_written_answers),
        cmocka_unit_test(logs_have_a_limit),
        cmocka_unit_test(coverage_has_two_ends),
        cmocka_unit_test(every_shorter_and_longer_file_is_refused),
        cmocka_unit_test(forms_that_are_refused),
        cmocka_unit_test(any_octet_may_be_anything),
        cmocka_unit_test(answers_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
