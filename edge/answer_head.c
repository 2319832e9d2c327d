/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/answer_head.h"

#include "lib/check.h"
#include "lib/http_response.h"

void answer_validators_make(const struct ocsp_template *t, const struct statement *statement,
                            uint64_t now_s, struct answer_validators *ret)
{
    static const char digits[] = "0123456789abcdef";
    const struct facts *facts = &statement->facts;
    CHECK(facts->next_update_s > now_s && statement->signature.size >= ANSWER_ETAG_OCTETS);
    uint64_t planned_s = (uint64_t)facts->this_update_s + t->refresh_interval_s;
    uint64_t left_s = facts->next_update_s - now_s;
    uint64_t max_age_s = planned_s > now_s ? planned_s - now_s : ANSWER_LATE_MAX_AGE_S;
    ret->max_age_s = max_age_s < left_s ? max_age_s : left_s;
    ret->this_update_s = facts->this_update_s;
    ret->next_update_s = facts->next_update_s;
    ret->etag[0] = '"';
    for (size_t i = 0; i < ANSWER_ETAG_OCTETS; i++) {
        ret->etag[1 + 2 * i] = (uint8_t)digits[statement->signature.data[i] >> 4];
        ret->etag[2 + 2 * i] = (uint8_t)digits[statement->signature.data[i] & 15];
    }
    ret->etag[ANSWER_ETAG_BYTES - 1] = '"';
}

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

size_t answer_head_statement(const struct answer_clock *clock,
                             const struct answer_validators *validators, size_t body_size,
                             enum answer_connection connection, uint8_t *out, size_t out_size)
{
    bool is_whole = body_size != ANSWER_NO_LENGTH;
    struct http_writer w;
    http_writer_start(&w, is_whole ? 200 : 304, out, out_size);
    http_writer_field(&w, "Date", span_of(clock->date, sizeof clock->date));
    if (is_whole) {
        http_writer_field(&w, "Content-Type", span_text("application/ocsp-response"));
        http_writer_number(&w, "Content-Length", body_size);
    }
    http_writer_directive(&w, "Cache-Control", "max-age=", validators->max_age_s,
                          ", public, no-transform, must-revalidate");
    http_writer_date(&w, "Expires", validators->next_update_s);
    http_writer_date(&w, "Last-Modified", validators->this_update_s);
    http_writer_field(&w, "ETag", span_of(validators->etag, sizeof validators->etag));
    connection_field(&w, connection);
    return finish(&w);
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
