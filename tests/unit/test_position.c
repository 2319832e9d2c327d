/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "edge/store_format.h"

static const struct position sample = {.log_number = 0x0102030405060708,
                                       .log_hash = {{1, 2}},
                                       .commit = 3,
                                       .head_time_s = 1700000000,
                                       .head_valid_until_s = 1700003600,
                                       .index_hash = {{4, 5}},
                                       .index_done = 6,
                                       .complete = 1,
                                       .statement_count = 7};

static void round_trip(void **state)
{
    (void)state;
    uint8_t wire[POSITION_BYTES];
    struct position read;
    position_write(&sample, wire);
    assert_int_equal(position_read(span_of(wire, sizeof wire), &read), ERR_OK);
    assert_int_equal(read.log_number, sample.log_number);
    assert_true(sha256_equal(&read.log_hash, &sample.log_hash));
    assert_int_equal(read.commit, sample.commit);
    assert_int_equal(read.head_time_s, sample.head_time_s);
    assert_int_equal(read.head_valid_until_s, sample.head_valid_until_s);
    assert_true(sha256_equal(&read.index_hash, &sample.index_hash));
    assert_int_equal(read.index_done, sample.index_done);
    assert_int_equal(read.complete, sample.complete);
    assert_int_equal(read.statement_count, sample.statement_count);
}

static void other_sizes_and_versions(void **state)
{
    (void)state;
    uint8_t wire[POSITION_BYTES + 1] = {0};
    struct position read = {.log_number = 99};
    position_write(&sample, wire);
    for (size_t cut = 0; cut < POSITION_BYTES; cut++) {
        uint8_t *copy = fixture_copy(wire, cut);
        assert_int_equal(position_read(span_of(copy, cut), &read), ERR_TRUNCATED);
        free(copy);
    }
    assert_int_equal(position_read(span_of(wire, POSITION_BYTES + 1), &read), ERR_TRAILING);
    wire[0] = POSITION_VERSION + 1;
    assert_int_equal(position_read(span_of(wire, POSITION_BYTES), &read), ERR_UNSUPPORTED);
    assert_int_equal(read.log_number, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(other_sizes_and_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
