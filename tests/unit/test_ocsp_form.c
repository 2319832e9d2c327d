/* SPDX-License-Identifier: Apache-2.0 */
/* Random statements by way of their forms and by way of the encoder: the same octets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/ocsp_form.h"
#include "tests/fixture/edge_fixture.h"

#define STATEMENTS_PER_FORMS 60

static struct ocsp_template random_template(struct fixture_random *r, uint8_t sig_alg,
                                            uint8_t certid_set, uint16_t cert_size)
{
    struct ocsp_template t = {.sig_alg = sig_alg, .certid_set = certid_set, .template_no = 1};
    fixture_random_fill(r, t.name_sha1, sizeof t.name_sha1);
    fixture_random_fill(r, t.key_sha1, sizeof t.key_sha1);
    fixture_random_fill(r, t.name_sha256, sizeof t.name_sha256);
    fixture_random_fill(r, t.key_sha256, sizeof t.key_sha256);
    fixture_random_fill(r, t.responder_key_sha1, sizeof t.responder_key_sha1);
    fixture_random_fill(r, t.responder_cert, cert_size);
    t.responder_cert_size = cert_size;
    return t;
}

/* Every first octet comes up; zero octets in front and the sign bit are what matters. */
static struct statement random_statement(struct fixture_random *r, const struct ocsp_forms *forms,
                                         uint8_t signature[SIGNATURE_BYTES_MAX])
{
    static const uint8_t reasons[] = {0, 1, 2, 3, 4, 5, 6, 8, 9, 10};
    struct statement s = {.serial.size = forms->serial_size};
    fixture_random_fill(r, s.serial.octets, s.serial.size);
    fixture_random_fill(r, signature, forms->signature_size);
    if (fixture_random_below(r, 8) == 0)
        signature[fixture_random_below(r, 2) * forms->signature_size / 2] = 0;
    s.signature = span_of(signature, forms->signature_size);
    s.facts.status = (uint8_t)fixture_random_below(r, 2);
    s.facts.reason = REASON_ABSENT;
    if (s.facts.status == CERT_REVOKED && fixture_random_below(r, 3) > 0)
        s.facts.reason = reasons[fixture_random_below(r, sizeof reasons)];
    s.facts.revoked_at_s = s.facts.status == CERT_REVOKED ? (uint32_t)fixture_random_next(r) : 0;
    s.facts.this_update_s = (uint32_t)fixture_random_next(r);
    s.facts.next_update_s = (uint32_t)fixture_random_next(r);
    return s;
}

static size_t fill(const struct ocsp_forms *forms, const struct ocsp_form *form,
                   const struct ocsp_template *t, const struct statement *s, uint8_t *out)
{
    static const struct day_table table; /* without a day */
    struct ocsp_form_times times = {
        .this_update = day_table_generalized(&table, s->facts.this_update_s),
        .next_update = day_table_generalized(&table, s->facts.next_update_s),
        .revoked_at = day_table_generalized(&table, s->facts.revoked_at_s)};
    ocsp_form_fill(forms, form, t, s, &times, out);
    return form->size + forms->responder_cert_size;
}

/* Whether the statement had a form. */
static bool expect_same(const struct ocsp_forms *forms, const struct ocsp_template *t,
                        const struct statement *s)
{
    static uint8_t want[OCSP_RESPONSE_BYTES_MAX + 1], got[OCSP_RESPONSE_BYTES_MAX + 1];
    const struct ocsp_form *form = ocsp_form_find(forms, s);
    size_t want_size = 0;
    enum err err = ocsp_response_encode(t, &s->serial, &s->facts, s->facts.this_update_s,
                                        s->signature, want, OCSP_RESPONSE_BYTES_MAX, &want_size);
    if (form == NULL)
        return false;
    assert_int_equal(err, ERR_OK);
    memset(got, 0xa5, sizeof got);
    size_t size = fill(forms, form, t, s, got);
    assert_int_equal(size, want_size);
    assert_memory_equal(got, want, size);
    assert_int_equal(got[size], 0xa5);
    return true;
}

static void check_forms(struct fixture_random *r, const struct ocsp_template *t,
                        uint8_t serial_size, uint32_t *total)
{
    struct ocsp_forms *forms;
    assert_int_equal(ocsp_forms_new(t, serial_size, &forms), ERR_OK);
    for (unsigned i = 0; i < STATEMENTS_PER_FORMS; i++) {
        uint8_t signature[SIGNATURE_BYTES_MAX];
        struct statement s = random_statement(r, forms, signature);
        size_t half = forms->signature_size / 2u;
        bool is_short = forms->ecdsa && (signature[0] == 0 || signature[half] == 0);
        /* Only what needs the encoder goes without a form. */
        assert_int_equal(expect_same(forms, t, &s), !is_short);
        *total += !is_short;
    }
    ocsp_forms_free(forms);
}

static void test_same_octets(void **state)
{
    (void)state;
    static const uint16_t cert_sizes[] = {0, 1, 200, 1200, RESPONDER_CERT_BYTES_MAX};
    struct fixture_random r = fixture_random_of(20);
    uint32_t total = 0;
    for (uint8_t alg = SIG_ECDSA_P256_SHA256; sig_alg_info(alg) != NULL; alg++)
        for (uint8_t set = CERTID_SHA1; set <= CERTID_BOTH; set++)
            for (size_t c = 0; c < sizeof cert_sizes / sizeof cert_sizes[0]; c++) {
                struct ocsp_template t = random_template(&r, alg, set, cert_sizes[c]);
                for (uint8_t size = 1; size <= SERIAL_BYTES_MAX; size++)
                    check_forms(&r, &t, size, &total);
            }
    assert_true(total > 100000);
    print_message("%u statements\n", total);
}

/* Lengths change their own size near 128 and 256: every size of certificate near it. */
static void test_every_total_size(void **state)
{
    (void)state;
    struct fixture_random r = fixture_random_of(21);
    uint32_t total = 0;
    for (uint16_t cert_size = 0; cert_size < 300; cert_size++) {
        struct ocsp_template t = random_template(&r, SIG_ECDSA_P256_SHA256, CERTID_SHA1, cert_size);
        check_forms(&r, &t, 1, &total);
    }
}

static void test_without_form(void **state)
{
    (void)state;
    struct fixture_random r = fixture_random_of(22);
    struct ocsp_template t = random_template(&r, SIG_ECDSA_P256_SHA256, CERTID_BOTH, 0);
    struct ocsp_forms *forms;
    assert_int_equal(ocsp_forms_new(&t, 16, &forms), ERR_OK);
    uint8_t signature[SIGNATURE_BYTES_MAX];
    memset(signature, 1, sizeof signature);
    struct statement good = {
        .serial.size = 16, .facts.reason = REASON_ABSENT, .signature = span_of(signature, 64)};
    assert_non_null(ocsp_form_find(forms, &good));
    struct statement s[6];
    for (size_t i = 0; i < 6; i++)
        s[i] = good;
    s[0].serial.size = 15;
    s[1].signature.size = 63;
    s[2].facts.status = 2;
    s[3].facts.reason = REASON_KEY_COMPROMISE; /* good with a reason */
    s[4].facts.status = CERT_REVOKED;
    s[4].facts.reason = 7;
    s[5].facts.status = 2;
    s[5].facts.reason = REASON_KEY_COMPROMISE;
    for (size_t i = 0; i < 6; i++)
        assert_null(ocsp_form_find(forms, &s[i]));
    ocsp_forms_free(forms);
}

static void test_no_forms(void **state)
{
    (void)state;
    struct fixture_random r = fixture_random_of(23);
    struct ocsp_template t = random_template(&r, SIG_ED25519, CERTID_BOTH, 0);
    struct ocsp_forms *forms = NULL;
    assert_int_equal(ocsp_forms_new(&t, 0, &forms), ERR_MALFORMED);
    assert_int_equal(ocsp_forms_new(&t, SERIAL_BYTES_MAX + 1, &forms), ERR_MALFORMED);
    t.certid_set = 0;
    assert_int_equal(ocsp_forms_new(&t, 1, &forms), ERR_MALFORMED);
    t.certid_set = CERTID_BOTH;
    t.sig_alg = 0;
    assert_int_equal(ocsp_forms_new(&t, 1, &forms), ERR_MALFORMED);
    assert_null(forms);
    assert_null(ocsp_forms_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_octets),
        cmocka_unit_test(test_every_total_size),
        cmocka_unit_test(test_without_form),
        cmocka_unit_test(test_no_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
