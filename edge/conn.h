/* SPDX-License-Identifier: Apache-2.0 */
/* Connection: the state of one client's HTTP/1.1 connection, without its descriptor. Pure: events
 * in, actions out; no system call, no clock, no allocation.
 *
 * What the shell does:
 *   accept           conn_open(), and is_relay                   -> nothing to do, start receiving
 *   octets arrived   conn_received(): the octets are taken whole; the buffer is free on return
 *                    (or through edge/conn_batch.h, with those of other connections)
 *   end of file      conn_eof()
 *   n octets sent    conn_sent(): also for short sends; the rest comes back as the next send
 *   receive failed   conn_failed(CONN_END_RECEIVE_ERROR); send failed: CONN_END_SEND_ERROR
 *   now and then     conn_tick() when conn->deadline_ns <= now
 *   on shutdown      conn_stop()
 *   new snapshot     conn_renew(), before env->snapshot is another one, for a connection that has
 *                    octets of a file to send (conn_has_file())
 * and does what the returned actions say. At most one send is in flight: `send` is non-empty only
 * when none is. The octets stay where they are until conn_sent() has told about all of them. After
 * `close` the shell sends nothing more, ends the operations still in flight, closes the descriptor,
 * and then calls conn_release() once; no other event may follow `close`.
 *
 * A request whole inside one received buffer is read in place. A part of a request is copied to an
 * input buffer of the worker's pool, and so is what arrives while an output buffer is full; `pause`
 * asks the shell to stop receiving and to hold what is already on its way (octets handed over are
 * still taken while they fit, then the connection ends as OVERRUN), `resume` to go on. Answers of
 * pipelined requests gather in one output buffer, also behind octets that are being sent.
 *
 * The body of a file that is too large for the output buffer is sent from the store's map, behind
 * what is in the buffer, in pieces of CONN_PIECE_BYTES; requests behind it are PARKED meanwhile,
 * and the output buffer is free once the head is sent. Snapshots come and go during a transfer: it
 * goes on while the newest one has the file's octets in the same place, whatever its path names by
 * then, and is cut (FILE_GONE) when it has not. Octets in flight are read by the kernel at any
 * time, so the shell keeps the old snapshot until the send of a connection that was cut has ended,
 * and what it has queued at the socket goes with a reset (edge/worker_file.h).
 *
 * With `send_last` the shell may have the descriptor closed right behind the octets. It receives
 * nothing then, and tells of the octets as ever: once all are sent, `close` comes back. When not
 * all of them went out the descriptor must be open still.
 *
 * An answer that leaves the framing in doubt is the last one: `close` comes once it is sent, and
 * input after it is ignored. Closing while the client still sends resets the connection, perhaps
 * before the client has read the last answer (RFC 9112 9.6). Where that may be so, `linger` comes
 * with `close`: the shell shuts down sending and reads on for a moment before it closes. */
#pragma once

#include "edge/answer.h"
#include "edge/buffer_pool.h"
#include "edge/serve_counters.h"

/* A whole request: the largest head and the largest body. */
#define CONN_INPUT_BYTES (HTTP_HEAD_BYTES_MAX + OCSP_REQUEST_BYTES_MAX + 240)
/* Input that waits for room in the output is taken without a pause up to here. */
#define CONN_PARKED_BYTES 4096
/* At least two of the largest answers; a dozen ordinary ones. */
#define CONN_OUTPUT_BYTES 16384
_Static_assert(CONN_OUTPUT_BYTES >= 2 * ANSWER_BYTES_MAX, "room for an answer and an error");

/* One send of a file. */
#define CONN_PIECE_BYTES (256u << 10)
/* A file is sent within this time, or not at all: it ends before the store may drop the blob. */
#define CONN_FILE_MAX_S  600
#define CONN_FILE_MAX_NS (CONN_FILE_MAX_S * UINT64_C(1000000000))

/* Header, body and send timeouts shrink, down to this, as the last half of the worker's buffers is
 * taken. */
#define CONN_PATIENCE_MIN_NS 1000000000u

struct conn_config {
    uint64_t idle_timeout_ns;   /* between requests, and before the first */
    uint64_t header_timeout_ns; /* from the first octet of a request to the end of its head */
    uint64_t body_timeout_ns;   /* from the end of the head to the end of the body */
    uint64_t send_timeout_ns;   /* without one octet of progress */
    uint32_t requests_max;      /* on one connection; 0: no limit */
};

/** What all connections of a worker share; the shell renews snapshot, now_ns and clock each turn.
 */
struct conn_env {
    const struct conn_config *config;
    const struct answer_config *answer;
    const struct snapshot *snapshot; /* NULL: not ready */
    struct answer_clock clock;
    uint64_t now_ns;             /* monotonic */
    struct buffer_pool *inputs;  /* of CONN_INPUT_BYTES */
    struct buffer_pool *outputs; /* of CONN_OUTPUT_BYTES */
    uint64_t *counters;          /* SERVE_COUNTER_COUNT */
};

enum conn_state {
    CONN_IDLE,   /* between requests */
    CONN_HEAD,   /* a part of a head is here */
    CONN_BODY,   /* a head and a part of its body are here */
    CONN_PARKED, /* octets wait until the output buffer has room again */
    CONN_LAST,   /* the last answer is being sent; input is ignored */
    CONN_CLOSED, /* `close` was given */
};

struct conn {
    uint64_t deadline_ns;      /* conn_tick() is due; UINT64_MAX: never */
    uint64_t send_deadline_ns; /* the two that deadline_ns is the earlier of */
    uint64_t read_deadline_ns;
    uint8_t *input;         /* taken from env->inputs, or NULL */
    uint8_t *output;        /* taken from env->outputs, or NULL */
    uint32_t input_size;    /* octets in it, from its start */
    uint32_t input_seen;    /* of these, the head parser has seen */
    uint32_t input_need;    /* octets of the whole request once its head is known, else 0 */
    uint32_t output_size;   /* octets in it */
    uint32_t output_sent;   /* of these, sent */
    uint32_t output_flight; /* octets handed to the shell and not yet told about */
    uint32_t request_count;
    uint32_t file_left;   /* octets of a file that are not yet sent; behind the output */
    uint32_t file_offset; /* of file_at in the file */
    const uint8_t *file_at;
    uint64_t file_deadline_ns;
    /* The leading octets of the file's hash; of a relay's file the key of its name. */
    uint8_t file_key[RELAY_KEY_BYTES_MAX];
    bool flight_is_file;
    bool is_relay; /* came to a relay listener; the shell sets it after conn_open() */
    uint8_t state; /* enum conn_state */
    uint8_t end;   /* enum conn_end, when the state is LAST or CLOSED */
    bool paused;
    bool peer_done; /* end of file was seen */
    bool stopping;
    bool ignored; /* octets arrived behind the last request that is answered */
};
_Static_assert(sizeof(struct conn) <= 256, "100,000 idle connections stay small");

struct conn_actions {
    struct span send; /* hand to the kernel; empty: nothing */
    bool send_more;   /* the answer goes on behind these octets: the kernel may wait for them */
    bool send_file;   /* they are in the store's map */
    bool send_last;   /* after them the connection closes, and does not linger */
    bool close;
    bool linger; /* with close: the client may still be sending */
    bool pause;
    bool resume;
};

void conn_open(struct conn *conn, struct conn_env *env);
struct conn_actions conn_received(struct conn *conn, struct conn_env *env, struct span bytes);

struct conn_exchange;
/** Looks at the next octets before they are handed over: true when a whole request is at their
 *  start that would be answered at once. *ret has it begun then, and borrows the octets. The
 *  connection does not change. */
bool conn_peek(const struct conn *conn, const struct conn_env *env, struct span bytes,
               struct conn_exchange *ret);
/** As conn_received(), the first request of which conn_peek() has begun and whose lookup has been
 *  brought to its last stage since. */
struct conn_actions conn_received_peeked(struct conn *conn, struct conn_env *env, struct span bytes,
                                         struct conn_exchange *peeked);
struct conn_actions conn_eof(struct conn *conn, struct conn_env *env);
struct conn_actions conn_sent(struct conn *conn, struct conn_env *env, size_t count);
/** An operation failed, or the shell gives up (CONN_END_SHELL). Always closes. */
struct conn_actions conn_failed(struct conn *conn, struct conn_env *env, enum conn_end why);
struct conn_actions conn_tick(struct conn *conn, struct conn_env *env);
/** Graceful stop: closes now when idle, else after the answers of what is here. */
struct conn_actions conn_stop(struct conn *conn, struct conn_env *env);
/** Whether octets of a file are still to be sent, or on their way. */
static inline bool conn_has_file(const struct conn *conn)
{
    return conn->file_left > 0;
}
/** The snapshot that is next: closes when a file that is being sent is not in it. */
struct conn_actions conn_renew(struct conn *conn, struct conn_env *env,
                               const struct snapshot *next);
/** Gives its buffers back. Once, after `close` and the last operation in flight. */
void conn_release(struct conn *conn, struct conn_env *env);
