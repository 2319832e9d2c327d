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
                            uint64_t until_s, uint64_t now_s, struct answer_validators *ret)
{
    const struct facts *facts = &statement->facts;
    CHECK(until_s > now_s && until_s <= facts->next_update_s &&
          statement->signature.size >= ANSWER_ETAG_OCTETS);
    uint64_t planned_s = (uint64_t)facts->this_update_s + t->refresh_interval_s;
    uint64_t left_s = until_s - now_s;
    uint64_t max_age_s = planned_s > now_s ? planned_s - now_s : ANSWER_LATE_MAX_AGE_S;
    ret->max_age_s = (uint32_t)(max_age_s < left_s ? max_age_s : left_s);
    ret->this_update_s = facts->this_update_s;
    ret->until_s = (uint32_t)until_s;
    ret->signature = statement->signature.data;
}

void answer_etag_write(const uint8_t signature[static ANSWER_ETAG_OCTETS],
                       uint8_t ret[static ANSWER_ETAG_BYTES])
{
    ret[0] = '"';
    hex_put(signature, ret + 1);
    ret[ANSWER_ETAG_BYTES - 1] = '"';
}

/* The parts of a statement's head, which are in every answer: sizes are constant but for two
 * numbers and the whole is below HTTP_RESPONSE_HEAD_MAX. */
static inline uint8_t *put(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}
#define PUT_TEXT(at, literal) put(at, literal, sizeof(literal) - 1)

#define HEAD_200_DATE    "HTTP/1.1 200 OK\r\nDate: "
#define HEAD_OCSP_LENGTH "\r\nContent-Type: application/ocsp-response\r\nContent-Length: "

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
    at = put(PUT_TEXT(at, HEAD_200_DATE), clock->date, sizeof clock->date);
    return digits_put_decimal(PUT_TEXT(at, HEAD_OCSP_LENGTH), (uint32_t)body_size);
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
    day_table_imf(&clock->days, validators->until_s, at);
    at = PUT_TEXT(at + IMF_FIXDATE_BYTES, "\r\nLast-Modified: ");
    day_table_imf(&clock->days, validators->this_update_s, at);
    at = PUT_TEXT(at + IMF_FIXDATE_BYTES, "\r\nETag: ");
    answer_etag_write(validators->signature, at);
    at = put_connection(PUT_TEXT(at + ANSWER_ETAG_BYTES, "\r\n"), connection);
    return (size_t)(at - out);
}

/* ---- what is not a statement ---- */

#define NOT_CACHED "no-store, no-cache, max-age=0"

#define X(name, http, ocsp, label, text) \
    _Static_assert(ocsp == OUTCOME_NO_OCSP || http == 200 || http == 304, #name);
OUTCOME_TABLE(X)
#undef X

/* OCSP's own errors. */
static size_t ocsp_error_write(const struct answer_clock *clock, const struct outcome_info *info,
                               bool without_body, enum answer_connection connection, uint8_t *out)
{
    struct span body = ocsp_error_response((enum ocsp_response_status)info->ocsp_status);
    uint8_t *at = put(PUT_TEXT(out, HEAD_200_DATE), clock->date, sizeof clock->date);
    at = digits_put_decimal(PUT_TEXT(at, HEAD_OCSP_LENGTH), (uint32_t)body.size);
    at = PUT_TEXT(at, "\r\nCache-Control: " NOT_CACHED "\r\n");
    at = put_connection(at, connection);
    if (!without_body)
        at = put(at, body.data, body.size);
    return (size_t)(at - out);
}

void answer_connection_field(struct http_writer *w, enum answer_connection connection)
{
    if (connection == ANSWER_CLOSE)
        http_writer_field(w, "Connection", span_text("close"));
    else if (connection == ANSWER_KEEP_1_0)
        http_writer_field(w, "Connection", span_text("keep-alive"));
}

/* HTTP's errors, a line of text. */
static size_t http_error_write(const struct answer_clock *clock, enum outcome outcome,
                               uint64_t file_bytes, bool without_body,
                               enum answer_connection connection, uint8_t *out)
{
    const struct outcome_info *info = outcome_info(outcome);
    struct span body = span_text(info->text);
    struct http_writer w;
    size_t size = 0;
    http_writer_start(&w, info->http_status, out, HTTP_RESPONSE_HEAD_MAX);
    http_writer_field(&w, "Date", span_of(clock->date, sizeof clock->date));
    http_writer_field(&w, "Content-Type", span_text("text/plain"));
    http_writer_number(&w, "Content-Length", body.size + 1);
    http_writer_field(&w, "Cache-Control", span_text(NOT_CACHED));
    if (info->http_status == 405)
        http_writer_field(
            &w, "Allow",
            span_text(outcome == OUTCOME_FILE_METHOD ? "GET, HEAD" : "GET, HEAD, POST"));
    if (outcome == OUTCOME_FILE_EXPIRED)
        http_writer_number(&w, "Retry-After", ANSWER_LATE_MAX_AGE_S);
    if (outcome == OUTCOME_FILE_RANGE)
        http_writer_directive(&w, "Content-Range", "bytes */", file_bytes, "");
    answer_connection_field(&w, connection);
    /* Made of bounded parts: HTTP_RESPONSE_HEAD_MAX cannot be too small. */
    enum err err = http_writer_finish(&w, &size);
    CHECK(err == ERR_OK);
    if (without_body)
        return size;
    uint8_t *at = put(out + size, body.data, body.size);
    *at++ = '\n';
    return (size_t)(at - out);
}

size_t answer_other(const struct answer_clock *clock, enum outcome outcome, bool without_body,
                    enum answer_connection connection, uint8_t *out, size_t out_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    const struct outcome_info *info = outcome_info(outcome);
    return info->ocsp_status == OUTCOME_NO_OCSP
               ? http_error_write(clock, outcome, 0, without_body, connection, out)
               : ocsp_error_write(clock, info, without_body, connection, out);
}

size_t answer_file_range_error(const struct answer_clock *clock, uint64_t file_bytes,
                               enum answer_connection connection, uint8_t *out, size_t out_size)
{
    CHECK(out_size >= ANSWER_BYTES_MAX);
    return http_error_write(clock, OUTCOME_FILE_RANGE, file_bytes, false, connection, out);
}
