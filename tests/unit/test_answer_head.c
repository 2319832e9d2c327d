/* SPDX-License-Identifier: Apache-2.0 */
/* Heads against the field writer of lib/http_response.h, and answers by way of forms against
 * answers by way of the encoder: the same octets. */
#include "tests/unit/answer_world.h"

#include "lib/http_response.h"

static const char *const connection_values[] = {
    [ANSWER_KEEP_1_0] = "keep-alive", [ANSWER_CLOSE] = "close"};

static size_t head_by_fields(const struct answer_clock *clock, const struct answer_validators *v,
                             size_t body_size, enum answer_connection connection, uint8_t *out)
{
    struct http_writer w;
    size_t size = 0;
    uint8_t date[IMF_FIXDATE_BYTES];
    imf_fixdate_write(clock->now_s, date);
    http_writer_start(&w, body_size == ANSWER_NO_LENGTH ? 304 : 200, out, HTTP_RESPONSE_HEAD_MAX);
    http_writer_field(&w, "Date", span_of(date, sizeof date));
    if (body_size != ANSWER_NO_LENGTH) {
        http_writer_field(&w, "Content-Type", span_text("application/ocsp-response"));
        http_writer_number(&w, "Content-Length", body_size);
    }
    http_writer_directive(&w, "Cache-Control", "max-age=", v->max_age_s,
                          ", public, no-transform, must-revalidate");
    http_writer_date(&w, "Expires", v->until_s);
    http_writer_date(&w, "Last-Modified", v->this_update_s);
    char etag[ANSWER_ETAG_BYTES + 1] = "\"", *at = etag + 1;
    assert_int_equal(hex_encode(span_of(v->signature, ANSWER_ETAG_OCTETS), at, sizeof etag - 1),
                     ERR_OK);
    etag[ANSWER_ETAG_BYTES - 1] = '"';
    http_writer_field(&w, "ETag", span_of(etag, ANSWER_ETAG_BYTES));
    if (connection != ANSWER_KEEP)
        http_writer_field(&w, "Connection", span_text(connection_values[connection]));
    assert_int_equal(http_writer_finish(&w, &size), ERR_OK);
    return size;
}

static void expect_head(const struct answer_validators *v, size_t body_size,
                        enum answer_connection connection)
{
    uint8_t want[HTTP_RESPONSE_HEAD_MAX], got[HTTP_RESPONSE_HEAD_MAX];
    size_t want_size = head_by_fields(&world.clock, v, body_size, connection, want);
    size_t size = answer_head_statement(&world.clock, v, body_size, connection, got, sizeof got);
    assert_int_equal(size, want_size);
    assert_memory_equal(got, want, size);
}

static void test_heads(void **state)
{
    (void)state;
    static const uint32_t ages_s[] = {0, 1, 9, 10, 99999, 604800, 99999999, 100000000, UINT32_MAX};
    static const size_t sizes[] = {1, 99, 480, 1000, 5632, ANSWER_NO_LENGTH};
    struct fixture_random r = fixture_random_of(3);
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t signature[ANSWER_ETAG_OCTETS];
        fixture_random_fill(&r, signature, sizeof signature);
        struct answer_validators v = {.signature = signature,
                                      .this_update_s = (uint32_t)fixture_random_next(&r),
                                      .until_s = (uint32_t)fixture_random_next(&r),
                                      .max_age_s = ages_s[i % 9]};
        if (i % 2 == 0) {
            v.this_update_s = NOW_S - fixture_random_below(&r, 10 * 86400);
            v.until_s = NOW_S + fixture_random_below(&r, 20 * 86400);
            v.max_age_s = fixture_random_below(&r, 1000000);
        }
        expect_head(&v, sizes[i % 6], (enum answer_connection)(i % 3));
    }
}

static void test_etag(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t signature[ANSWER_ETAG_OCTETS], etag[ANSWER_ETAG_BYTES];
        char want[2 * ANSWER_ETAG_OCTETS + 1];
        for (unsigned j = 0; j < ANSWER_ETAG_OCTETS; j++)
            signature[j] = (uint8_t)(i + 7 * j);
        answer_etag_write(signature, etag);
        assert_int_equal(hex_encode(span_of(signature, sizeof signature), want, sizeof want),
                         ERR_OK);
        assert_memory_equal(etag + 1, want, 2 * ANSWER_ETAG_OCTETS);
        assert_int_equal(etag[0], '"');
        assert_int_equal(etag[ANSWER_ETAG_BYTES - 1], '"');
    }
}

/* Answers all statements by each method and connection into one row of octets. */
static size_t answers(uint8_t *out)
{
    static const char *const methods[] = {"GET", "HEAD"};
    static const char *const fields[] = {"", "If-None-Match: *\r\n"};
    size_t size = 0;
    for (unsigned i = 0; i < STATEMENT_COUNT * 24u; i++) {
        const char *text =
            get_text(methods[i % 2], &world.statements[i / 24],
                     i / 2 % 2 ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1, fields[i / 4 % 2]);
        struct response r = answer_with(world.fixture.snapshot, text, SPAN_EMPTY,
                                        (enum answer_connection)(i / 8 % 3));
        memcpy(out + size, r.octets, r.size);
        size += r.size;
    }
    return size;
}

static void test_with_and_without_forms(void **state)
{
    (void)state;
    static uint8_t with[STATEMENT_COUNT * 24 * 2048], without[sizeof with];
    struct snapshot *s = world.fixture.snapshot;
    size_t size = answers(with);
    struct snapshot_forms *forms = s->forms;
    unsigned there = 0;
    for (unsigned i = 0; i < 3; i++)
        there += forms[i].by_serial_size[16] != NULL;
    assert_int_equal(there, 2); /* the third template has no statements */
    static struct snapshot_forms none[3];
    for (uint32_t i = 0; i < 3; i++)
        none[i].signer_end_s = forms[i].signer_end_s;
    s->forms = none;
    assert_int_equal(answers(without), size);
    s->forms = forms;
    assert_memory_equal(with, without, size);
}

static size_t other_by_fields(enum outcome outcome, bool without_body,
                              enum answer_connection connection, uint8_t *out)
{
    const struct outcome_info *info = outcome_info(outcome);
    bool is_ocsp = info->ocsp_status != OUTCOME_NO_OCSP;
    uint8_t body[128];
    int size = is_ocsp ? 5 : snprintf((char *)body, sizeof body, "%s\n", info->text);
    if (is_ocsp)
        memcpy(body, ocsp_error_response((enum ocsp_response_status)info->ocsp_status).data, 5);
    struct http_writer w;
    size_t head_size = 0;
    http_writer_start(&w, info->http_status, out, HTTP_RESPONSE_HEAD_MAX);
    http_writer_field(&w, "Date", span_of(world.clock.date, sizeof world.clock.date));
    http_writer_field(&w, "Content-Type",
                      span_text(is_ocsp ? "application/ocsp-response" : "text/plain"));
    http_writer_number(&w, "Content-Length", (uint64_t)size);
    http_writer_field(&w, "Cache-Control", span_text("no-store, no-cache, max-age=0"));
    if (outcome == OUTCOME_METHOD)
        http_writer_field(&w, "Allow", span_text("GET, HEAD, POST"));
    if (connection != ANSWER_KEEP)
        http_writer_field(&w, "Connection", span_text(connection_values[connection]));
    assert_int_equal(http_writer_finish(&w, &head_size), ERR_OK);
    if (without_body)
        return head_size;
    memcpy(out + head_size, body, (size_t)size);
    return head_size + (size_t)size;
}

static void test_others(void **state)
{
    (void)state;
    static uint8_t want[ANSWER_BYTES_MAX], got[ANSWER_BYTES_MAX];
    for (unsigned i = OUTCOME_UNKNOWN_SERIAL; i < OUTCOME_FILE; i++) /* files: test_answer_file */
        for (unsigned c = 0; c < 6; c++) {
            enum answer_connection connection = (enum answer_connection)(c / 2);
            size_t size = other_by_fields((enum outcome)i, c % 2, connection, want);
            assert_int_equal(
                answer_other(&world.clock, (enum outcome)i, c % 2, connection, got, sizeof got),
                size);
            assert_memory_equal(got, want, size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_etag),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_with_and_without_forms),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
