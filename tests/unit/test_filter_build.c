/* SPDX-License-Identifier: Apache-2.0 */
/* Filters made of spooled certificates: every answer, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/check.h"
#include "presigner/filter_build.h"
#include "tests/unit/scratch.h"

#define SOURCES_MAX  16
#define MEMORY_BYTES (1u << 30)

struct world {
    char folder[SCRATCH_BYTES];
    struct filter_spool *spool;
    struct filter_source sources[SOURCES_MAX];
    size_t count;
    struct filter_request request;
    int stop;
};

static int world_open(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    scratch_make(w->folder);
    CHECK(filter_spool_open(w->folder, "spool", &w->spool) == ERR_OK);
    w->request = (struct filter_request){.spool = w->spool,
                                         .sources = w->sources,
                                         .work_folder = w->folder,
                                         .coverage = {.high_ms = 1000},
                                         .memory_max_bytes = MEMORY_BYTES,
                                         .stop = &w->stop};
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    filter_spool_close(w->spool);
    scratch_remove(w->folder);
    free(w);
    return 0;
}

/* Serials of 1 to SERIAL_BYTES_MAX octets. */
static struct serial serial_of(uint64_t number)
{
    struct serial serial = {.size = (uint8_t)(1 + number % SERIAL_BYTES_MAX)};
    uint64_t rest = number / SERIAL_BYTES_MAX;
    for (int i = 0; i < serial.size; i++, rest >>= 8)
        serial.octets[i] = (uint8_t)rest;
    serial.octets[0] ^= 0x40;
    return serial;
}

/* Numbers whose serials differ: short ones have few. */
static uint64_t number_of(uint64_t i)
{
    return i * SERIAL_BYTES_MAX + (i < 100 ? i % SERIAL_BYTES_MAX : 4 + i % 28);
}

static void add(struct world *w, uint64_t known, uint64_t revoked)
{
    struct filter_source *source = &w->sources[w->count];
    CHECK(w->count < SOURCES_MAX);
    *source = (struct filter_source){
        .from = filter_spool_end(w->spool), .known_count = known, .revoked_count = revoked};
    source->block.octets[0] = (uint8_t)++w->count;
    for (uint64_t i = 0; i < known; i++) {
        struct serial serial = serial_of(number_of(i));
        /* Spread, not the first ones. */
        assert_int_equal(
            filter_spool_put(w->spool, &serial, i * revoked / known != (i + 1) * revoked / known),
            ERR_OK);
    }
    source->until = filter_spool_end(w->spool);
    w->request.source_count = w->count;
}

static enum err checked(struct world *w, struct span wire)
{
    return filter_check(w->spool, w->sources, w->count, &w->stop, wire);
}

static void all_answers_are_right(void **state)
{
    struct world *w = *state;
    static const uint64_t rows[][2] = {{0, 0},      {1, 0},        {1, 1},        {2, 1},
                                       {100, 0},    {100, 100},    {100, 1},      {100, 99},
                                       {1000, 500}, {1000, 501},   {5000, 50},    {5000, 4950},
                                       {20000, 1},  {20000, 7000}, {20000, 13000}};
    struct filter_made made, again;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    uint64_t known = 0, revoked = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        add(w, rows[i][0], rows[i][1]);
        known += rows[i][0];
        revoked += rows[i][1];
    }
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_OK);
    assert_int_equal(made.known_count, known);
    assert_int_equal(made.revoked_count, revoked);
    assert_true(made.memory_bytes > made.wire.size && made.memory_bytes < MEMORY_BYTES);
    assert_int_equal(checked(w, span_of(made.wire.data, made.wire.size)), ERR_OK);
    /* The same certificates, the same octets. */
    assert_int_equal(filter_build(&w->request, &again, &refusal), ERR_OK);
    assert_true(span_equal(span_of(made.wire.data, made.wire.size),
                           span_of(again.wire.data, again.wire.size)));
    buffer_done(&made.wire);
    buffer_done(&again.wire);
}

/* log2 of the ways to choose is 4041 and 7986; a tenth and a frame above. */
static void sizes_are_near_the_least(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    add(w, 50000, 500);
    add(w, 100000, 1000);
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_OK);
    assert_true(made.wire.size * 8 < (4041 + 7986) * 11 / 10 + 8 * 600);
    buffer_done(&made.wire);
}

static void no_issuer_at_all(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    struct clubcard card;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_OK);
    assert_int_equal(clubcard_open(span_of(made.wire.data, made.wire.size), &card), ERR_OK);
    assert_int_equal(card.block_count, 0);
    buffer_done(&made.wire);
}

/* Each bit of the first half of the exact filter's words is in somebody's answer. */
static void a_flipped_bit_is_found(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    struct clubcard card;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    add(w, 4000, 2000);
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_OK);
    struct span wire = span_of(made.wire.data, made.wire.size);
    assert_int_equal(clubcard_open(wire, &card), ERR_OK);
    for (size_t i = 8; i < card.exact.size / 2; i++) {
        uint8_t *octet = made.wire.data + (card.exact.data - made.wire.data) + i;
        *octet ^= (uint8_t)(1 << i % 8);
        assert_int_equal(checked(w, wire), ERR_CONFLICT);
        *octet ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(checked(w, wire), ERR_OK);
    assert_int_equal(checked(w, span_of(wire.data, wire.size - 1)), ERR_TRUNCATED);
    w->sources[0].block.octets[5] = 1;
    assert_int_equal(checked(w, wire), ERR_CONFLICT);
    buffer_done(&made.wire);
}

/* One serial that is both: no filter can say so, and none goes out. */
static void certificates_that_contradict(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    add(w, 1000, 100);
    struct serial serial = serial_of(number_of(0));
    assert_int_equal(filter_spool_put(w->spool, &serial, true), ERR_OK);
    serial = serial_of(number_of(1));
    assert_int_equal(filter_spool_put(w->spool, &serial, true), ERR_OK);
    assert_int_equal(filter_spool_put(w->spool, &serial, false), ERR_OK);
    w->sources[0].until = filter_spool_end(w->spool);
    w->sources[0].known_count += 3;
    w->sources[0].revoked_count += 2;
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_CONFLICT);
    assert_int_equal(refusal, FILTER_REFUSED_ANSWER);
    assert_true(filter_refusal_text(refusal)[0] != '\0');
}

/* Each serial that is both is an exception, and a file can say so many only. */
static void exceptions_have_an_end(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    w->count = 1;
    w->sources[0] = (struct filter_source){.known_count = 2 * (FILTER_EXCEPTIONS_MAX + 1),
                                           .revoked_count = FILTER_EXCEPTIONS_MAX + 1};
    for (uint64_t i = 0; i <= FILTER_EXCEPTIONS_MAX; i++) {
        struct serial serial = serial_of(number_of(i));
        assert_int_equal(filter_spool_put(w->spool, &serial, true), ERR_OK);
        assert_int_equal(filter_spool_put(w->spool, &serial, false), ERR_OK);
    }
    w->sources[0].until = filter_spool_end(w->spool);
    w->request.source_count = 1;
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_CONFLICT);
    assert_int_equal(refusal, FILTER_REFUSED_EXCEPTIONS);
}

static void memory_has_an_end(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    enum filter_refusal refusal = FILTER_ACCEPTED;
    add(w, 10000, 5000);
    w->request.memory_max_bytes = 100000;
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_CONFLICT);
    assert_int_equal(refusal, FILTER_REFUSED_MEMORY);
}

static void it_stops_when_asked(void **state)
{
    struct world *w = *state;
    struct filter_made made;
    enum filter_refusal refusal = FILTER_REFUSED_SIZE;
    add(w, 1000, 10);
    w->stop = 1;
    assert_int_equal(filter_build(&w->request, &made, &refusal), ERR_STOPPED);
    assert_int_equal(refusal, FILTER_ACCEPTED);
}

/* More than two buffers' worth, read in parts. */
static void a_spool_gives_back_what_it_got(void **state)
{
    struct world *w = *state;
    uint64_t places[4] = {0};
    struct serial serial;
    bool revoked;
    for (uint64_t i = 0; i < 60000; i++) {
        if (i % 20000 == 0)
            places[i / 20000] = filter_spool_end(w->spool);
        serial = serial_of(number_of(i));
        assert_int_equal(filter_spool_put(w->spool, &serial, i % 3 == 0), ERR_OK);
    }
    places[3] = filter_spool_end(w->spool);
    for (int part = 2; part >= 0; part--) {
        assert_int_equal(filter_spool_seek(w->spool, places[part], places[part + 1]), ERR_OK);
        for (uint64_t i = 20000 * (uint64_t)part; i < 20000 * ((uint64_t)part + 1); i++) {
            struct serial want = serial_of(number_of(i));
            assert_int_equal(filter_spool_next(w->spool, &serial, &revoked), ERR_OK);
            assert_int_equal(serial_compare(&serial, &want), 0);
            assert_int_equal(revoked, i % 3 == 0);
        }
        assert_int_equal(filter_spool_next(w->spool, &serial, &revoked), ERR_NOT_FOUND);
    }
    struct filter_spool *none = NULL;
    assert_int_equal(filter_spool_open("/nowhere", "spool", &none), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
        TEST(all_answers_are_right),
        TEST(sizes_are_near_the_least),
        TEST(no_issuer_at_all),
        TEST(a_flipped_bit_is_found),
        TEST(certificates_that_contradict),
        TEST(exceptions_have_an_end),
        TEST(memory_has_an_end),
        TEST(it_stops_when_asked),
        TEST(a_spool_gives_back_what_it_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
