/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a connection. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "issuer/https_loop.h"
#include "issuer/https_tls.h"
#include "lib/check.h"
#include "lib/http_response.h"

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u
/* A parked request is looked at this often even when nobody rings; never more often than that. */
#define RECALL_NS     ((uint64_t)NS_PER_S)
#define RECALL_NS_MIN ((uint64_t)NS_PER_MS)
/* What is thrown away for a client that goes on sending after its refusal. */
#define LINGER_BYTES_MAX (256u << 10)

static const char continue_text[] = "HTTP/1.1 100 Continue\r\n\r\n";

enum step {
    STEP_AGAIN, /* something was done: there may be more to do */
    STEP_WAIT,  /* for the socket, a worker, the next turn; or the connection is closed */
};

static enum step give_up(struct https_loop *loop, struct https_conn *c)
{
    https_conn_close(loop, c);
    return STEP_WAIT;
}

/* The job is back from the pool, or never was there. */
static void close_returned(struct https_loop *loop, struct https_conn *c)
{
    https_conn_enter(loop, c, PHASE_LINGER);
    https_conn_close(loop, c);
}

static enum step step_handshake(struct https_loop *loop, struct https_conn *c)
{
    enum https_io io = https_tls_handshake(c->ssl);
    if (io == HTTPS_IO_WAIT)
        return STEP_WAIT;
    /* A reload may have come in between. */
    if (io == HTTPS_IO_OVER || https_tls_peer(c->ssl, &c->job.peer) != ERR_OK ||
        !https_gate_trusts(c->gate, c)) {
        https_count(loop, HTTPS_COUNTER_handshake_failures);
        return give_up(loop, c);
    }
    https_count(loop, HTTPS_COUNTER_handshakes);
    https_conn_enter(loop, c, PHASE_IDLE);
    return STEP_AGAIN;
}

static void count_answer(struct https_loop *loop, uint16_t status)
{
    https_count(loop, status < 400   ? HTTPS_COUNTER_answers_ok
                      : status < 500 ? HTTPS_COUNTER_answers_refused
                                     : HTTPS_COUNTER_answers_failed);
}

static enum step start_write(struct https_loop *loop, struct https_conn *c)
{
    if (c->job.failed) {
        close_returned(loop, c);
        return STEP_WAIT;
    }
    count_answer(loop, c->job.status);
    c->out = span_of(c->job.answer.data, c->job.answer.size);
    https_conn_enter(loop, c, PHASE_WRITE);
    return STEP_AGAIN;
}

/* The request's own id and keep-alive must have been set. */
static enum step refuse(struct https_loop *loop, struct https_conn *c, const struct problem *why)
{
    bool is_method = why->type == PROBLEM_METHOD;
    https_job_refuse(&c->job, why, is_method ? https_match_allow(&c->reader.match) : NULL);
    return start_write(loop, c);
}

static void start_job(struct https_loop *loop, struct https_conn *c)
{
    https_job_start(&c->job);
    c->job.is_head = c->reader.is_head;
    c->job.keep_alive = c->reader.keep_alive && !loop->stopping;
}

static enum step take_request(struct https_loop *loop, struct https_conn *c)
{
    /* What comes after a reload is judged by it, also before the loop has looked at all of them. */
    if (https_gate_has_news(c->gate) && !https_gate_trusts(c->gate, c)) {
        https_conn_distrust(loop, c);
        return STEP_WAIT;
    }
    https_count(loop, HTTPS_COUNTER_requests);
    start_job(loop, c);
    https_reader_request(&c->reader, span_of(c->in.data, c->in.size), &c->job.request);
    c->job.route = c->reader.match.route;
    c->job.request.parked_since_ns = loop->now_ns;
    c->job.request.last_call = loop->stopping;
    https_conn_enter(loop, c, PHASE_QUEUED);
    https_pool_push(loop->pool, &c->job);
    return STEP_WAIT;
}

/* The reader holds no pointers that matter here: the buffer may move. */
static enum step fill(struct https_loop *loop, struct https_conn *c)
{
    size_t wanted = c->reader.head_bytes != 0 ? c->reader.total_bytes : HTTP_HEAD_BYTES_MAX;
    size_t size;
    if (wanted < HTTP_HEAD_BYTES_MAX)
        wanted = HTTP_HEAD_BYTES_MAX;
    if (buffer_reserve(&c->in, wanted) != ERR_OK)
        return give_up(loop, c);
    CHECK(c->in.size < c->in.capacity);
    enum https_io io =
        https_tls_read(c->ssl, c->in.data + c->in.size, c->in.capacity - c->in.size, &size);
    if (io == HTTPS_IO_WAIT)
        return STEP_WAIT;
    if (io == HTTPS_IO_OVER)
        return give_up(loop, c);
    c->in.size += size;
    if (c->phase == PHASE_IDLE)
        https_conn_enter(loop, c, PHASE_HEAD);
    return STEP_AGAIN;
}

static enum step step_read(struct https_loop *loop, struct https_conn *c)
{
    struct problem why = {0};
    enum https_read read = HTTPS_READ_MORE;
    if (c->in.size > 0)
        read = https_reader_step(&c->reader, span_of(c->in.data, c->in.size), &why);
    switch (read) {
    case HTTPS_READ_REQUEST:
        return take_request(loop, c);
    case HTTPS_READ_REFUSED:
        https_count(loop, HTTPS_COUNTER_requests);
        start_job(loop, c);
        return refuse(loop, c, &why);
    case HTTPS_READ_CONTINUE:
        c->says_more = true;
        c->out = span_of(continue_text, sizeof continue_text - 1);
        https_conn_enter(loop, c, PHASE_WRITE);
        return STEP_AGAIN;
    case HTTPS_READ_MORE:
        break;
    }
    if (c->phase == PHASE_HEAD && c->reader.head_bytes != 0)
        https_conn_enter(loop, c, PHASE_BODY);
    return fill(loop, c);
}

/* The answer is out: on to the next request, or to the end. The next turn goes on with it, so that
 * who sends one request after the other does not hold up everybody else. */
static enum step end_answer(struct https_loop *loop, struct https_conn *c)
{
    if (!c->job.keep_alive || c->is_last || loop->stopping) {
        https_tls_close(c->ssl);
        if (shutdown(c->fd, SHUT_WR) != 0)
            return give_up(loop, c);
        https_conn_enter(loop, c, PHASE_LINGER);
        return STEP_AGAIN;
    }
    size_t left = c->in.size - c->reader.total_bytes;
    https_job_end(&c->job);
    if (left > 0) {
        memmove(c->in.data, c->in.data + c->reader.total_bytes, left);
        c->in.size = left;
    } else {
        buffer_done(&c->in);
    }
    c->reader = (struct https_reader){.routes = c->gate->options->routes};
    https_conn_enter(loop, c, left > 0 ? PHASE_HEAD : PHASE_IDLE);
    https_conn_ready(loop, c);
    return STEP_WAIT;
}

static enum step step_write(struct https_loop *loop, struct https_conn *c)
{
    while (c->out.size > 0) {
        size_t size;
        enum https_io io = https_tls_write(c->ssl, c->out, &size);
        if (io == HTTPS_IO_WAIT)
            return STEP_WAIT;
        if (io == HTTPS_IO_OVER)
            return give_up(loop, c);
        c->out = span_of(c->out.data + size, c->out.size - size);
    }
    if (c->says_more && c->is_last)
        return give_up(loop, c);
    if (!c->says_more)
        return end_answer(loop, c);
    c->says_more = false;
    https_conn_enter(loop, c, PHASE_BODY);
    return STEP_AGAIN;
}

/* Closing with unread input would reset the connection before the client read the answer. */
static enum step step_linger(struct https_loop *loop, struct https_conn *c)
{
    uint8_t waste[4096];
    ssize_t n = recv(c->fd, waste, sizeof waste, 0);
    if (n < 0 && errno == EINTR)
        return STEP_AGAIN;
    if (n < 0 && errno == EAGAIN)
        return STEP_WAIT;
    if (n > 0)
        c->drained_bytes += (size_t)n;
    if (n <= 0 || c->drained_bytes > LINGER_BYTES_MAX)
        return give_up(loop, c);
    return STEP_AGAIN;
}

static enum step step(struct https_loop *loop, struct https_conn *c)
{
    switch (c->phase) {
    case PHASE_HANDSHAKE:
        return step_handshake(loop, c);
    case PHASE_IDLE:
    case PHASE_HEAD:
    case PHASE_BODY:
        return step_read(loop, c);
    case PHASE_WRITE:
        return step_write(loop, c);
    case PHASE_LINGER:
        return step_linger(loop, c);
    case PHASE_QUEUED:
    case PHASE_BUSY:
    case PHASE_PARKED:
    case PHASE_DEAD:
    case PHASE_COUNT:
        break;
    }
    return STEP_WAIT;
}

void https_conn_drive(struct https_loop *loop, struct https_conn *c)
{
    while (step(loop, c) == STEP_AGAIN)
        continue;
}

static void refuse_late(struct https_loop *loop, struct https_conn *c, enum https_counter counter,
                        const char *what)
{
    struct problem why = {0};
    https_count(loop, counter);
    start_job(loop, c);
    c->job.keep_alive = false;
    problem_set(&why, PROBLEM_TIMEOUT, "the %s took too long", what);
    if (refuse(loop, c, &why) == STEP_AGAIN)
        https_conn_drive(loop, c);
}

/* Only what no worker has taken is late; the others are at work. */
static void late_in_queue(struct https_loop *loop, struct https_conn *c)
{
    struct problem why = {0};
    if (!https_pool_withdraw(loop->pool, &c->job)) {
        https_conn_enter(loop, c, PHASE_BUSY);
        return;
    }
    https_count(loop, HTTPS_COUNTER_late_queue);
    problem_set(&why, PROBLEM_UNAVAILABLE, "too many requests wait");
    if (refuse(loop, c, &why) == STEP_AGAIN)
        https_conn_drive(loop, c);
}

static void close_late(struct https_loop *loop, struct https_conn *c, enum https_counter counter)
{
    https_count(loop, counter);
    https_conn_close(loop, c);
}

void https_conn_late(struct https_loop *loop, struct https_conn *c)
{
    switch (c->phase) {
    case PHASE_HANDSHAKE:
        close_late(loop, c, HTTPS_COUNTER_late_handshake);
        return;
    case PHASE_IDLE:
        close_late(loop, c, HTTPS_COUNTER_late_idle);
        return;
    case PHASE_HEAD:
        refuse_late(loop, c, HTTPS_COUNTER_late_head, "head");
        return;
    case PHASE_BODY:
        refuse_late(loop, c, HTTPS_COUNTER_late_body, "body");
        return;
    case PHASE_QUEUED:
        late_in_queue(loop, c);
        return;
    case PHASE_WRITE:
        close_late(loop, c, HTTPS_COUNTER_late_write);
        return;
    case PHASE_LINGER:
        https_conn_close(loop, c);
        return;
    case PHASE_BUSY:
    case PHASE_PARKED:
    case PHASE_DEAD:
    case PHASE_COUNT:
        break;
    }
    CHECK(false);
}

/* A ring between the handler's look and now would be lost: it looks again. */
static void park(struct https_loop *loop, struct https_conn *c)
{
    if (c->hung_up) {
        close_returned(loop, c);
        return;
    }
    uint64_t until_ns = loop->now_ns + RECALL_NS;
    if (c->job.park_until_ns != 0 && c->job.park_until_ns < until_ns)
        until_ns = c->job.park_until_ns;
    if (until_ns < loop->now_ns + RECALL_NS_MIN)
        until_ns = loop->now_ns + RECALL_NS_MIN;
    https_conn_enter(loop, c, PHASE_PARKED);
    c->deadline_ns = until_ns;
    if (until_ns < loop->recall_ns)
        loop->recall_ns = until_ns;
    if (loop->stopping || c->job.ring_count != https_pool_rings(loop->pool))
        https_conn_recall(loop, c);
}

void https_conn_recall(struct https_loop *loop, struct https_conn *c)
{
    struct https_request *request = &c->job.request;
    request->park_count++;
    request->last_call = loop->stopping || loop->now_ns - request->parked_since_ns >=
                                               HTTPS_PARK_S_MAX * (uint64_t)NS_PER_S;
    c->job.keep_alive &= !loop->stopping;
    https_conn_enter(loop, c, PHASE_BUSY);
    https_pool_push(loop->pool, &c->job);
}

void https_conn_distrust(struct https_loop *loop, struct https_conn *c)
{
    https_count(loop, HTTPS_COUNTER_distrusted);
    c->is_last = true;
    if (c->phase == PHASE_QUEUED && https_pool_withdraw(loop->pool, &c->job))
        close_returned(loop, c); /* no worker has it: it is never answered */
    else if (c->phase != PHASE_QUEUED && c->phase != PHASE_BUSY && c->phase != PHASE_WRITE)
        https_conn_close(loop, c);
}

void https_conn_done(struct https_loop *loop, struct https_conn *c)
{
    if (c->job.parked && c->is_last)
        close_returned(loop, c);
    else if (c->job.parked)
        park(loop, c);
    else if (start_write(loop, c) == STEP_AGAIN)
        https_conn_drive(loop, c);
}
