/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of every kind in an Avro file, also such as are no JSON; read back by libavro.
 * tests/system/test_audit_export.py reads such files without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <avro.h>
#include <stdio.h>
#include <string.h>

#include "issuer/audit_avro.h"
#include "issuer/audit_log.h"

static uint8_t biggest[AUDIT_ENTRY_BYTES_MAX];

static const char *const texts[] = {
    "no JSON",
    "\xff\xfe",
    "[1,2]",
    "7",
    "{\"time\":5,\"type\":\"cert.issued\",\"serial\":\"AB\"}",
    "{\"time\":\"5\",\"type\":null,\"actor\":{\"a\":1}}",
    "{\"type\":\"a\",\"type\":\"b\"}",
};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])

static void write_rows(FILE *file)
{
    struct audit_avro *avro = NULL;
    assert_int_equal(audit_avro_open(file, "log.example", &avro), ERR_OK);
    for (size_t i = 0; i < TEXT_COUNT; i++)
        assert_int_equal(audit_avro_put(avro, i, span_text(texts[i])), ERR_OK);
    for (size_t i = 0; i < 9; i++) /* more than a block */
        assert_int_equal(audit_avro_put(avro, TEXT_COUNT + i, span_of(biggest, sizeof biggest - i)),
                         ERR_OK);
    assert_int_equal(audit_avro_close(avro), ERR_OK);
}

/* The branch of an optional column: NULL when it is null. */
static const char *text_in(avro_value_t *row, const char *name)
{
    avro_value_t column;
    avro_value_t branch;
    const char *text = NULL;
    size_t size;
    int which = 0;
    assert_int_equal(avro_value_get_by_name(row, name, &column, NULL), 0);
    assert_int_equal(avro_value_get_discriminant(&column, &which), 0);
    if (which == 0)
        return NULL;
    assert_int_equal(avro_value_get_current_branch(&column, &branch), 0);
    assert_int_equal(avro_value_get_string(&branch, &text, &size), 0);
    return text;
}

static void check_row(avro_value_t *row, size_t i)
{
    avro_value_t column;
    const void *octets = NULL;
    size_t size = 0;
    int64_t index = -1;
    assert_int_equal(avro_value_get_by_name(row, "index", &column, NULL), 0);
    assert_int_equal(avro_value_get_long(&column, &index), 0);
    assert_int_equal(index, i);
    assert_int_equal(avro_value_get_by_name(row, "entry", &column, NULL), 0);
    assert_int_equal(avro_value_get_bytes(&column, &octets, &size), 0);
    if (i < TEXT_COUNT) {
        assert_int_equal(size, strlen(texts[i]));
        assert_memory_equal(octets, texts[i], size);
    } else {
        assert_int_equal(size, sizeof biggest - (i - TEXT_COUNT));
        assert_memory_equal(octets, biggest, size);
    }
    const char *type = text_in(row, "type");
    if (i == 4)
        assert_string_equal(type, "cert.issued");
    else
        assert_null(type);
    assert_null(text_in(row, "actor"));
}

static void all_kinds_of_entries(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    avro_file_reader_t reader = NULL;
    avro_value_t row;
    assert_non_null(file);
    for (size_t i = 0; i < sizeof biggest; i++)
        biggest[i] = (uint8_t)(i * i >> 5); /* not much to compress */
    write_rows(file);
    rewind(file);
    assert_int_equal(avro_file_reader_fp(file, "rows", 0, &reader), 0);
    avro_schema_t schema = avro_file_reader_get_writer_schema(reader);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    assert_int_equal(avro_generic_value_new(class, &row), 0);
    size_t count = 0;
    while (avro_file_reader_read_value(reader, &row) == 0) {
        check_row(&row, count++);
        avro_value_reset(&row);
    }
    assert_int_equal(count, TEXT_COUNT + 9);
    avro_value_decref(&row);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    avro_file_reader_close(reader);
    fclose(file);
}

static void full(void **state)
{
    (void)state;
    struct audit_avro *avro = NULL;
    FILE *file = fopen("/dev/full", "we");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    enum err err = audit_avro_open(file, "log.example", &avro);
    if (err == ERR_OK) {
        err = audit_avro_put(avro, 0, span_text("{}"));
        enum err closed = audit_avro_close(avro);
        err = err != ERR_OK ? err : closed;
    }
    assert_int_equal(err, ERR_IO);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_kinds_of_entries),
                                       cmocka_unit_test(full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
