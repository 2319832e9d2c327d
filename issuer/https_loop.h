/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the server: the event loop's state and its connections. One thread owns all of it but what
 * is marked. Every phase of a connection has its own list; where a phase has a deadline it is the
 * same time for all, so that the list is in the deadlines' order and its first is the next. */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>

#include "issuer/https_pool.h"
#include "issuer/https_reader.h"
#include "issuer/https_source.h"

/* HANDSHAKE -> IDLE -> HEAD -> BODY -> QUEUED -> (BUSY <-> PARKED) -> WRITE -> IDLE or LINGER.
 * QUEUED is seen to be BUSY when its time is up. In QUEUED and BUSY the job is the pool's. */
enum https_phase {
    PHASE_HANDSHAKE,
    PHASE_IDLE, /* between requests: nothing of the next has come */
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_QUEUED,
    PHASE_BUSY,
    PHASE_PARKED,
    PHASE_WRITE,
    PHASE_LINGER, /* all is said: the client gets time to read it before the socket goes */
    PHASE_DEAD,   /* closed; freed at the end of the turn */
    PHASE_COUNT
};

/* What epoll's pointer points to. */
struct https_watch {
    enum { WATCH_WAKE, WATCH_GATE, WATCH_CONN } kind;
};

struct https_conn {
    struct https_watch watch;
    enum https_phase phase;
    TAILQ_ENTRY(https_conn) in_phase;
    TAILQ_ENTRY(https_conn) in_ready;
    bool is_ready;
    bool hung_up;   /* the other end has closed its side */
    bool says_more; /* `out` is "100 Continue" */
    bool is_last;   /* the client is not trusted any more: the answer under way is the last */
    struct https_gate *gate;
    int fd;
    SSL *ssl;
    uint64_t deadline_ns; /* PARKED: when to call again */
    struct https_source source;
    struct https_reader reader;
    struct https_job job;
    struct buffer in;
    struct span out; /* what is left to write */
    size_t drained_bytes;
};

TAILQ_HEAD(https_conn_list, https_conn);

/* A listener at work. */
struct https_gate {
    struct https_watch watch;
    const struct https_listener *options;
    uint32_t index;
    int fd; /* -1: closed */
    uint32_t connection_count;
    struct https_sources *sources;
    bool paused;
    uint64_t retry_ns;    /* paused for want of descriptors: try again then; 0: not so */
    pthread_mutex_t lock; /* for the two below, which a reload exchanges */
    SSL_CTX *tls;
    uint64_t not_after_s;
    uint64_t reloads;  /* atomic: how often those two were exchanged */
    uint64_t reviewed; /* up to which of them the connections were looked at */
};

struct https_loop {
    const struct https_options *options;
    struct https_pool *pool;
    int epoll_fd, wake_fd;
    struct https_watch wake;
    struct https_gate gates[HTTPS_LISTENERS_MAX];
    struct https_conn_list phases[PHASE_COUNT], ready;
    uint64_t now_ns;
    uint64_t recall_ns;  /* the first of PARKED's; UINT64_MAX: none */
    uint64_t ring_count; /* up to which PARKED was called again */
    uint64_t stop_ns;    /* atomic: when to end at the latest; 0: nobody has asked */
    bool stopping;
    uint64_t counters[HTTPS_COUNTER_COUNT];
};

/** Runs until it is stopped; what is left then is freed by https_loop_clear(). */
void https_loop_run(struct https_loop *loop);
/** Closes all connections; the pool must be gone. */
void https_loop_clear(struct https_loop *loop);

/* Of the loop, for the steps of a connection. */

/** Into a phase, with its deadline. */
void https_conn_enter(struct https_loop *loop, struct https_conn *c, enum https_phase phase);
/** Not in QUEUED or BUSY. */
void https_conn_close(struct https_loop *loop, struct https_conn *c);
/** Has the connection driven again in the next turn. */
void https_conn_ready(struct https_loop *loop, struct https_conn *c);
void https_count(struct https_loop *loop, enum https_counter counter);

/* Steps. */

/** Does what can be done without waiting, for one request at most. */
void https_conn_drive(struct https_loop *loop, struct https_conn *c);
/** The deadline of the phase has passed. */
void https_conn_late(struct https_loop *loop, struct https_conn *c);
/** The pool has given the job back. */
void https_conn_done(struct https_loop *loop, struct https_conn *c);
/** Its client is not trusted any more: closes it, now or behind the answer under way. */
void https_conn_distrust(struct https_loop *loop, struct https_conn *c);
/** A parked request is called again. */
void https_conn_recall(struct https_loop *loop, struct https_conn *c);

/* Gates. */

/** Takes what waits at the listener. */
void https_gate_accept(struct https_loop *loop, struct https_gate *gate);
/** Whether the listener, as it is now, would let this client in. */
bool https_gate_trusts(struct https_gate *gate, const struct https_conn *c);
/** Whether there was a reload that https_gate_review() has not seen. */
bool https_gate_has_news(const struct https_gate *gate);
/** After a reload: ends the connections of clients that it would not let in. */
void https_gate_review(struct https_loop *loop, struct https_gate *gate);
/** Has a paused listener watched again. */
void https_gate_resume(struct https_loop *loop, struct https_gate *gate);
void https_gate_close(struct https_gate *gate);
