/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the design's answer table, and what the answers say to caches. */
#include "tests/unit/answer_world.h"

static void test_known(void **state)
{
    (void)state;
    static const struct {
        int which;
        enum outcome outcome;
        uint64_t max_age_s;
    } rows[] = {
        {GOOD, OUTCOME_GOOD, REFRESH_S - 1000},
        {REVOKED, OUTCOME_REVOKED, REFRESH_S},
        {LATE, OUTCOME_GOOD,
         10}, /* the presigner is late, and nextUpdate is nearer than a minute */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int hash = CERTID_HASH_SHA1; hash <= CERTID_HASH_SHA256; hash++) {
            const struct fixture_statement *s = &world.statements[rows[i].which];
            struct response r =
                answer_head_text(get_text("GET", s, (enum certid_hash)hash, ""), SPAN_EMPTY);
            assert_int_equal(r.outcome, rows[i].outcome);
            assert_int_equal(r.status, 200);
            expect_field(&r, "Content-Type", "application/ocsp-response");
            expect_length(&r, r.size - r.head_size);
            expect_statement_head(&r, rows[i].which, rows[i].max_age_s);
            expect_no_field(&r, "Connection");
            expect_openssl(&r, rows[i].which);
        }
    }
}

static void test_late_constant(void **state)
{
    (void)state;
    struct statement s = {.facts = {.this_update_s = NOW_S - 500, .next_update_s = NOW_S + 5000},
                          .signature = span_of(world.statements[0].signature, 64)};
    struct answer_validators v;
    struct ocsp_template t = world.templates[0];
    static const struct {
        uint32_t refresh_s;
        uint64_t max_age_s;
    } rows[] = {{499, 60}, {500, 60}, {501, 1}, {5400, 4900}, {5500, 5000}, {9999, 5000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        t.refresh_interval_s = rows[i].refresh_s;
        answer_validators_make(&t, &s, s.facts.next_update_s, NOW_S, &v);
        assert_int_equal(v.max_age_s, rows[i].max_age_s);
    }
}

static void test_conditions(void **state)
{
    (void)state;
    char etag[ANSWER_ETAG_BYTES + 1];
    char old[IMF_FIXDATE_BYTES + 1] = {0};
    char same[IMF_FIXDATE_BYTES + 1] = {0};
    etag_of(GOOD, etag);
    imf_fixdate_write(facts_of[GOOD].this_update_s - 1, (uint8_t *)old);
    imf_fixdate_write(facts_of[GOOD].this_update_s, (uint8_t *)same);
    static char lines[12][256];
    bool not_modified[12] = {0};
    size_t n = 0;
#define ROW(expected, ...)                                \
    do {                                                  \
        snprintf(lines[n], sizeof lines[n], __VA_ARGS__); \
        not_modified[n++] = (expected);                   \
    } while (0)
    ROW(true, "If-None-Match: %s\r\n", etag);
    ROW(true, "If-None-Match: W/%s\r\n", etag);
    ROW(true, "If-None-Match: \"a\", W/\"b\" , %s\r\n", etag);
    ROW(true, "If-None-Match: *\r\n");
    ROW(false, "If-None-Match: \"other\"\r\n");
    ROW(false, "If-None-Match: \"other\"\r\nIf-Modified-Since: %s\r\n", same);
    ROW(true, "If-None-Match: %s\r\nIf-Modified-Since: %s\r\n", etag, old);
    ROW(true, "If-Modified-Since: %s\r\n", same);
    ROW(false, "If-Modified-Since: %s\r\n", old);
    ROW(false, "If-Modified-Since: yesterday\r\n");
    ROW(false, "If-None-Match: %s\r\nIf-None-Match: \"b\"\r\n", etag);
    ROW(false, "If-None-Match: \r\nIf-Modified-Since: %s\r\n", same);
#undef ROW
    for (size_t i = 0; i < n; i++) {
        struct response r = get(GOOD, lines[i]);
        if (r.status != (not_modified[i] ? 304u : 200u))
            fail_msg("%s answered %u", lines[i], r.status);
        assert_int_equal(r.outcome, not_modified[i] ? OUTCOME_NOT_MODIFIED : OUTCOME_GOOD);
        expect_statement_head(&r, GOOD, REFRESH_S - 1000);
        if (not_modified[i]) {
            assert_int_equal(r.size, r.head_size);
            expect_no_field(&r, "Content-Length");
        }
    }
}

/* A good answer of the same second, or of a clock since set back, has this date too. */
static void test_revoked_is_not_confirmed_by_date(void **state)
{
    (void)state;
    char line[256];
    char date[IMF_FIXDATE_BYTES + 1] = {0};
    char etag[ANSWER_ETAG_BYTES + 1];
    for (uint32_t later_s = 0; later_s <= 3600; later_s += 3600) {
        imf_fixdate_write(facts_of[REVOKED].this_update_s + later_s, (uint8_t *)date);
        snprintf(line, sizeof line, "If-Modified-Since: %s\r\n", date);
        assert_int_equal(get(REVOKED, line).outcome, OUTCOME_REVOKED);
    }
    etag_of(REVOKED, etag);
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", etag);
    assert_int_equal(get(REVOKED, line).outcome, OUTCOME_NOT_MODIFIED);
}

static void test_conditions_of_what_is_not_fresh(void **state)
{
    (void)state;
    assert_int_equal(get(STALE, "If-None-Match: *\r\n").outcome, OUTCOME_STALE);
    assert_int_equal(get(FUTURE, "If-None-Match: *\r\n").outcome, OUTCOME_FUTURE);
}

static void expect_ocsp_error(const struct response *r, enum ocsp_response_status status)
{
    assert_int_equal(r->status, 200);
    expect_field(r, "Content-Type", "application/ocsp-response");
    expect_field(r, "Cache-Control", "no-store, no-cache, max-age=0");
    expect_no_field(r, "ETag");
    expect_no_field(r, "Expires");
    const uint8_t wire[] = {0x30, 0x03, 0x0a, 0x01, (uint8_t)status};
    assert_int_equal(r->size - r->head_size, sizeof wire);
    assert_memory_equal(r->octets + r->head_size, wire, sizeof wire);
    expect_length(r, sizeof wire);
}

static void signers_end(uint64_t end_s)
{
    for (uint32_t i = 0; i < world.fixture.snapshot->template_count; i++)
        world.fixture.snapshot->forms[i].signer_end_s = end_s;
}

/* RFC 6960 3.2: a client refuses what the responder certificate does not cover any more. */
static void test_nothing_outlives_its_signer(void **state)
{
    (void)state;
    uint8_t date[IMF_FIXDATE_BYTES + 1] = {0};
    assert_true(world.fixture.snapshot->forms[0].signer_end_s == UINT64_MAX); /* the CA signs */
    signers_end(NOW_S + 10);
    struct response r = get(GOOD, "");
    assert_int_equal(r.outcome, OUTCOME_GOOD);
    imf_fixdate_write(NOW_S + 10, date);
    expect_field(&r, "Expires", (const char *)date);
    expect_field(&r, "Cache-Control", "max-age=10, public, no-transform, must-revalidate");
    signers_end(NOW_S);
    r = get(GOOD, "If-None-Match: *\r\n");
    assert_int_equal(r.outcome, OUTCOME_STALE);
    expect_ocsp_error(&r, OCSP_TRY_LATER);
    signers_end(UINT64_MAX);
}

static void test_not_served(void **state)
{
    (void)state;
    static const struct {
        int which;
        enum outcome outcome;
        enum ocsp_response_status status;
    } rows[] = {
        {STALE, OUTCOME_STALE, OCSP_TRY_LATER},
        {FUTURE, OUTCOME_FUTURE, OCSP_TRY_LATER},
        {NO_TEMPLATE, OUTCOME_NOT_READY, OCSP_TRY_LATER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct response r = get(rows[i].which, "");
        assert_int_equal(r.outcome, rows[i].outcome);
        expect_ocsp_error(&r, rows[i].status);
    }
    struct response r = answer_head_text(
        get_text("GET", &world.statements[SHA1_ONLY], CERTID_HASH_SHA256, ""), SPAN_EMPTY);
    assert_int_equal(r.outcome, OUTCOME_UNKNOWN_ISSUER);
    assert_int_equal(get(SHA1_ONLY, "").outcome, OUTCOME_GOOD);
}

static void test_not_ready(void **state)
{
    (void)state;
    const char *text = get_text("GET", &world.statements[GOOD], CERTID_HASH_SHA1, "");
    struct response r = answer_with(NULL, text, SPAN_EMPTY, ANSWER_KEEP);
    assert_int_equal(r.outcome, OUTCOME_NOT_READY);
    expect_ocsp_error(&r, OCSP_TRY_LATER);
    struct snapshot incomplete = *world.fixture.snapshot;
    incomplete.position.complete = 0;
    r = answer_with(&incomplete, text, SPAN_EMPTY, ANSWER_KEEP);
    assert_int_equal(r.outcome, OUTCOME_NOT_READY);
}

static struct response post_serial(const struct ocsp_template *t, struct span serial)
{
    uint8_t der[512];
    size_t size = 0;
    assert_int_equal(ocsp_request_encode(CERTID_HASH_SHA1, span_of(t->name_sha1, 20),
                                         span_of(t->key_sha1, 20), serial, der, sizeof der, &size),
                     ERR_OK);
    return answer_head_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                            "Content-Type: application/ocsp-request\r\n\r\n",
                            span_of(der, size));
}

static void test_unknown(void **state)
{
    (void)state;
    static const uint8_t absent[] = {1, 2, 3};
    static const uint8_t negative[] = {0x80, 1};
    static const uint8_t zero[] = {0};
    static const uint8_t longest[SERIAL_BYTES_MAX + 1] = {1};
    const struct ocsp_template *known = &world.templates[0];
    struct ocsp_template stranger = fixture_template(5, 1, CERTID_BOTH, 1);
    struct ocsp_template crossed = world.templates[0];
    memcpy(crossed.name_sha1, stranger.name_sha1, sizeof crossed.name_sha1);
    const struct {
        const struct ocsp_template *t;
        struct span serial;
        enum outcome outcome;
    } rows[] = {
        {known, span_of(absent, sizeof absent), OUTCOME_UNKNOWN_SERIAL},
        {known, span_of(negative, sizeof negative), OUTCOME_UNKNOWN_SERIAL},
        {known, span_of(zero, sizeof zero), OUTCOME_UNKNOWN_SERIAL},
        {known, span_of(longest, sizeof longest), OUTCOME_UNKNOWN_SERIAL},
        {&world.templates[2], span_of(absent, sizeof absent), OUTCOME_UNKNOWN_SERIAL},
        {&stranger, span_of(absent, sizeof absent), OUTCOME_UNKNOWN_ISSUER},
        {&crossed, span_of(world.statements[GOOD].serial.octets, 16), OUTCOME_UNKNOWN_ISSUER},
        {known, span_of(world.statements[GOOD].serial.octets, 16), OUTCOME_GOOD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct response r = post_serial(rows[i].t, rows[i].serial);
        if (r.outcome != rows[i].outcome)
            fail_msg("row %zu: %s", i, outcome_info(r.outcome)->label);
        if (rows[i].outcome != OUTCOME_GOOD)
            expect_ocsp_error(&r, OCSP_UNAUTHORIZED);
    }
}

/* Two copies of the one Request in a requestList. */
static size_t double_request(uint8_t *out)
{
    uint8_t der[256];
    size_t size = fixture_request(&world.templates[0], CERTID_HASH_SHA1,
                                  &world.statements[GOOD].serial, der, sizeof der);
    /* 30 len 30 len 30 len <request>: three short or one-octet lengths, by what the encoder makes.
     */
    assert_true(der[1] < 0x80 && der[3] < 0x80 && der[5] < 0x80);
    size_t one = size - 6;
    assert_true(2 * one + 4 < 0x100 - 3);
    const uint8_t heads[] = {0x30, 0x81, (uint8_t)(2 * one + 6), 0x30, 0x81, (uint8_t)(2 * one + 3),
                             0x30, 0x81, (uint8_t)(2 * one)};
    memcpy(out, heads, sizeof heads);
    memcpy(out + sizeof heads, der + 6, one);
    memcpy(out + sizeof heads + one, der + 6, one);
    return sizeof heads + 2 * one;
}

static void test_post(void **state)
{
    (void)state;
    static uint8_t der[1024];
    uint8_t doubled[1024];
    size_t size = fixture_request(&world.templates[0], CERTID_HASH_SHA256,
                                  &world.statements[GOOD].serial, der, sizeof der);
    size_t doubled_size = double_request(doubled);
    const struct span whole = span_of(der, size);
    const struct {
        const char *line; /* target and Content-Type */
        struct span body;
        enum outcome outcome;
    } rows[] = {
        {"/ HTTP/1.1\r\nContent-Type: application/ocsp-request", whole, OUTCOME_GOOD},
        {"/ HTTP/1.1\r\nContent-Type: Application/OCSP-Request ; a=b", whole, OUTCOME_GOOD},
        {"/ HTTP/1.1\r\nX: y", whole, OUTCOME_GOOD},
        {"/any/path HTTP/1.1\r\nX: y", whole, OUTCOME_GOOD},
        {"/ HTTP/1.1\r\nContent-Type: text/plain", whole, OUTCOME_MEDIA_TYPE},
        {"/ HTTP/1.1\r\nContent-Type: application/ocsp-requests", whole, OUTCOME_MEDIA_TYPE},
        {"/ HTTP/1.1\r\nIf-None-Match: *", whole, OUTCOME_GOOD},
        {"/ HTTP/1.1\r\nX: y", span_of(der, size - 1), OUTCOME_MALFORMED},
        {"/ HTTP/1.1\r\nX: y", span_of(der, size + 1), OUTCOME_MALFORMED},
        {"/ HTTP/1.1\r\nX: y", SPAN_EMPTY, OUTCOME_MALFORMED},
        {"/ HTTP/1.1\r\nX: y", span_of(doubled, doubled_size), OUTCOME_MULTIPLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char head[256];
        snprintf(head, sizeof head, "POST %s\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
                 rows[i].line);
        struct response r = answer_head_text(head, rows[i].body);
        if (r.outcome != rows[i].outcome)
            fail_msg("row %zu: %s", i, outcome_info(r.outcome)->label);
    }
}

static void expect_text(const struct response *r, enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    assert_int_equal(r->outcome, outcome);
    assert_int_equal(r->status, info->http_status);
    expect_field(r, "Content-Type", "text/plain");
    expect_length(r, strlen(info->text) + 1);
}

static void test_http_errors(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum outcome outcome;
    } rows[] = {
        {"GET / HTTP/1.1", OUTCOME_NOT_FOUND},
        {"GET /favicon.ico HTTP/1.1", OUTCOME_NOT_FOUND},
        {"GET /a?b=c HTTP/1.1", OUTCOME_NOT_FOUND},
        {"GET /%zz HTTP/1.1", OUTCOME_NOT_FOUND},
        {"OPTIONS * HTTP/1.1", OUTCOME_METHOD},
        {"PUT / HTTP/1.1", OUTCOME_METHOD},
        {"get / HTTP/1.1", OUTCOME_METHOD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char head[256];
        snprintf(head, sizeof head, "%s\r\nHost: x\r\n\r\n", rows[i].line);
        struct response r = answer_head_text(head, SPAN_EMPTY);
        expect_text(&r, rows[i].outcome);
        if (rows[i].outcome == OUTCOME_METHOD)
            expect_field(&r, "Allow", "GET, HEAD, POST");
        else
            expect_no_field(&r, "Allow");
    }
    struct response r = answer_head_text("GET /MAMCAQE HTTP/1.1\r\nHost: x\r\n\r\n", SPAN_EMPTY);
    assert_int_equal(r.outcome, OUTCOME_MALFORMED);
    expect_ocsp_error(&r, OCSP_MALFORMED_REQUEST);
}

static void test_head(void **state)
{
    (void)state;
    for (int which = 0; which < STATEMENT_COUNT; which++) {
        struct response whole = get(which, "");
        struct response head = answer_head_text(
            get_text("HEAD", &world.statements[which], CERTID_HASH_SHA1, ""), SPAN_EMPTY);
        assert_int_equal(head.outcome, whole.outcome);
        assert_int_equal(head.size, whole.head_size);
        assert_memory_equal(head.octets, whole.octets, whole.head_size);
    }
    struct response r =
        answer_head_text("HEAD /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", SPAN_EMPTY);
    expect_text(&r, OUTCOME_NOT_FOUND);
    assert_int_equal(r.size, r.head_size);
}

static void test_connection(void **state)
{
    (void)state;
    const char *text = get_text("GET", &world.statements[GOOD], CERTID_HASH_SHA1, "");
    const struct snapshot *s = world.fixture.snapshot;
    struct response r = answer_with(s, text, SPAN_EMPTY, ANSWER_CLOSE);
    expect_field(&r, "Connection", "close");
    r = answer_with(s, text, SPAN_EMPTY, ANSWER_KEEP_1_0);
    expect_field(&r, "Connection", "keep-alive");
    answer_error(&world.clock, OUTCOME_TIMEOUT, false, r.octets, ANSWER_BYTES_MAX, &r.size);
    assert_memory_equal(r.octets, "HTTP/1.1 408 ", 13);
    assert_non_null(memmem(r.octets, r.size, "\r\nConnection: close\r\n", 21));
}

static void test_prefix(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "ocsp/", "/ocsp", "x"};
    struct answer_config config;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(answer_config_set(&config, bad[i]), ERR_CONFIG);
    assert_int_equal(answer_config_set(&world.config, "/ocsp/"), ERR_OK);
    const char *path = get_text("GET", &world.statements[GOOD], CERTID_HASH_SHA1, "");
    char text[2048];
    assert_int_equal(answer_head_text(path, SPAN_EMPTY).outcome, OUTCOME_NOT_FOUND);
    snprintf(text, sizeof text, "GET /ocsp%s", strchr(path, '/'));
    assert_int_equal(answer_head_text(text, SPAN_EMPTY).outcome, OUTCOME_GOOD);
    snprintf(text, sizeof text, "GET http://host:80/ocsp%s", strchr(path, '/'));
    assert_int_equal(answer_head_text(text, SPAN_EMPTY).outcome, OUTCOME_GOOD);
    static const struct {
        const char *path;
        enum outcome outcome;
    } rows[] = {{"/ocsp", OUTCOME_MALFORMED},
                {"/ocsp/", OUTCOME_MALFORMED},
                {"/ocsp/x", OUTCOME_MALFORMED},
                {"/ocspx", OUTCOME_NOT_FOUND},
                {"/", OUTCOME_NOT_FOUND}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                 rows[i].path);
        assert_int_equal(answer_head_text(text, SPAN_EMPTY).outcome, rows[i].outcome);
    }
    assert_int_equal(answer_config_set(&world.config, "/"), ERR_OK);
}

static void test_clock(void **state)
{
    (void)state;
    struct answer_clock clock = {0};
    answer_clock_set(&clock, 784111777);
    assert_memory_equal(clock.date, "Sun, 06 Nov 1994 08:49:37 GMT", IMF_FIXDATE_BYTES);
    clock.date[0] = 'X';
    answer_clock_set(&clock, 784111777);
    assert_int_equal(clock.date[0], 'X'); /* the same second costs nothing */
    answer_clock_set(&clock, 784111778);
    assert_memory_equal(clock.date, "Sun, 06 Nov 1994 08:49:38 GMT", IMF_FIXDATE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_late_constant),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_conditions_of_what_is_not_fresh),
        cmocka_unit_test(test_nothing_outlives_its_signer),
        cmocka_unit_test(test_not_served),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_http_errors),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_revoked_is_not_confirmed_by_date),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
