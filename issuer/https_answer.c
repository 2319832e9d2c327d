/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_answer.h"

#include "issuer/problem_json.h"
#include "lib/http_response.h"

/* Two addresses and a dozen short fields. */
#define ANSWER_HEAD_BYTES_MAX 2048
/* A client that was told to come back at once would only knock again. */
#define UNAVAILABLE_RETRY_S 5

static void put_optional(struct http_writer *w, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        http_writer_field(w, name, span_text(value));
}

static enum err write_head(const struct https_response *response,
                           const struct https_answer_traits *traits, size_t body_size,
                           uint8_t out[static ANSWER_HEAD_BYTES_MAX], size_t *ret_size)
{
    struct http_writer w;
    http_writer_start(&w, response->status, out, ANSWER_HEAD_BYTES_MAX);
    http_writer_date(&w, "Date", traits->time_s);
    put_optional(&w, "Content-Type", response->content_type);
    if (response->status != 204) /* RFC 9110 8.6 */
        http_writer_number(&w, "Content-Length", body_size);
    http_writer_field(&w, "Cache-Control", span_text("no-store"));
    http_writer_field(&w, "X-Content-Type-Options", span_text("nosniff"));
    put_optional(&w, "Request-Id", traits->request_id);
    put_optional(&w, "Location", response->location);
    put_optional(&w, "Link", response->link);
    put_optional(&w, "Allow", traits->allow);
    if (response->status == 401)
        http_writer_field(&w, "WWW-Authenticate", span_text("Bearer"));
    if (response->retry_after_s != 0)
        http_writer_number(&w, "Retry-After", response->retry_after_s);
    if (!traits->keep_alive)
        http_writer_field(&w, "Connection", span_text("close"));
    return http_writer_finish(&w, ret_size);
}

enum err https_answer_write(const struct https_response *response,
                            const struct https_answer_traits *traits, struct buffer *ret)
{
    static const struct https_response broken = {.status = 500};
    uint8_t head[ANSWER_HEAD_BYTES_MAX];
    size_t head_size = 0;
    struct span body = span_of(response->body.data, response->body.size);
    if (response->status == 204)
        body = SPAN_EMPTY;
    if (write_head(response, traits, body.size, head, &head_size) != ERR_OK) {
        body = SPAN_EMPTY;
        TRY(write_head(&broken, traits, 0, head, &head_size));
    }
    if (traits->is_head)
        body = SPAN_EMPTY;
    ret->size = 0;
    TRY(buffer_reserve(ret, head_size + body.size));
    TRY(buffer_append(ret, span_of(head, head_size)));
    return buffer_append(ret, body);
}

void https_answer_problem(const struct https_request *request, const struct problem *problem,
                          struct https_response *response)
{
    response->status = problem_status(problem->type);
    response->content_type = PROBLEM_CONTENT_TYPE;
    if (response->status == 503 && response->retry_after_s == 0)
        response->retry_after_s = UNAVAILABLE_RETRY_S;
    if (problem_to_json(problem, request->request_id, &response->body) != ERR_OK) {
        response->status = 500;
        response->content_type = NULL;
        response->body.size = 0;
    }
}

bool https_answer_body(struct https_response *response, const char *content_type, struct span body)
{
    response->content_type = content_type;
    if (buffer_append(&response->body, body) == ERR_OK)
        return true;
    response->status = 500;
    response->content_type = NULL;
    response->body.size = 0;
    return false;
}
