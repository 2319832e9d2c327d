/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "issuer/https_tls.h"
#include "lib/check.h"
#include "lib/os/clock.h"

#define NS_PER_MS     1000000u
#define EVENTS_A_TURN 64
/* How long a client has to read the last answer of its connection. */
#define LINGER_MS 2000

void https_count(struct https_loop *loop, enum https_counter counter)
{
    counter_add(&loop->counters[counter], 1);
}

/* 0: the phase has no deadline of this kind. */
static uint32_t phase_ms(const struct https_loop *loop, enum https_phase phase)
{
    const struct https_deadlines *d = &loop->options->deadlines;
    switch (phase) {
    case PHASE_HANDSHAKE:
        return d->handshake_ms;
    case PHASE_IDLE:
        return d->idle_ms;
    case PHASE_HEAD:
        return d->head_ms;
    case PHASE_BODY:
        return d->body_ms;
    case PHASE_QUEUED:
        return d->queue_ms;
    case PHASE_WRITE:
        return d->write_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    case PHASE_BUSY:
    case PHASE_PARKED:
    case PHASE_DEAD:
    case PHASE_COUNT:
        break;
    }
    return 0;
}

static void count_parked(struct https_loop *loop, int64_t change)
{
    counter_add(&loop->counters[HTTPS_COUNTER_parked], (uint64_t)change);
}

/* A new connection comes from PHASE_COUNT. */
void https_conn_enter(struct https_loop *loop, struct https_conn *c, enum https_phase phase)
{
    if (c->phase != PHASE_COUNT)
        TAILQ_REMOVE(&loop->phases[c->phase], c, in_phase);
    if (c->phase == PHASE_PARKED)
        count_parked(loop, -1);
    if (phase == PHASE_PARKED)
        count_parked(loop, 1);
    TAILQ_INSERT_TAIL(&loop->phases[phase], c, in_phase);
    c->phase = phase;
    c->deadline_ns = loop->now_ns + phase_ms(loop, phase) * (uint64_t)NS_PER_MS;
    if (phase == PHASE_IDLE)
        https_gate_resume(loop, c->gate); /* it may make room */
}

void https_conn_close(struct https_loop *loop, struct https_conn *c)
{
    CHECK(c->phase != PHASE_QUEUED && c->phase != PHASE_BUSY && c->phase != PHASE_DEAD);
    https_conn_enter(loop, c, PHASE_DEAD);
    if (c->is_ready)
        TAILQ_REMOVE(&loop->ready, c, in_ready);
    c->is_ready = false;
    https_source_leave(&c->source);
    https_job_end(&c->job);
    SSL_free(c->ssl);
    close(c->fd);
    c->gate->connection_count--;
    https_gate_resume(loop, c->gate);
}

void https_conn_ready(struct https_loop *loop, struct https_conn *c)
{
    if (!c->is_ready)
        TAILQ_INSERT_TAIL(&loop->ready, c, in_ready);
    c->is_ready = true;
}

static void free_dead(struct https_loop *loop)
{
    struct https_conn *c;
    while ((c = TAILQ_FIRST(&loop->phases[PHASE_DEAD])) != NULL) {
        TAILQ_REMOVE(&loop->phases[PHASE_DEAD], c, in_phase);
        buffer_done(&c->in);
        free(c);
    }
}

static void expire(struct https_loop *loop)
{
    for (enum https_phase phase = 0; phase < PHASE_COUNT; phase++) {
        struct https_conn *c;
        if (phase_ms(loop, phase) == 0)
            continue;
        while ((c = TAILQ_FIRST(&loop->phases[phase])) != NULL && c->deadline_ns <= loop->now_ns)
            https_conn_late(loop, c);
    }
}

/* Those whose time has come, or all: after a ring, and when the server stops. */
static void recall(struct https_loop *loop)
{
    uint64_t rings = https_pool_rings(loop->pool);
    bool all = rings != loop->ring_count || loop->stopping;
    struct https_conn *c = TAILQ_FIRST(&loop->phases[PHASE_PARKED]), *next;
    if (!all && loop->now_ns < loop->recall_ns)
        return;
    loop->ring_count = rings;
    loop->recall_ns = UINT64_MAX;
    for (; c != NULL; c = next) {
        next = TAILQ_NEXT(c, in_phase);
        if (all || c->deadline_ns <= loop->now_ns)
            https_conn_recall(loop, c);
        else if (c->deadline_ns < loop->recall_ns)
            loop->recall_ns = c->deadline_ns;
    }
}

static struct https_conn *conn_of(struct https_job *job)
{
    return (struct https_conn *)((char *)job - offsetof(struct https_conn, job));
}

static void take_done(struct https_loop *loop)
{
    struct https_job *job;
    struct https_job_list done = TAILQ_HEAD_INITIALIZER(done);
    https_pool_done(loop->pool, &done);
    while ((job = TAILQ_FIRST(&done)) != NULL) {
        TAILQ_REMOVE(&done, job, link);
        https_conn_done(loop, conn_of(job));
    }
}

/* One round: who becomes ready in it waits for the next. */
static void drive_ready(struct https_loop *loop)
{
    struct https_conn *c, *last = TAILQ_LAST(&loop->ready, https_conn_list);
    if (last == NULL)
        return;
    do {
        c = TAILQ_FIRST(&loop->ready);
        TAILQ_REMOVE(&loop->ready, c, in_ready);
        c->is_ready = false;
        https_conn_drive(loop, c);
    } while (c != last);
}

static void handle(struct https_loop *loop, struct https_watch *watch, uint32_t events)
{
    struct https_conn *c = (struct https_conn *)watch;
    uint64_t count;
    switch (watch->kind) {
    case WATCH_WAKE:
        (void)!read(loop->wake_fd, &count, sizeof count);
        return;
    case WATCH_GATE:
        https_gate_accept(loop, (struct https_gate *)watch);
        return;
    case WATCH_CONN:
        break;
    }
    c->hung_up |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (c->phase == PHASE_PARKED && c->hung_up)
        https_conn_close(loop, c);
    else
        https_conn_drive(loop, c);
}

/* Idle and unfinished connections end at once; requests that come in may still be answered. */
static void start_stopping(struct https_loop *loop)
{
    static const enum https_phase unneeded[] = {PHASE_HANDSHAKE, PHASE_IDLE};
    struct https_conn *c;
    loop->stopping = true;
    for (uint32_t i = 0; i < loop->options->listener_count; i++)
        https_gate_close(&loop->gates[i]);
    for (size_t i = 0; i < sizeof unneeded / sizeof unneeded[0]; i++)
        while ((c = TAILQ_FIRST(&loop->phases[unneeded[i]])) != NULL)
            https_conn_close(loop, c);
}

static bool has_connections(const struct https_loop *loop)
{
    for (enum https_phase phase = 0; phase < PHASE_DEAD; phase++)
        if (!TAILQ_EMPTY(&loop->phases[phase]))
            return true;
    return false;
}

static void earlier(uint64_t *time_ns, uint64_t other_ns)
{
    if (other_ns < *time_ns)
        *time_ns = other_ns;
}

static int wait_ms(const struct https_loop *loop)
{
    uint64_t wake_ns = loop->stopping ? loop->stop_ns : UINT64_MAX;
    if (!TAILQ_EMPTY(&loop->ready))
        return 0;
    for (enum https_phase phase = 0; phase < PHASE_COUNT; phase++) {
        const struct https_conn *first = TAILQ_FIRST(&loop->phases[phase]);
        if (first != NULL && phase_ms(loop, phase) != 0)
            earlier(&wake_ns, first->deadline_ns);
    }
    earlier(&wake_ns, loop->recall_ns);
    for (uint32_t i = 0; i < loop->options->listener_count; i++)
        if (loop->gates[i].retry_ns != 0)
            earlier(&wake_ns, loop->gates[i].retry_ns);
    if (wake_ns == UINT64_MAX)
        return -1;
    return wake_ns <= loop->now_ns ? 0 : (int)((wake_ns - loop->now_ns) / NS_PER_MS) + 1;
}

static void turn(struct https_loop *loop)
{
    uint64_t open = 0;
    for (uint32_t i = 0; i < loop->options->listener_count; i++)
        https_gate_review(loop, &loop->gates[i]);
    expire(loop);
    take_done(loop);
    recall(loop);
    drive_ready(loop);
    for (uint32_t i = 0; i < loop->options->listener_count; i++) {
        struct https_gate *gate = &loop->gates[i];
        if (gate->retry_ns != 0 && gate->retry_ns <= loop->now_ns)
            https_gate_resume(loop, gate);
        open += gate->connection_count;
    }
    counter_set(&loop->counters[HTTPS_COUNTER_connections], open);
    free_dead(loop);
}

void https_loop_run(struct https_loop *loop)
{
    struct epoll_event events[EVENTS_A_TURN];
    for (;;) {
        loop->now_ns = clock_monotonic_ns();
        uint64_t stop_ns = __atomic_load_n(&loop->stop_ns, __ATOMIC_ACQUIRE);
        if (stop_ns != 0 && !loop->stopping)
            start_stopping(loop);
        turn(loop);
        if (loop->stopping && (!has_connections(loop) || loop->now_ns >= stop_ns))
            return;
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, wait_ms(loop));
        CHECK(count >= 0 || errno == EINTR);
        loop->now_ns = clock_monotonic_ns();
        for (int i = 0; i < count; i++)
            handle(loop, events[i].data.ptr, events[i].events);
    }
}

void https_loop_clear(struct https_loop *loop)
{
    for (enum https_phase phase = 0; phase < PHASE_DEAD; phase++) {
        struct https_conn *c;
        while ((c = TAILQ_FIRST(&loop->phases[phase])) != NULL) {
            https_conn_enter(loop, c, PHASE_LINGER); /* no job is the pool's any more */
            https_conn_close(loop, c);
        }
    }
    free_dead(loop);
}
