/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/conn.h"

#include "edge/conn_file.h"
#include "edge/conn_request.h"
#include "edge/conn_state.h"
#include "edge/store_blob.h"
#include "edge/store_relay.h"
#include "lib/check.h"

_Static_assert(CONN_FILE_MAX_S + 60 < STORE_BLOB_KEEP_S &&
                   CONN_FILE_MAX_S + 60 < STORE_RELAY_KEEP_S,
               "no file goes while it is being sent");

static const char continue_response[] = "HTTP/1.1 100 Continue\r\n\r\n";
#define CONTINUE_BYTES (sizeof continue_response - 1)

static void count(const struct conn_env *env, unsigned counter, uint64_t n)
{
    counter_add(&env->counters[counter], n);
}

static void input_give(struct conn *conn, struct conn_env *env)
{
    if (conn->input != NULL)
        buffer_pool_give(env->inputs, conn->input);
    conn->input = NULL;
    conn->input_size = 0;
}

static void output_give(struct conn *conn, struct conn_env *env)
{
    if (conn->output != NULL)
        buffer_pool_give(env->outputs, conn->output);
    conn->output = NULL;
    conn->output_size = 0;
    conn->output_sent = 0;
}

static struct conn_actions close_now(struct conn *conn, struct conn_env *env, enum conn_end end)
{
    conn->state = CONN_CLOSED;
    conn->end = (uint8_t)end;
    conn->deadline_ns = CONN_NEVER_NS;
    count(env, serve_counter_end(end), 1);
    return (struct conn_actions){.close = true};
}

/* The last answer is sent. */
static struct conn_actions close_answered(struct conn *conn, struct conn_env *env)
{
    struct conn_actions actions = close_now(conn, env, (enum conn_end)conn->end);
    actions.linger = conn_may_hear_more(conn);
    return actions;
}

static bool buffer_empty(const struct conn *conn)
{
    return conn->output_sent == conn->output_size;
}

static bool output_empty(const struct conn *conn)
{
    return buffer_empty(conn) && !conn_has_file(conn);
}

/* Room for one more answer. false with the state LAST: there is no buffer at all. */
static bool output_reserve(struct conn *conn, struct conn_env *env)
{
    if (conn->output == NULL) {
        conn->output = buffer_pool_take(env->outputs);
        if (conn->output == NULL) {
            conn_enter_last(conn, env, CONN_END_NO_OUTPUT_BUFFER);
            return false;
        }
    }
    return CONN_OUTPUT_BYTES - conn->output_size >= ANSWER_BYTES_MAX + CONTINUE_BYTES;
}

/* What the connection does after this answer, and why if it is the last. */
static enum answer_connection connection_after(const struct conn *conn, const struct conn_env *env,
                                               const struct http_request *request,
                                               enum conn_end *ret_end)
{
    uint32_t max = env->config->requests_max;
    if (request->keep_alive && !conn->stopping && (max == 0 || conn->request_count < max))
        return request->minor_version == 0 ? ANSWER_KEEP_1_0 : ANSWER_KEEP;
    *ret_end = CONN_END_REQUESTS_MAX;
    if (!request->keep_alive)
        *ret_end = CONN_END_ASKED;
    else if (conn->stopping)
        *ret_end = CONN_END_STOPPED;
    return ANSWER_CLOSE;
}

static void answer_request(struct conn *conn, struct conn_env *env, struct conn_exchange *x)
{
    enum conn_end end = CONN_END_ASKED;
    conn->request_count++;
    enum answer_connection connection = connection_after(conn, env, &x->request, &end);
    conn->output_size +=
        (uint32_t)conn_exchange_finish(env, x, connection, conn->output + conn->output_size,
                                       CONN_OUTPUT_BYTES - conn->output_size);
    if (x->query.body_bytes > 0)
        conn_file_start(conn, env->now_ns, &x->query);
    if (connection == ANSWER_CLOSE)
        conn_enter_last(conn, env, end);
}

static void answer_failure(struct conn *conn, struct conn_env *env, enum outcome failure,
                           bool without_body, enum conn_end end)
{
    conn->request_count++;
    conn->output_size +=
        (uint32_t)conn_failure_finish(env, failure, without_body, conn->output + conn->output_size,
                                      CONN_OUTPUT_BYTES - conn->output_size);
    conn_enter_last(conn, env, end);
}

/* The head is here, the body is not yet. A client that waits for our word gets it, but not when a
 * part of the body is here (RFC 9110 10.1.1). Only once: the rest is not looked at before it is
 * whole. */
static void await_body(struct conn *conn, struct conn_env *env, const struct conn_exchange *x,
                       size_t available)
{
    conn->input_need = (uint32_t)x->bytes;
    conn_enter(conn, env, CONN_BODY);
    if (!x->request.expect_continue || x->request.minor_version == 0 ||
        available > x->request.head_bytes)
        return;
    memcpy(conn->output + conn->output_size, continue_response, CONTINUE_BYTES);
    conn->output_size += CONTINUE_BYTES;
    count(env, SERVE_CONTINUES, 1);
}

/* Reads a request and, when it is whole, looks it up. */
static enum conn_step read_alone(const struct conn *conn, const struct conn_env *env,
                                 struct span bytes, size_t seen, struct conn_exchange *x)
{
    enum conn_step step = conn_exchange_read(bytes, seen, x);
    if (step == CONN_STEP_REQUEST) {
        conn_exchange_begin(env, conn->is_relay, x);
        conn_exchange_chunk(x);
        conn_exchange_reach(x);
        conn_exchange_approach(x);
    }
    return step;
}

/* Does what a step says. false: the rest waits, or is ignored. */
static bool take_step(struct conn *conn, struct conn_env *env, enum conn_step step,
                      struct conn_exchange *x, size_t available)
{
    conn->input_seen = 0;
    conn->input_need = 0;
    switch (step) {
    case CONN_STEP_HEAD:
        conn->input_seen = (uint32_t)available;
        conn_enter(conn, env, CONN_HEAD);
        return false;
    case CONN_STEP_BODY:
        await_body(conn, env, x, available);
        return false;
    case CONN_STEP_FAILED:
        answer_failure(conn, env, x->failure, x->request.method == HTTP_HEAD, CONN_END_HTTP_ERROR);
        return false;
    case CONN_STEP_REQUEST:
    default:
        answer_request(conn, env, x);
        conn->ignored = conn->state == CONN_LAST && available > x->bytes;
        return conn->state != CONN_LAST;
    }
}

/* Answers the requests at the start of `bytes` one after another; the first may have been looked up
 * already. Returns the octets that are done with; the state says what the rest is waiting for. */
static size_t process(struct conn *conn, struct conn_env *env, struct span bytes, size_t seen,
                      struct conn_exchange *peeked)
{
    size_t done = 0;
    while (done < bytes.size) {
        if (conn_has_file(conn) || !output_reserve(conn, env)) {
            if (conn->state != CONN_LAST)
                conn_enter(conn, env, CONN_PARKED);
            break;
        }
        struct span rest = span_of(bytes.data + done, bytes.size - done);
        struct conn_exchange alone;
        struct conn_exchange *x = peeked != NULL ? peeked : &alone;
        enum conn_step step =
            peeked != NULL ? CONN_STEP_REQUEST : read_alone(conn, env, rest, seen, &alone);
        peeked = NULL;
        seen = 0;
        if (!take_step(conn, env, step, x, rest.size))
            break;
        done += x->bytes;
        conn_enter(conn, env, conn_has_file(conn) ? CONN_PARKED : CONN_IDLE);
    }
    return conn->state == CONN_LAST ? bytes.size : done;
}

/* The octets that have just come cannot be kept. */
static void give_up(struct conn *conn, struct conn_env *env, enum conn_end end)
{
    conn->ignored = !output_empty(conn);
    conn_enter_last(conn, env, end);
}

/* Keeps octets behind those already kept. */
static bool input_keep(struct conn *conn, struct conn_env *env, struct span bytes)
{
    if (bytes.size > CONN_INPUT_BYTES - conn->input_size) {
        give_up(conn, env, CONN_END_OVERRUN);
        return false;
    }
    if (conn->input == NULL) {
        conn->input = buffer_pool_take(env->inputs);
        if (conn->input == NULL) {
            give_up(conn, env, CONN_END_NO_INPUT_BUFFER);
            return false;
        }
    }
    memcpy(conn->input + conn->input_size, bytes.data, bytes.size);
    conn->input_size += (uint32_t)bytes.size;
    return true;
}

/* Goes on with what is kept, when there is a point in it. */
static void process_input(struct conn *conn, struct conn_env *env)
{
    if (conn->input_size == 0 || conn->input_size < conn->input_need)
        return;
    size_t done =
        process(conn, env, span_of(conn->input, conn->input_size), conn->input_seen, NULL);
    conn->input_size -= (uint32_t)done;
    if (conn->input_size == 0)
        input_give(conn, env);
    else if (done > 0)
        memmove(conn->input, conn->input + done, conn->input_size);
}

static void process_received(struct conn *conn, struct conn_env *env, struct span bytes,
                             struct conn_exchange *peeked)
{
    if (conn->input_size > 0) {
        if (input_keep(conn, env, bytes) && conn->state != CONN_PARKED)
            process_input(conn, env);
        return;
    }
    size_t done = process(conn, env, bytes, 0, peeked);
    if (done < bytes.size)
        (void)input_keep(conn, env, span_of(bytes.data + done, bytes.size - done));
}

static void settle_reading(struct conn *conn, struct conn_env *env, struct conn_actions *actions)
{
    bool crowded = conn->state == CONN_PARKED && conn->input_size >= CONN_PARKED_BYTES;
    if (crowded && !conn->paused) {
        actions->pause = true;
        conn->paused = true;
        count(env, SERVE_PAUSES, 1);
    } else if (conn->paused && conn->state < CONN_PARKED) {
        actions->resume = !conn->peer_done;
        conn->paused = false;
    }
}

/* First what is in the buffer, then the file. */
static void send_next(struct conn *conn, const struct conn_env *env, struct conn_actions *actions)
{
    uint64_t timeout_ns = env->config->send_timeout_ns;
    conn->flight_is_file = buffer_empty(conn);
    if (conn->flight_is_file) {
        actions->send = conn_file_piece(conn);
    } else {
        timeout_ns = conn_patience_ns(env->outputs, timeout_ns);
        actions->send =
            span_of(conn->output + conn->output_sent, conn->output_size - conn->output_sent);
    }
    conn->output_flight = (uint32_t)actions->send.size;
    actions->send_file = conn->flight_is_file;
    actions->send_more = !conn->flight_is_file && conn_has_file(conn);
    actions->send_last =
        conn->state == CONN_LAST && !conn_has_file(conn) && !conn_may_hear_more(conn);
    conn->send_deadline_ns = conn_after(env, timeout_ns);
    if (conn_has_file(conn) && conn->file_deadline_ns < conn->send_deadline_ns)
        conn->send_deadline_ns = conn->file_deadline_ns;
}

/* After every event: the next send, or the end. */
static struct conn_actions settle(struct conn *conn, struct conn_env *env)
{
    struct conn_actions actions = {0};
    if (output_empty(conn)) {
        output_give(conn, env);
        conn->send_deadline_ns = CONN_NEVER_NS;
        if (conn->state == CONN_LAST)
            return close_answered(conn, env);
        if (conn->peer_done)
            return close_now(conn, env,
                             conn->input_size > 0 ? CONN_END_CLIENT_EARLY : CONN_END_CLIENT);
    }
    settle_reading(conn, env, &actions);
    if (conn->output_flight == 0 && !output_empty(conn))
        send_next(conn, env, &actions);
    conn_deadlines_settle(conn);
    return actions;
}

void conn_open(struct conn *conn, struct conn_env *env)
{
    *conn = (struct conn){.send_deadline_ns = CONN_NEVER_NS};
    conn_enter(conn, env, CONN_IDLE);
    conn_deadlines_settle(conn);
    count(env, SERVE_OPENED, 1);
}

bool conn_peek(const struct conn *conn, const struct conn_env *env, struct span bytes,
               struct conn_exchange *ret)
{
    if (conn->state != CONN_IDLE || conn->input_size > 0 ||
        conn_exchange_read(bytes, 0, ret) != CONN_STEP_REQUEST)
        return false;
    conn_exchange_begin(env, conn->is_relay, ret);
    return true;
}

struct conn_actions conn_received_peeked(struct conn *conn, struct conn_env *env, struct span bytes,
                                         struct conn_exchange *peeked)
{
    CHECK(conn->state != CONN_CLOSED);
    count(env, SERVE_BYTES_IN, bytes.size);
    if (conn->state == CONN_LAST)
        conn->ignored |= bytes.size > 0;
    else if (bytes.size > 0)
        process_received(conn, env, bytes, peeked);
    return settle(conn, env);
}

struct conn_actions conn_received(struct conn *conn, struct conn_env *env, struct span bytes)
{
    return conn_received_peeked(conn, env, bytes, NULL);
}

struct conn_actions conn_eof(struct conn *conn, struct conn_env *env)
{
    CHECK(conn->state != CONN_CLOSED);
    conn->peer_done = true;
    return settle(conn, env);
}

/* Goes on with what waited, or waits for the next request. */
static void all_sent(struct conn *conn, struct conn_env *env)
{
    if (conn->state == CONN_PARKED && conn->input_size > 0)
        process_input(conn, env);
    else if (conn->state == CONN_PARKED && conn->stopping)
        conn_enter_last(conn, env, CONN_END_STOPPED); /* a file: conn_stop() has been here before */
    else if (conn->state == CONN_PARKED || conn->state == CONN_IDLE)
        conn_enter(conn, env, CONN_IDLE);
}

struct conn_actions conn_sent(struct conn *conn, struct conn_env *env, size_t sent)
{
    CHECK(conn->state != CONN_CLOSED && sent <= conn->output_flight);
    count(env, SERVE_BYTES_OUT, sent);
    if (conn->flight_is_file)
        conn_file_sent(conn, sent);
    else
        conn->output_sent += (uint32_t)sent;
    conn->output_flight = 0;
    if (buffer_empty(conn))
        output_give(conn, env);
    if (output_empty(conn))
        all_sent(conn, env);
    return settle(conn, env);
}

struct conn_actions conn_failed(struct conn *conn, struct conn_env *env, enum conn_end why)
{
    CHECK(conn->state != CONN_CLOSED);
    return close_now(conn, env, why);
}

/* An empty line that some clients send behind a body is not a request that stays away. */
static bool input_is_request(const struct conn *conn)
{
    static const char empty_line[] = "\r\n";
    return conn->input_size > 2 || memcmp(conn->input, empty_line, conn->input_size) != 0;
}

static void read_timeout(struct conn *conn, struct conn_env *env)
{
    if (conn->state == CONN_IDLE || !input_is_request(conn)) {
        conn_enter_last(conn, env, CONN_END_IDLE);
    } else if (output_reserve(conn, env)) {
        answer_failure(conn, env, OUTCOME_TIMEOUT, false, CONN_END_REQUEST_TIMEOUT);
    } else {
        conn_failure_count(env, OUTCOME_TIMEOUT);
        conn_enter_last(conn, env, CONN_END_REQUEST_TIMEOUT);
    }
}

struct conn_actions conn_tick(struct conn *conn, struct conn_env *env)
{
    CHECK(conn->state != CONN_CLOSED);
    if (env->now_ns >= conn->send_deadline_ns) {
        bool is_file = conn_has_file(conn) && env->now_ns >= conn->file_deadline_ns;
        return close_now(conn, env, is_file ? CONN_END_FILE_TIMEOUT : CONN_END_SEND_TIMEOUT);
    }
    if (env->now_ns >= conn->read_deadline_ns)
        read_timeout(conn, env);
    return settle(conn, env);
}

struct conn_actions conn_stop(struct conn *conn, struct conn_env *env)
{
    CHECK(conn->state != CONN_CLOSED);
    conn->stopping = true;
    if (conn->state == CONN_IDLE)
        conn_enter_last(conn, env, CONN_END_STOPPED);
    return settle(conn, env);
}

struct conn_actions conn_renew(struct conn *conn, struct conn_env *env, const struct snapshot *next)
{
    CHECK(conn->state != CONN_CLOSED);
    if (conn_has_file(conn) && !conn_file_stays(conn, next))
        return close_now(conn, env, CONN_END_FILE_GONE);
    return (struct conn_actions){0};
}

void conn_release(struct conn *conn, struct conn_env *env)
{
    CHECK(conn->state == CONN_CLOSED);
    input_give(conn, env);
    output_give(conn, env);
}
