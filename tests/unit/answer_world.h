/* SPDX-License-Identifier: Apache-2.0 */
/* For test_answer.c: a small data set at one instant, requests to it, and what to expect of
 * answers. */
#pragma once

#include "edge/answer.h"
#include "edge/answer_head.h"
#include "lib/base64.h"
#include "lib/hex.h"
#include "tests/fixture/edge_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ocsp.h>

#define NOW_S     1800000000u
#define REFRESH_S 302400u
#define WEEK_S    604800u

enum { GOOD, REVOKED, STALE, FUTURE, LATE, SHA1_ONLY, NO_TEMPLATE, STATEMENT_COUNT };

static struct {
    struct edge_fixture fixture;
    struct ocsp_template templates[3];
    struct fixture_statement statements[STATEMENT_COUNT];
    struct answer_config config;
    struct answer_clock clock;
} world;

static const struct {
    uint32_t this_update_s;
    uint32_t next_update_s;
    uint8_t status;
    uint16_t template_no;
} facts_of[STATEMENT_COUNT] = {
    [GOOD] = {NOW_S - 1000, NOW_S - 1000 + WEEK_S, CERT_GOOD, 1},
    [REVOKED] = {NOW_S, NOW_S + WEEK_S, CERT_REVOKED, 1},
    [STALE] = {NOW_S - WEEK_S, NOW_S, CERT_GOOD, 1},
    [FUTURE] = {NOW_S + 1, NOW_S + WEEK_S, CERT_GOOD, 1},
    [LATE] = {NOW_S - REFRESH_S - 5, NOW_S + 10, CERT_GOOD, 1},
    [SHA1_ONLY] = {NOW_S - 1000, NOW_S + WEEK_S, CERT_GOOD, 2},
    [NO_TEMPLATE] = {NOW_S - 1000, NOW_S + WEEK_S, CERT_GOOD, 77},
};

static int world_start(void **state)
{
    (void)state;
    struct fixture_random r = fixture_random_of(1);
    world.templates[0] = fixture_template(0, 1, CERTID_BOTH, REFRESH_S);
    world.templates[1] = fixture_template(0, 2, CERTID_SHA1, REFRESH_S);
    world.templates[2] = fixture_template(9, 1, CERTID_BOTH, REFRESH_S); /* has no statements */
    struct fixture_statement sorted[STATEMENT_COUNT];
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        bool revoked = facts_of[i].status == CERT_REVOKED;
        struct facts facts = {.template_no = facts_of[i].template_no,
                              .status = facts_of[i].status,
                              .reason = revoked ? REASON_KEY_COMPROMISE : REASON_ABSENT,
                              .revoked_at_s = revoked ? NOW_S - 77 : 0,
                              .this_update_s = facts_of[i].this_update_s,
                              .next_update_s = facts_of[i].next_update_s};
        world.statements[i] = fixture_statement(&r, world.templates[0].issuer_id, 16, facts);
        sorted[i] = world.statements[i];
    }
    fixture_statements_sort(sorted, STATEMENT_COUNT);
    edge_fixture_start(&world.fixture, world.templates, 3, sorted, STATEMENT_COUNT);
    assert_int_equal(answer_config_set(&world.config, "/"), ERR_OK);
    answer_clock_set(&world.clock, NOW_S);
    return 0;
}

static int world_stop(void **state)
{
    (void)state;
    edge_fixture_stop(&world.fixture);
    return 0;
}

struct response {
    enum outcome outcome;
    unsigned status;
    uint8_t octets[ANSWER_BYTES_MAX + 1];
    size_t size;
    size_t head_size;
};

static struct response answer_with(const struct snapshot *snapshot, const char *head,
                                   struct span body, enum answer_connection connection)
{
    static struct response response;
    response = (struct response){0};
    struct http_request request;
    enum http_verdict verdict = http_request_parse(span_text(head), 0, &request);
    assert_int_equal(verdict, HTTP_REQUEST);
    struct answer_query query;
    answer_begin(snapshot, &world.config, &request, body, &query);
    if (query.needs_lookup) {
        snapshot_find_chunk(&query.lookup);
        snapshot_find_approach(&query.lookup);
    }
    response.outcome = answer_finish(snapshot, &world.clock, &query, connection, response.octets,
                                     ANSWER_BYTES_MAX, &response.size);
    response.octets[response.size] = 0;
    const char *end = strstr((const char *)response.octets, "\r\n\r\n");
    assert_non_null(end);
    response.head_size = (size_t)(end + 4 - (const char *)response.octets);
    assert_int_equal(sscanf((const char *)response.octets, "HTTP/1.1 %u ", &response.status), 1);
    return response;
}

static struct response answer_head_text(const char *head, struct span body)
{
    return answer_with(world.fixture.snapshot, head, body, ANSWER_KEEP);
}

/* "<METHOD> /<encoded> HTTP/1.1" with more field lines. */
static const char *get_text(const char *method, const struct fixture_statement *s,
                            enum certid_hash hash, const char *fields)
{
    static char text[8192];
    uint8_t der[256];
    char path[1024];
    size_t path_size = 0;
    size_t size = fixture_request(&world.templates[0], hash, &s->serial, der, sizeof der);
    assert_int_equal(ocsp_path_encode(span_of(der, size), path, sizeof path, &path_size), ERR_OK);
    snprintf(text, sizeof text, "%s /%.*s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, (int)path_size,
             path, fields);
    return text;
}

static inline struct response get(int which, const char *fields)
{
    return answer_head_text(get_text("GET", &world.statements[which], CERTID_HASH_SHA1, fields),
                            SPAN_EMPTY);
}

static void expect_field(const struct response *r, const char *name, const char *value)
{
    char line[256];
    snprintf(line, sizeof line, "\r\n%s: %s\r\n", name, value);
    if (memmem(r->octets, r->head_size, line, strlen(line)) == NULL)
        fail_msg("no \"%s: %s\" in:\n%s", name, value, (const char *)r->octets);
}

static inline void expect_no_field(const struct response *r, const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "\r\n%s:", name);
    assert_null(memmem(r->octets, r->head_size, line, strlen(line)));
}

static void expect_date(const struct response *r, const char *name, uint64_t time_s)
{
    char text[IMF_FIXDATE_BYTES + 1] = {0};
    imf_fixdate_write(time_s, (uint8_t *)text);
    expect_field(r, name, text);
}

static inline void expect_length(const struct response *r, size_t size)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", size);
    expect_field(r, "Content-Length", text);
}

static void etag_of(int which, char ret[static ANSWER_ETAG_BYTES + 1])
{
    char hex[2 * ANSWER_ETAG_OCTETS + 1];
    enum err err =
        hex_encode(span_of(world.statements[which].signature, ANSWER_ETAG_OCTETS), hex, sizeof hex);
    assert_int_equal(err, ERR_OK);
    snprintf(ret, ANSWER_ETAG_BYTES + 1, "\"%s\"", hex);
}

/* The independent reader: OpenSSL decodes what is sent and says what it is. */
static inline void expect_openssl(const struct response *r, int which)
{
    const uint8_t *der = r->octets + r->head_size;
    long size = (long)(r->size - r->head_size);
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, size);
    assert_non_null(response);
    assert_int_equal(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    assert_non_null(basic);
    assert_int_equal(OCSP_resp_count(basic), 2);
    for (int i = 0; i < 2; i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        int reason = 0;
        ASN1_GENERALIZEDTIME *next = NULL;
        int status = OCSP_single_get0_status(single, &reason, NULL, NULL, &next);
        assert_int_equal(status, facts_of[which].status == CERT_REVOKED ? V_OCSP_CERTSTATUS_REVOKED
                                                                        : V_OCSP_CERTSTATUS_GOOD);
        time_t next_s = (time_t)facts_of[which].next_update_s;
        assert_int_equal(ASN1_TIME_cmp_time_t(next, next_s), 0);
        ASN1_INTEGER *serial = NULL;
        OCSP_id_get0_info(NULL, NULL, NULL, &serial,
                          (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single));
        assert_int_equal(ASN1_STRING_length(serial), 16);
        assert_memory_equal(ASN1_STRING_get0_data(serial), world.statements[which].serial.octets,
                            16);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

static inline void expect_statement_head(const struct response *r, int which, uint64_t max_age_s)
{
    char text[128];
    char etag[ANSWER_ETAG_BYTES + 1];
    etag_of(which, etag);
    snprintf(text, sizeof text, "max-age=%llu, public, no-transform, must-revalidate",
             (unsigned long long)max_age_s);
    expect_field(r, "Cache-Control", text);
    expect_field(r, "ETag", etag);
    expect_date(r, "Date", NOW_S);
    expect_date(r, "Expires", facts_of[which].next_update_s);
    expect_date(r, "Last-Modified", facts_of[which].this_update_s);
}
