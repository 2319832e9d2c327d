/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "unhex.h"

#include "lib/der_write.h"

/* ---- reader ---- */

static const struct {
    const char *hex;
    enum err err;
    size_t size; /* of the content when it is taken */
} element_cases[] = {
    {"0400", ERR_OK, 0},
    {"0401aa", ERR_OK, 1},
    {"04", ERR_TRUNCATED, 0},
    {"", ERR_TRUNCATED, 0},
    {"0402aa", ERR_TRUNCATED, 0},
    {"048180", ERR_TRUNCATED, 0},
    {"0481", ERR_TRUNCATED, 0},
    {"048201", ERR_TRUNCATED, 0},
    {"0400ff", ERR_TRAILING, 0},
    {"0500", ERR_MALFORMED, 0},
    /* indefinite and reserved lengths */
    {"0480 0000", ERR_MALFORMED, 0},
    {"04ff", ERR_MALFORMED, 0},
    {"0485 0000000001 aa", ERR_MALFORMED, 0},
    /* not the shortest form */
    {"0481 01 aa", ERR_MALFORMED, 0},
    {"0481 7f", ERR_MALFORMED, 0},
    {"0482 00ff", ERR_MALFORMED, 0},
    {"0484 00000001 aa", ERR_MALFORMED, 0},
    {"0484 00ffffff", ERR_MALFORMED, 0},
    {"0484 ffffffff", ERR_TRUNCATED, 0},
    /* tags of more than one octet */
    {"1f0101", ERR_MALFORMED, 0},
    {"bf8101 00", ERR_MALFORMED, 0},
};

static void test_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof element_cases / sizeof element_cases[0]; i++) {
        struct der_reader r;
        der_reader_init(&r, UNHEX(element_cases[i].hex));
        struct span content = der_take(&r, DER_OCTET_STRING);
        enum err err = der_end(&r);
        if (err != element_cases[i].err)
            fail_msg("%s: %s", element_cases[i].hex, err_name(err));
        assert_int_equal(content.size, element_cases[i].size);
    }
}

static const struct {
    const char *hex;
    enum err err;
} integer_cases[] = {
    {"020100", ERR_OK},          {"020101", ERR_OK},          {"02017f", ERR_OK},
    {"020180", ERR_OK},          {"02020080", ERR_OK},        {"0202ff7f", ERR_OK},
    {"0200", ERR_MALFORMED},     {"02020000", ERR_MALFORMED}, {"0202007f", ERR_MALFORMED},
    {"0202ff80", ERR_MALFORMED}, {"0202ffff", ERR_MALFORMED}, {"0203000080", ERR_MALFORMED},
};

static void test_integers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integer_cases / sizeof integer_cases[0]; i++) {
        struct der_reader r;
        der_reader_init(&r, UNHEX(integer_cases[i].hex));
        struct span content = der_take_integer(&r);
        enum err err = der_end(&r);
        if (err != integer_cases[i].err)
            fail_msg("%s: %s", integer_cases[i].hex, err_name(err));
        assert_int_equal(content.size != 0, err == ERR_OK);
    }
}

/* SEQUENCE { INTEGER } with a length that contradicts the outer one, and leftovers inside. */
static const struct {
    const char *hex;
    enum err err;
} nested_cases[] = {
    {"3003 020101", ERR_OK},
    {"3004 020201", ERR_TRUNCATED},
    {"3003 020201", ERR_MALFORMED},
    {"3002 0201 01", ERR_MALFORMED},
    {"3005 020101 0500", ERR_MALFORMED},
    {"3000", ERR_MALFORMED},
    {"3003 020101 00", ERR_TRAILING},
    {"3001 02", ERR_MALFORMED},
    {"3103 020101", ERR_MALFORMED},
    {"3002 0281", ERR_MALFORMED},
};

static void test_nested(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nested_cases / sizeof nested_cases[0]; i++) {
        struct der_reader r;
        der_reader_init(&r, UNHEX(nested_cases[i].hex));
        der_enter(&r, DER_SEQUENCE);
        der_take_integer(&r);
        der_leave(&r);
        enum err err = der_end(&r);
        if (err != nested_cases[i].err)
            fail_msg("%s: %s", nested_cases[i].hex, err_name(err));
    }
}

static void test_error_sticks(void **state)
{
    (void)state;
    struct der_reader r;
    uint8_t tag = 77;
    der_reader_init(&r, UNHEX("020101 0401aa"));
    assert_true(der_next_is(&r, DER_INTEGER));
    der_fail(&r, ERR_UNSUPPORTED);
    der_fail(&r, ERR_MALFORMED);
    assert_int_equal(der_take(&r, DER_INTEGER).size, 0);
    assert_null(der_take_any(&r, &tag).data);
    assert_int_equal(tag, 77);
    der_enter(&r, DER_SEQUENCE);
    der_leave(&r);
    assert_true(der_at_end(&r));
    assert_false(der_next_is(&r, DER_INTEGER));
    assert_int_equal(der_end(&r), ERR_UNSUPPORTED);
}

/* SEQUENCEs in one another, one more at each step: refused exactly past the limit. */
static void test_depth(void **state)
{
    (void)state;
    for (size_t levels = 1; levels <= DER_DEPTH_MAX + 3; levels++) {
        uint8_t der[128];
        struct der_writer w = der_writer_into(der, sizeof der);
        for (size_t i = 0; i < levels; i++)
            der_put_header(&w, DER_SEQUENCE, 0);
        size_t size = 0;
        assert_int_equal(der_writer_finish(&w, &size), ERR_OK);
        struct der_reader r;
        der_reader_init(&r, span_of(der, size));
        for (size_t i = 0; i < levels; i++)
            der_enter(&r, DER_SEQUENCE);
        for (size_t i = 0; i < levels; i++)
            der_leave(&r);
        assert_int_equal(der_end(&r), levels <= DER_DEPTH_MAX ? ERR_OK : ERR_LIMIT);
    }
}

/* ---- writer ---- */

static const struct {
    size_t content;
    const char *header;
} length_cases[] = {
    {0, "0400"},         {1, "0401"},           {127, "047f"},
    {128, "048180"},     {255, "0481ff"},       {256, "04820100"},
    {65535, "0482ffff"}, {65536, "0483010000"}, {70000, "0483011170"},
};

static void test_lengths(void **state)
{
    (void)state;
    static uint8_t content[70000], out[70010];
    for (size_t i = 0; i < sizeof length_cases / sizeof length_cases[0]; i++) {
        struct span header = UNHEX(length_cases[i].header);
        struct span data = span_of(content, length_cases[i].content);
        struct der_writer measure = der_writer_into(NULL, 0);
        der_put_element(&measure, DER_OCTET_STRING, data);
        size_t measured = 0, size = 0;
        assert_int_equal(der_writer_finish(&measure, &measured), ERR_OK);
        assert_int_equal(measured, header.size + data.size);
        struct der_writer exact = der_writer_into(out, measured);
        der_put_element(&exact, DER_OCTET_STRING, data);
        assert_int_equal(der_writer_finish(&exact, &size), ERR_OK);
        assert_int_equal(size, measured);
        assert_memory_equal(out, header.data, header.size);
        struct der_reader r;
        der_reader_init(&r, span_of(out, size));
        assert_int_equal(der_take(&r, DER_OCTET_STRING).size, data.size);
        assert_int_equal(der_end(&r), ERR_OK);
    }
}

static void write_sample(struct der_writer *w)
{
    uint8_t content[200] = {1, 2, 3};
    der_put_octet(w, 9);
    der_put_unsigned(w, span_of(content, sizeof content));
    der_put_header(w, DER_SEQUENCE, 1);
    der_put_element(w, DER_NULL, SPAN_EMPTY);
}

/* Every size below the needed one is refused, and nothing before the buffer is touched. */
static void test_no_space(void **state)
{
    (void)state;
    uint8_t out[300], want[300];
    struct der_writer w = der_writer_into(want, sizeof want);
    write_sample(&w);
    size_t need = 0;
    assert_int_equal(der_writer_finish(&w, &need), ERR_OK);
    for (size_t room = 0; room <= need; room++) {
        size_t size = 12345;
        memset(out, 0xee, sizeof out);
        w = der_writer_into(out + 8, room);
        write_sample(&w);
        enum err err = der_writer_finish(&w, &size);
        assert_int_equal(err, room < need ? ERR_NO_SPACE : ERR_OK);
        assert_int_equal(size, room < need ? 12345 : need);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(out[i], 0xee);
        assert_int_equal(out[8 + room], 0xee);
    }
    assert_memory_equal(out + 8, want, need);
}

static const struct {
    const char *number, *der;
} unsigned_cases[] = {
    {"", "020100"},       {"00", "020100"},     {"0000", "020100"},   {"01", "020101"},
    {"7f", "02017f"},     {"80", "02020080"},   {"0080", "02020080"}, {"00ff01", "020300ff01"},
    {"000001", "020101"}, {"1000", "02021000"},
};

static void test_unsigned(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsigned_cases / sizeof unsigned_cases[0]; i++) {
        uint8_t out[32];
        size_t size = 0;
        struct der_writer w = der_writer_into(out, sizeof out);
        der_put_unsigned(&w, UNHEX(unsigned_cases[i].number));
        assert_int_equal(der_writer_finish(&w, &size), ERR_OK);
        assert_true(span_equal(span_of(out, size), UNHEX(unsigned_cases[i].der)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_nested),   cmocka_unit_test(test_error_sticks),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_no_space), cmocka_unit_test(test_unsigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
