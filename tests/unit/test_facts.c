/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unhex.h"

#include "lib/facts.h"

static const struct {
    const char *text;
    enum err err;
    enum reason reason;
} reason_cases[] = {
    {"unspecified", ERR_OK, REASON_UNSPECIFIED},
    {"KEYCOMPROMISE", ERR_OK, REASON_KEY_COMPROMISE},
    {"keyCompromise", ERR_OK, REASON_KEY_COMPROMISE},
    {"aacompromise", ERR_OK, REASON_AA_COMPROMISE},
    {"0", ERR_OK, REASON_UNSPECIFIED},
    {"04", ERR_OK, REASON_SUPERSEDED},
    {"10", ERR_OK, REASON_AA_COMPROMISE},
    {"7", ERR_MALFORMED, 0},
    {"11", ERR_MALFORMED, 0},
    {"255", ERR_MALFORMED, 0},
    {"", ERR_MALFORMED, 0},
    {"1 ", ERR_MALFORMED, 0},
    {"keyCompromis", ERR_MALFORMED, 0},
    {"keyCompromised", ERR_MALFORMED, 0},
    {"-1", ERR_MALFORMED, 0},
};

static void test_reason_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reason_cases / sizeof reason_cases[0]; i++) {
        enum reason reason = REASON_ABSENT;
        enum err err = reason_from_text(span_text(reason_cases[i].text), &reason);
        if (err != reason_cases[i].err)
            fail_msg("'%s': %s", reason_cases[i].text, err_name(err));
        assert_int_equal(reason, err == ERR_OK ? reason_cases[i].reason : REASON_ABSENT);
    }
}

static void test_reason_numbers(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 256; number++) {
        bool known = number <= 10 && number != 7;
        assert_int_equal(reason_valid((uint8_t)number), known || number == REASON_ABSENT);
        enum reason back;
        struct span text = span_text(reason_text((uint8_t)number));
        assert_int_equal(text.size != 0, known);
        if (!known)
            continue;
        assert_int_equal(reason_from_text(text, &back), ERR_OK);
        assert_int_equal(back, number);
    }
}

/* template 2 | status | reason | revoked at | this update | next update */
static const struct {
    const char *hex;
    enum err err;
} facts_cases[] = {
    {"0001 00 ff 00000000 00000001 00000002", ERR_OK},
    {"ffff 01 ff 00000000 00000001 00000002", ERR_OK},
    {"0102 01 00 01020304 05060708 090a0b0c", ERR_OK},
    {"0001 01 0a ffffffff 00000000 ffffffff", ERR_OK},
    {"0001 02 ff 00000000 00000001 00000002", ERR_MALFORMED}, /* unknown status */
    {"0001 01 07 00000000 00000001 00000002", ERR_MALFORMED}, /* unused reason */
    {"0001 01 0b 00000000 00000001 00000002", ERR_MALFORMED},
    {"0001 00 00 00000000 00000001 00000002", ERR_MALFORMED}, /* good with a reason */
    {"0001 00 ff 00000001 00000001 00000002", ERR_MALFORMED}, /* good with a time */
    {"0001 00 ff 00000000 00000002 00000002", ERR_MALFORMED}, /* no validity */
    {"0001 00 ff 00000000 00000003 00000002", ERR_MALFORMED},
};

static void test_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof facts_cases / sizeof facts_cases[0]; i++) {
        struct span wire = UNHEX(facts_cases[i].hex);
        assert_int_equal(wire.size, FACTS_BYTES);
        struct facts facts = {.template_no = 42};
        enum err err = facts_read(wire.data, &facts);
        if (err != facts_cases[i].err)
            fail_msg("%s: %s", facts_cases[i].hex, err_name(err));
        if (err != ERR_OK) {
            assert_int_equal(facts.template_no, 42);
            continue;
        }
        uint8_t back[FACTS_BYTES];
        facts_write(&facts, back);
        assert_memory_equal(back, wire.data, FACTS_BYTES);
    }
}

static void test_facts_fields(void **state)
{
    (void)state;
    struct facts facts = facts_load(UNHEX("0102 01 04 03040506 0708090a 0b0c0d0e").data);
    assert_int_equal(facts.template_no, 0x0102);
    assert_int_equal(facts.status, CERT_REVOKED);
    assert_int_equal(facts.reason, REASON_SUPERSEDED);
    assert_int_equal(facts.revoked_at_s, 0x03040506);
    assert_int_equal(facts.this_update_s, 0x0708090a);
    assert_int_equal(facts.next_update_s, 0x0b0c0d0e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reason_text),
        cmocka_unit_test(test_reason_numbers),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
