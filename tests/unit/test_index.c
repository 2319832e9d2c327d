/* SPDX-License-Identifier: Apache-2.0 */
#include "format_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/index.h"

static const struct sha256 log_hash = {{1, 2, 3}};

static struct log_range range(uint64_t issuer_id, struct serial after, struct serial until)
{
    return (struct log_range){.issuer_id = issuer_id,
                              .after = after,
                              .until = until,
                              .pack = {{0xab}},
                              .pack_bytes = 1000,
                              .statement_count = 10};
}

static const struct serial low = {.size = 1, .octets = {0x7f}};
static const struct serial high = {.size = 2, .octets = {0x10, 0x0a}};

static enum err write_index(char *out, size_t out_size, size_t *ret_size)
{
    struct index_writer w;
    index_writer_start(&w, span_text("test"), 42, &log_hash, 1700000000, out, out_size);
    struct ocsp_template templates[] = {fixture_template(1, 1, SIG_ECDSA_P256_SHA256),
                                        fixture_template(1, 3, SIG_RSA2048_SHA256),
                                        fixture_template(2, 1, SIG_ED25519)};
    for (size_t i = 0; i < 3; i++)
        index_writer_template(&w, &templates[i]);
    struct log_range ranges[] = {range(1, SERIAL_BEFORE_ALL, low), range(1, low, high),
                                 range(1, high, SERIAL_AFTER_ALL),
                                 range(2, SERIAL_BEFORE_ALL, SERIAL_AFTER_ALL)};
    for (size_t i = 0; i < 4; i++)
        index_writer_range(&w, &ranges[i]);
    for (size_t i = 0; i < 2; i++)
        index_writer_tail(&w, &ranges[i]);
    index_writer_tail(&w, &ranges[3]);
    struct blob_path path = {.path = span_text("/1/2.crl"),
                             .blob = {{9}},
                             .blob_bytes = 77,
                             .media_type = span_text("application/pkix-crl"),
                             .modified_s = 5,
                             .next_s = 6,
                             .expires_s = 7};
    index_writer_path(&w, &path);
    path.path = span_text("/1/20.crl");
    index_writer_path(&w, &path);
    return index_writer_finish(&w, ret_size);
}

static void round_trip(void **state)
{
    (void)state;
    char out[4096];
    size_t size;
    assert_int_equal(write_index(out, sizeof out, &size), ERR_OK);
    uint8_t *text = fixture_copy(out, size);
    struct index_reader index;
    assert_int_equal(index_open(span_of(text, size), &index), ERR_OK);
    assert_string_equal(index.network, "test");
    assert_int_equal(index.log_number, 42);
    assert_true(sha256_equal(&index.log_hash, &log_hash));
    assert_int_equal(index.time_s, 1700000000);
    assert_int_equal(index.line_count, 12);
    struct index_line line;
    size_t cursor = 0;
    static const enum index_line_type types[] = {
        INDEX_TEMPLATE, INDEX_TEMPLATE, INDEX_TEMPLATE, INDEX_RANGE, INDEX_RANGE, INDEX_RANGE,
        INDEX_RANGE,    INDEX_TAIL,     INDEX_TAIL,     INDEX_TAIL,  INDEX_PATH,  INDEX_PATH};
    for (size_t i = 0; i < 12; i++) {
        assert_true(index_next(&index, &cursor, &line));
        assert_int_equal(line.type, types[i]);
        if (i == 1)
            assert_int_equal(line.template_.template_no, 3);
        if (i == 4) {
            assert_int_equal(line.range.issuer_id, 1);
            assert_int_equal(serial_compare(&line.range.after, &low), 0);
            assert_int_equal(serial_compare(&line.range.until, &high), 0);
        }
        if (i == 10)
            assert_true(span_equal(line.path.path, span_text("/1/2.crl")));
        if (i >= 10) {
            assert_int_equal(line.path.blob.octets[0], 9);
            assert_int_equal(line.path.blob_bytes, 77);
            assert_true(span_equal(line.path.media_type, span_text("application/pkix-crl")));
            assert_int_equal(line.path.modified_s, 5);
            assert_int_equal(line.path.next_s, 6);
            assert_int_equal(line.path.expires_s, 7);
        } else if (i >= 3) {
            assert_int_equal(line.range.pack.octets[0], 0xab);
            assert_int_equal(line.range.pack_bytes, 1000);
            assert_int_equal(line.range.statement_count, 10);
        }
    }
    assert_false(index_next(&index, &cursor, &line));
    free(text);
}

static void too_small_a_buffer(void **state)
{
    (void)state;
    char out[4096];
    size_t size;
    assert_int_equal(write_index(out, sizeof out, &size), ERR_OK);
    size_t needed = size;
    for (size_t room = 0; room < needed; room++) {
        uint8_t *small = fixture_copy(out, room);
        assert_int_equal(write_index((char *)small, room, &size), ERR_NO_SPACE);
        free(small);
    }
}

#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define TITLE  "statim-index v1\n"
#define HEADER TITLE "network test\nlog 0 " ZEROS "\ntime 0\n"
#define PACK   " 1 2 " ZEROS "\n"
#define BLOB   " a/b 2 " ZEROS " 0 0 0\n"
#define ONE    "0000000000000001"
#define TWO    "0000000000000002"
#define A_B    HEADER "range " ONE " 00 017f" PACK "range " ONE " 017f ff" PACK

static void texts_and_what_they_give(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {HEADER "end 4\n", ERR_OK},
        {HEADER "end 5\n", ERR_CONFLICT},
        {HEADER "end 04\n", ERR_MALFORMED},
        {HEADER "end 4", ERR_TRUNCATED},
        {HEADER "end 4\n\n", ERR_TRAILING},
        {HEADER, ERR_TRUNCATED},
        {"", ERR_TRUNCATED},
        {"statim-index v2\n", ERR_UNSUPPORTED},
        {TITLE "network te st\n", ERR_MALFORMED},
        {TITLE "network te_st\n", ERR_MALFORMED},
        {TITLE "log 0 " ZEROS "\n", ERR_MALFORMED},
        {TITLE "network test\nlog 00 " ZEROS "\n", ERR_MALFORMED},
        {TITLE "network test\nlog 18446744073709551616 " ZEROS "\n", ERR_MALFORMED},
        {TITLE "network test\nlog 0  " ZEROS "\n", ERR_MALFORMED},
        {TITLE "network test\nlog 0 " ZEROS " \n", ERR_MALFORMED},
        {TITLE "network test\nlog 0 00\n", ERR_MALFORMED},
        {HEADER "road x\nend 5\n", ERR_UNSUPPORTED},
        {HEADER "path x\nend 5\n", ERR_MALFORMED},
        {HEADER "path /x" BLOB "end 5\n", ERR_OK},
        {HEADER "path x" BLOB "end 5\n", ERR_MALFORMED},
        {HEADER "path /x a/b 0 " ZEROS " 0 0 0\nend 5\n", ERR_MALFORMED},
        {HEADER "path /x a/b 268435457 " ZEROS " 0 0 0\nend 5\n", ERR_LIMIT},
        {HEADER "path /x ab 2 " ZEROS " 0 0 0\nend 5\n", ERR_MALFORMED},
        {HEADER "path /x a/b 2 " ZEROS " 5 4 0\nend 5\n", ERR_MALFORMED},
        {HEADER "path /x" BLOB "path /xy" BLOB "end 6\n", ERR_OK},
        {HEADER "path /x" BLOB "path /x" BLOB "end 6\n", ERR_ORDER},
        {HEADER "path /y" BLOB "path /x" BLOB "end 6\n", ERR_ORDER},
        {HEADER "path /x" BLOB "tail " ONE PACK "end 6\n", ERR_ORDER},
        {HEADER "template AAAA\nend 5\n", ERR_TRUNCATED},
        {HEADER "template A\nend 5\n", ERR_MALFORMED},
        {A_B "end 6\n", ERR_OK},
        {HEADER "range " ONE " 00 ff" PACK "end 5\n", ERR_OK},
        {HEADER "range " ONE " 00 ff 1 2 3 " ZEROS "\nend 5\n", ERR_MALFORMED},
        {HEADER "range " ONE " 00 ff 1 67108865 " ZEROS "\nend 5\n", ERR_LIMIT},
        {HEADER "range 1 00 ff" PACK "end 5\n", ERR_MALFORMED},
        {HEADER "range 000000000000000A 00 ff" PACK "end 5\n", ERR_MALFORMED},
        {HEADER "range " ONE " 00 FF" PACK "end 5\n", ERR_MALFORMED},
        {HEADER "range " ONE " 00 ff00" PACK "end 5\n", ERR_MALFORMED},
        {HEADER "range " ONE " 00 02ff" PACK "end 5\n", ERR_MALFORMED},
        {HEADER "range " ONE " ff ff" PACK "end 5\n", ERR_ORDER},
        {HEADER "range " ONE " 00 017f" PACK "end 5\n", ERR_ORDER}, /* no end */
        {HEADER "range " ONE " 017f ff" PACK "end 5\n", ERR_ORDER}, /* no start */
        {HEADER "range " ONE " 00 017e" PACK "range " ONE " 017f ff" PACK "end 6\n", ERR_ORDER},
        {HEADER "range " ONE " 00 ff" PACK "range " ONE " 00 ff" PACK "end 6\n", ERR_ORDER},
        {HEADER "range " ONE " 00 017f" PACK "range " TWO " 017f ff" PACK "end 6\n", ERR_ORDER},
        {HEADER "range " ONE " 00 ff" PACK "range " TWO " 00 ff" PACK "end 6\n", ERR_OK},
        {HEADER "range " TWO " 00 ff" PACK "range " ONE " 00 ff" PACK "end 6\n", ERR_ORDER},
        {HEADER "range " ONE " 00 017f" PACK "tail " ONE PACK "end 6\n", ERR_ORDER},
        {HEADER "tail " ONE PACK "tail " ONE PACK "tail " TWO PACK "end 7\n", ERR_OK},
        {HEADER "tail " TWO PACK "tail " ONE PACK "end 6\n", ERR_ORDER},
        {HEADER "tail " ONE PACK "range " ONE " 00 ff" PACK "end 6\n", ERR_ORDER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].text);
        uint8_t *text = fixture_copy(rows[i].text, size);
        struct index_reader index;
        enum err err = index_open(span_of(text, size), &index);
        if (err != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, err_name(err), err_name(rows[i].want));
        free(text);
    }
}

static void templates_ascend(void **state)
{
    (void)state;
    struct {
        uint64_t issuers[2];
        uint16_t numbers[2];
        enum err want;
    } rows[] = {
        {{1, 1}, {1, 2}, ERR_OK},    {{1, 2}, {2, 1}, ERR_OK},    {{1, 1}, {2, 1}, ERR_ORDER},
        {{1, 1}, {1, 1}, ERR_ORDER}, {{2, 1}, {1, 2}, ERR_ORDER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[4096];
        size_t size;
        struct index_writer w;
        index_writer_start(&w, span_text("test"), 42, &log_hash, 0, out, sizeof out);
        for (size_t k = 0; k < 2; k++) {
            struct ocsp_template t =
                fixture_template(rows[i].issuers[k], rows[i].numbers[k], SIG_ED25519);
            index_writer_template(&w, &t);
        }
        assert_int_equal(index_writer_finish(&w, &size), rows[i].want);
    }
}

static void every_truncation_and_bit_flip(void **state)
{
    (void)state;
    char out[4096];
    size_t size;
    struct index_reader index;
    assert_int_equal(write_index(out, sizeof out, &size), ERR_OK);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *text = fixture_copy(out, cut);
        assert_int_not_equal(index_open(span_of(text, cut), &index), ERR_OK);
        free(text);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *text = fixture_copy(out, size);
        text[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (index_open(span_of(text, size), &index) == ERR_OK) {
            struct index_line line;
            size_t cursor = 0;
            uint32_t lines = 0;
            while (index_next(&index, &cursor, &line))
                lines++;
            assert_int_equal(lines, index.line_count);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(too_small_a_buffer),
        cmocka_unit_test(texts_and_what_they_give),
        cmocka_unit_test(templates_ascend),
        cmocka_unit_test(every_truncation_and_bit_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
