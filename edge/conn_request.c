/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/conn_request.h"

#include "edge/answer_relay.h"
#include "lib/check.h"

static enum outcome outcome_of_verdict(enum http_verdict verdict)
{
    switch (verdict) {
    case HTTP_LENGTH_REQUIRED:
        return OUTCOME_LENGTH_REQUIRED;
    case HTTP_TARGET_TOO_LONG:
        return OUTCOME_TARGET_TOO_LONG;
    case HTTP_HEAD_TOO_LARGE:
        return OUTCOME_HEAD_TOO_LARGE;
    case HTTP_VERSION:
        return OUTCOME_VERSION;
    case HTTP_BAD_REQUEST:
    case HTTP_MORE:
    case HTTP_REQUEST:
    case HTTP_VERDICT_COUNT:
    default:
        return OUTCOME_BAD_HTTP;
    }
}

enum conn_step conn_exchange_read(struct span bytes, size_t already_seen, struct conn_exchange *ret)
{
    enum http_verdict verdict = http_request_parse(bytes, already_seen, &ret->request);
    if (verdict == HTTP_MORE)
        return CONN_STEP_HEAD;
    if (verdict != HTTP_REQUEST) {
        ret->failure = outcome_of_verdict(verdict);
        ret->request.method = HTTP_OTHER;
        return CONN_STEP_FAILED;
    }
    if (ret->request.content_length_bytes > OCSP_REQUEST_BYTES_MAX) {
        ret->failure = OUTCOME_BODY_TOO_LARGE;
        return CONN_STEP_FAILED;
    }
    size_t body_bytes = (size_t)ret->request.content_length_bytes;
    ret->bytes = ret->request.head_bytes + body_bytes;
    if (bytes.size < ret->bytes)
        return CONN_STEP_BODY;
    ret->body = span_of(bytes.data + ret->request.head_bytes, body_bytes);
    return CONN_STEP_REQUEST;
}

static void count(const struct conn_env *env, enum serve_counter counter)
{
    counter_add(&env->counters[counter], 1);
}

static void count_request(const struct conn_env *env, enum outcome outcome)
{
    count(env, SERVE_REQUESTS);
    counter_add(&env->counters[serve_counter_outcome(outcome)], 1);
}

static void count_method(const struct conn_env *env, enum http_method method)
{
    if (method == HTTP_GET)
        count(env, SERVE_GETS);
    else if (method == HTTP_HEAD)
        count(env, SERVE_HEADS);
    else if (method == HTTP_POST)
        count(env, SERVE_POSTS);
}

static void count_query(const struct conn_env *env, const struct answer_query *query)
{
    if (query->is_relay)
        count(env, SERVE_RELAYED);
    if (!query->is_ocsp)
        return;
    if (query->has_nonce)
        count(env, SERVE_NONCES);
    if (query->hash == CERTID_HASH_SHA1)
        count(env, SERVE_HASH_SHA1);
    else if (query->hash == CERTID_HASH_SHA256)
        count(env, SERVE_HASH_SHA256);
    else
        count(env, SERVE_HASH_OTHER);
}

void conn_exchange_begin(const struct conn_env *env, bool is_relay, struct conn_exchange *x)
{
    x->looked_up = false;
    x->snapshot = env->snapshot;
    if (is_relay)
        answer_relay_begin(env->snapshot, &x->request, &x->query);
    else
        answer_begin(env->snapshot, env->answer, &x->request, x->body, &x->query);
}

void conn_exchange_chunk(struct conn_exchange *x)
{
    if (x->query.needs_lookup)
        snapshot_find_chunk(&x->query.lookup);
}

void conn_exchange_reach(const struct conn_exchange *x)
{
    if (x->query.needs_lookup)
        snapshot_find_reach(&x->query.lookup);
}

void conn_exchange_approach(struct conn_exchange *x)
{
    if (x->query.needs_lookup)
        snapshot_find_approach(&x->query.lookup);
    x->looked_up = true;
}

size_t conn_exchange_finish(const struct conn_env *env, struct conn_exchange *x,
                            enum answer_connection connection, uint8_t *out, size_t out_size)
{
    CHECK(x->looked_up && x->snapshot == env->snapshot);
    size_t size = 0;
    enum outcome outcome =
        answer_finish(env->snapshot, &env->clock, &x->query, connection, out, out_size, &size);
    count_request(env, outcome);
    count_method(env, x->request.method);
    count_query(env, &x->query);
    return size;
}

size_t conn_failure_finish(const struct conn_env *env, enum outcome failure, bool without_body,
                           uint8_t *out, size_t out_size)
{
    size_t size = 0;
    answer_error(&env->clock, failure, without_body, out, out_size, &size);
    count_request(env, failure);
    return size;
}

void conn_failure_count(const struct conn_env *env, enum outcome failure)
{
    count_request(env, failure);
}
