/* SPDX-License-Identifier: Apache-2.0 */
/* What worker.c (loop, accept) and worker_conn.c (connections) share. */
#pragma once

#include "edge/conn_batch.h"
#include "edge/held.h"
#include "edge/worker.h"

enum worker_op { OP_ACCEPT = 1, OP_RECEIVE, OP_SEND, OP_CLOSE, OP_CANCEL, OP_ROOM };

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_LINGERING, SLOT_CLOSING };

struct slot {
    struct conn conn;
    uint64_t linger_deadline_ns;
    uint32_t linger_bytes;
    int fd;
    uint32_t generation; /* of user_data: completions of an earlier use are not ours */
    uint32_t bucket;     /* of the source limit */
    uint8_t state;       /* enum slot_state */
    bool receiving;      /* a receive is armed: the first takes octets once, then it goes on */
    bool cancelling;     /* and is being cancelled */
    bool sending;
    bool linked;            /* its close follows the send in flight, if that sends all */
    bool unlinked;          /* such a send did not: the next ones are ordinary */
    bool awaits_room;       /* the send is a file's, and the ring tells when there is room for it */
    bool has_file;          /* it is in the worker's list of those that send a file */
    uint32_t file_place;    /* where */
    bool batched;           /* its newest octets wait in the worker's batch */
    bool hungry;            /* waits in the worker's list to be armed again */
    struct held_queue held; /* octets that arrived while the connection was paused */
};

struct worker_listener {
    struct listener_socket socket;
    bool armed;
};

struct worker {
    struct ring ring;
    struct wheel wheel;
    struct conn_env env;
    struct conn_batch *batch; /* requests of this turn that are read and not yet answered */
    struct buffer_pool inputs;
    struct buffer_pool outputs;
    struct held_pool held;
    struct worker_config config;
    struct snapshot_exchange *exchange;
    struct source_limit *limit;
    uint64_t *counters;
    struct worker_listener *listeners;
    struct slot *slots;
    uint32_t *free_slots;
    uint32_t *hungry; /* slots whose receive found no buffer */
    uint32_t *files;  /* slots with octets of a file to send, or with a send of them in the ring */
    uint32_t free_count;
    uint32_t hungry_count;
    uint32_t file_count;
    uint32_t listener_count;
    uint32_t worker_no;
    uint64_t drain_deadline_ns;
    uint64_t idle_stop_ns; /* while stopping: then idle connections end; UINT64_MAX: they have */
    uint64_t rearm_ns;     /* not before this are listeners armed again */
    bool shared;           /* the listeners, when last looked */
    bool offered;          /* a snapshot that could not be accepted yet */
    bool stopping;
    bool stop_asked; /* atomic */
};

#define USER_GENERATION_MASK 0xffffffu

static inline uint64_t user_data(enum worker_op op, uint32_t generation, uint32_t number)
{
    return (uint64_t)op << 56 | (uint64_t)(generation & USER_GENERATION_MASK) << 32 | number;
}

static inline uint32_t slot_number(const struct worker *w, const struct slot *slot)
{
    return (uint32_t)(slot - w->slots);
}

static inline uint64_t slot_user_data(const struct worker *w, const struct slot *slot,
                                      enum worker_op op)
{
    return user_data(op, slot->generation, slot_number(w, slot));
}

/** A descriptor fresh from accept, at a relay listener or another. */
void worker_connection_open(struct worker *w, int fd, bool is_relay);
/** Completions of OP_RECEIVE, OP_SEND and OP_ROOM. */
void worker_received(struct worker *w, const struct io_uring_cqe *cqe);
void worker_room(struct worker *w, const struct io_uring_cqe *cqe);
void worker_sent(struct worker *w, const struct io_uring_cqe *cqe);
/** Answers what those of OP_RECEIVE have gathered. */
void worker_answer(struct worker *w);
/** Arms the receives that found no buffer, after buffers were given back. */
void worker_feed_hungry(struct worker *w);
/** Whether the worker may leave its snapshot for the next one: connections whose file is not in
 * that are cut, and it must wait while a send of such a one is still in the ring. */
bool worker_files_renew(struct worker *w, const struct snapshot *next);
/** Deadlines. */
void worker_tick(struct worker *w);
/** All connections: the next answer is the last one; end when idle, else after the answers of what
 *  is here; end now. */
enum stop_how { STOP_NEXT_ANSWER, STOP_IDLE, STOP_HARD };
void worker_connections_stop(struct worker *w, enum stop_how how);
