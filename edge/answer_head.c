/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer_head.h"

#include "lib/check.h"
#include "lib/digits.h"
#include "lib/http_response.h"

/* Lower case. */
static void hex_put(const uint8_t octets[static ANSWER_ETAG_OCTETS],
                    uint8_t ret[static 2 * ANSWER_ETAG_OCTETS])
{
    typedef uint8_t octets_16 __attribute__((vector_size(16)));
    octets_16 x;
    memcpy(&x, octets, sizeof x);
    octets_16 high = x >> 4, low = x & 15;
    octets_16 digits[2] = {
        __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                31)};
    for (int i = 0; i < 2; i++)
        digits[i] += '0' + ((octets_16)(digits[i] > 9) & ('a' - '0' - 10));
    memcpy(ret, digits, sizeof digits);
}

void answer_validators_make(const struct ocsp_template *t, const struct statement *statement,
                            uint64_t now_s, struct answer_validators *ret)
{
    const struct facts *facts = &statement->facts;
    CHECK(facts->next_update_s > now_s && statement->signature.size >= ANSWER_ETAG_OCTETS);
    uint64_t planned_s = (uint64_t)facts->this_update_s + t->refresh_interval_s;
    uint64_t left_s = facts->next_update_s - now_s;
    uint64_t max_age_s = planned_s > now_s ? planned_s - now_s : ANSWER_LATE_MAX_AGE_S;
    ret->max_age_s = (uint32_t)(max_age_s < left_s ? max_age_s : left_s);
    ret->this_update_s = facts->this_update_s;
    ret->next_update_s = facts->next_update_s;
    ret->etag[0] = '"';
    hex_put(statement->signature.data, ret->etag + 1);
    ret->etag[ANSWER_ETAG_BYTES - 1] = '"';
}

/* The parts of a statement's head, which are in every answer: sizes are constant but for two
 * numbers and the whole is below HTTP_RESPONSE_HEAD_MAX. */
static inline uint8_t *put(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}
#define PUT_TEXT(at, literal) put(at, literal, sizeof(literal) - 1)

static uint8_t *put_connection(uint8_t *at, enum answer_connection connection)
{
    if (connection == ANSWER_CLOSE)
        return PUT_TEXT(at, "Connection: close\r\n\r\n");
    if (connection == ANSWER_KEEP_1_0)
        return PUT_TEXT(at, "Connection: keep-alive\r\n\r\n");
    return PUT_TEXT(at, "\r\n");
}

static uint8_t *put_start(uint8_t *at, const struct answer_clock *clock, size_t body_size)
{
    if (body_size == ANSWER_NO_LENGTH) {
        at = PUT_TEXT(at, "HTTP/1.1 304 Not Modified\r\nDate: ");
        return put(at, clock->date, sizeof clock->date);
    }
    at = PUT_TEXT(at, "HTTP/1.1 200 OK\r\nDate: ");
    at = put(at, clock->date, sizeof clock->date);
    at = PUT_TEXT(at, "\r\nContent-Type: application/ocsp-response\r\nContent-Length: ");
    return digits_put_decimal(at, (uint32_t)body_size);
}

size_t answer_head_statement(const struct answer_clock *clock,
                             const struct answer_validators *validators, size_t body_size,
                             enum answer_connection connection, uint8_t *out, size_t out_size)
{
    CHECK(out_size >= HTTP_RESPONSE_HEAD_MAX);
    uint8_t *at = put_start(out, clock, body_size);
    at = PUT_TEXT(at, "\r\nCache-Control: max-age=");
    at = digits_put_decimal(at, validators->max_age_s);
    at = PUT_TEXT(at, ", public, no-transform, must-revalidate\r\nExpires: ");
    day_table_imf(&clock->days, validators->next_update_s, at);
    at = PUT_TEXT(at + IMF_FIXDATE_BYTES, "\r\nLast-Modified: ");
    day_table_imf(&clock->days, validators->this_update_s, at);
    at = PUT_TEXT(at + IMF_FIXDATE_BYTES, "\r\nETag: ");
    at = put(at, validators->etag, sizeof validators->etag);
    at = put_connection(PUT_TEXT(at, "\r\n"), connection);
    return (size_t)(at - out);
}

/* ---- what is not a statement ---- */

static void connection_field(struct http_writer *w, enum answer_connection connection)
{
    if (connection == ANSWER_CLOSE)
        http_writer_field(w, "Connection", span_text("close"));
    else if (connection == ANSWER_KEEP_1_0)
        http_writer_field(w, "Connection", span_text("keep-alive"));
}

static size_t finish(struct http_writer *w)
{
    size_t size = 0;
    /* Every head here is made of bounded parts: HTTP_RESPONSE_HEAD_MAX cannot be too small. */
    enum err err = http_writer_finish(w, &size);
    CHECK(err == ERR_OK);
    return size;
}

size_t answer_other(const struct answer_clock *clock, enum outcome outcome, bool without_body,
                    enum answer_connection connection, uint8_t *out, size_t out_size)
{
    const struct outcome_info *info = outcome_info(outcome);
    bool is_ocsp = info->ocsp_status != OUTCOME_NO_OCSP;
    struct span body = is_ocsp ? ocsp_error_response((enum ocsp_response_status)info->ocsp_status)
                               : span_text(info->text);
    size_t body_size = body.size + (is_ocsp ? 0 : 1);
    struct http_writer w;
    http_writer_start(&w, info->http_status, out, out_size);
    http_writer_field(&w, "Date", span_of(clock->date, sizeof clock->date));
    http_writer_field(&w, "Content-Type",
                      span_text(is_ocsp ? "application/ocsp-response" : "text/plain"));
    http_writer_number(&w, "Content-Length", body_size);
    http_writer_field(&w, "Cache-Control", span_text("no-store, no-cache, max-age=0"));
    if (outcome == OUTCOME_METHOD)
        http_writer_field(&w, "Allow", span_text("GET, HEAD, POST"));
    connection_field(&w, connection);
    size_t size = finish(&w);
    if (without_body)
        return size;
    CHECK(out_size - size >= body_size);
    memcpy(out + size, body.data, body.size);
    if (!is_ocsp)
        out[size + body.size] = '\n';
    return size + body_size;
}
