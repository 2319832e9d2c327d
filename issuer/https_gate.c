/* SPDX-License-Identifier: Apache-2.0 */
/* Taking connections in. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "issuer/https_loop.h"
#include "issuer/https_tls.h"
#include "lib/check.h"

/* So many at a time, before the others have their turn. */
#define ACCEPTS_A_TURN 64
/* Out of descriptors: accepting again at once would only spin. */
#define ACCEPT_PAUSE_NS 100000000u

static void watch(struct https_loop *loop, struct https_gate *gate, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.ptr = &gate->watch};
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, gate->fd, &event) == 0);
    gate->paused = !on;
    gate->retry_ns = 0;
}

void https_gate_resume(struct https_loop *loop, struct https_gate *gate)
{
    if (gate->paused && gate->fd >= 0)
        watch(loop, gate, true);
}

void https_gate_close(struct https_gate *gate)
{
    if (gate->fd >= 0)
        close(gate->fd);
    gate->fd = -1;
}

static struct https_conn *longest_idle(struct https_loop *loop, const struct https_gate *gate)
{
    struct https_conn *c;
    TAILQ_FOREACH(c, &loop->phases[PHASE_IDLE], in_phase)
    if (c->gate == gate)
        break;
    return c;
}

static bool is_full(const struct https_gate *gate)
{
    return gate->connection_count >= gate->options->connections_max;
}

static SSL *new_tls(struct https_gate *gate, int fd)
{
    CHECK(pthread_mutex_lock(&gate->lock) == 0);
    SSL *ssl = https_tls_accept(gate->tls, fd);
    CHECK(pthread_mutex_unlock(&gate->lock) == 0);
    return ssl;
}

bool https_gate_trusts(struct https_gate *gate, const struct https_conn *c)
{
    CHECK(pthread_mutex_lock(&gate->lock) == 0);
    bool trusts = https_tls_trusts(gate->tls, c->ssl);
    CHECK(pthread_mutex_unlock(&gate->lock) == 0);
    return trusts;
}

bool https_gate_has_news(const struct https_gate *gate)
{
    return __atomic_load_n(&gate->reloads, __ATOMIC_ACQUIRE) != gate->reviewed;
}

/* A handshake is looked at when it is done, and who lingers is not heard any more. */
void https_gate_review(struct https_loop *loop, struct https_gate *gate)
{
    if (!https_gate_has_news(gate))
        return;
    gate->reviewed = __atomic_load_n(&gate->reloads, __ATOMIC_ACQUIRE);
    for (enum https_phase phase = PHASE_IDLE; phase < PHASE_LINGER; phase++) {
        struct https_conn *c = TAILQ_FIRST(&loop->phases[phase]), *next;
        for (; c != NULL; c = next) {
            next = TAILQ_NEXT(c, in_phase);
            if (c->gate == gate && !c->is_last && !https_gate_trusts(gate, c))
                https_conn_distrust(loop, c);
        }
    }
}

/* Watched for every edge from now on: the steps go on until the socket would block. */
static bool start_watching(struct https_loop *loop, struct https_conn *c)
{
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &c->watch};
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static void take_in(struct https_loop *loop, struct https_gate *gate, int fd,
                    const struct address *from)
{
    struct https_conn *c = calloc(1, sizeof *c);
    SSL *ssl = c != NULL ? new_tls(gate, fd) : NULL;
    if (ssl == NULL) {
        free(c);
        close(fd);
        return;
    }
    c->watch.kind = WATCH_CONN;
    c->phase = PHASE_COUNT;
    c->gate = gate;
    c->fd = fd;
    c->ssl = ssl;
    c->reader.routes = gate->options->routes;
    c->job.listener = gate->index;
    c->job.peer.address = *from;
    gate->connection_count++;
    https_count(loop, HTTPS_COUNTER_accepted);
    https_conn_enter(loop, c, PHASE_HANDSHAKE);
    bool joined = https_source_join(gate->sources, from, gate->options->connections_per_source_max,
                                    &c->source);
    if (!joined)
        https_count(loop, HTTPS_COUNTER_source_refused);
    if (!joined || !start_watching(loop, c))
        https_conn_close(loop, c);
}

/* False: nothing more for now. When all places are taken, the connection that has been idle longest
 * goes for the new one; without one, new ones wait. */
static bool accept_one(struct https_loop *loop, struct https_gate *gate)
{
    struct address from = {.size = sizeof from.sa};
    struct https_conn *idle = is_full(gate) ? longest_idle(loop, gate) : NULL;
    if (is_full(gate) && idle == NULL) {
        watch(loop, gate, false);
        return false;
    }
    int fd = accept4(gate->fd, &from.sa.any, &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && idle != NULL) {
        https_count(loop, HTTPS_COUNTER_evicted);
        https_conn_close(loop, idle);
    }
    if (fd >= 0) {
        take_in(loop, gate, fd, &from);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        watch(loop, gate, false);
        gate->retry_ns = loop->now_ns + ACCEPT_PAUSE_NS;
        return false;
    }
    return errno != EAGAIN; /* ECONNABORTED and its like concern one client only */
}

void https_gate_accept(struct https_loop *loop, struct https_gate *gate)
{
    for (int i = 0; i < ACCEPTS_A_TURN && gate->fd >= 0 && !gate->paused; i++)
        if (!accept_one(loop, gate))
            return;
}
