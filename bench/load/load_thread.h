/* SPDX-License-Identifier: Apache-2.0 */
/* One load thread: its share of connections and rate on a ring of its own. */
#pragma once

#include <pthread.h>

#include "bench/load/client.h"
#include "bench/load/load_ring.h"
#include "bench/load/schedule.h"
#include "bench/load/target.h"
#include "bench/load/verifier.h"

/* A connection that did not come about is tried again after this, so that a server that is away
 * is not asked a hundred thousand times a second. */
#define LOAD_COOLING_NS 100000000u
/* How long a server may take to end a connection it has announced the end of. */
#define LOAD_LINGER_NS 1000000000u
/* After the end of the stretch, requests that are due still get a connection for this long. */
#define LOAD_GRACE_NS 100000000u

/* The same for all threads of a stretch; set before they begin. */
struct load_stretch {
    const struct load_options *options;
    const struct load_target *target;
    struct ledger *ledger;
    struct verifier *verifier; /* NULL: no signatures */
    double rate_per_s;         /* of all threads; 0: closed loop */
    uint32_t thread_count;
    /* Threads prepare, and wait at the gate until it is open: the times below are set then, or
     * the stretch is `abandoned`. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t prepared_count;
    bool is_open;
    bool abandoned;
    uint64_t begin_ns; /* of the warm-up */
    uint64_t start_ns; /* of what counts */
    uint64_t end_ns;   /* atomic: an early end moves it */
    uint64_t timeout_ns;
};

/* What only counts between start and end. */
struct load_meter {
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t connects;
    uint64_t answers;    /* without error, to requests of the warm-up as well */
    uint64_t unasked;    /* octets while nothing was asked */
    uint64_t cpu_ns;     /* of the thread */
    uint64_t starved_ns; /* it could have run, and another did */
};

/* Slots that wait their turn; room for all. */
struct slot_queue {
    uint32_t *slots;
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
};

enum load_phase { LOAD_WARMUP, LOAD_STRETCH, LOAD_DRAIN };

struct load_thread {
    struct load_stretch *stretch;
    uint32_t thread_no;
    uint32_t connection_count;
    pthread_t thread;
    enum err err; /* of the preparation */

    struct load_ring ring;
    struct client *clients;
    uint8_t *requests; /* request_room octets a connection; NULL when plain */
    struct slot_queue free;
    struct slot_queue cooling;
    uint64_t *cooled_ns; /* by slot: when it may be used again */
    uint32_t *batch;     /* slots whose request goes out with the next submission */
    uint32_t batch_count;
    struct client_hold **holds; /* spare ones */
    uint32_t hold_count;

    enum load_phase phase;
    uint64_t now_ns;
    uint64_t wall_offset_ns; /* wall clock - monotonic clock */
    uint64_t end_ns;
    uint64_t tick_ns;     /* next look at deadlines */
    uint32_t second;      /* of the stretch */
    struct schedule due;  /* next request that will be due */
    struct schedule send; /* next request to be sent, of those that are due */
    uint64_t waiting;     /* due, not sent: no connection was free */
    uint32_t busy;        /* connections with a request */
    uint32_t busy_max;
    uint64_t random;
    uint64_t next_pick; /* the next request asks for this serial or path: already on its way
                           into the cache */
    uint32_t sample_left;
    struct load_meter meter;
    struct load_meter meter_start; /* at the start of the stretch */
    struct load_meter metered;     /* in the stretch */
    struct tally tally;
};

/** connection_first: number of this thread's first among all threads' connections. ERR_MEMORY. */
MUST_CHECK enum err load_thread_new(struct load_stretch *stretch, uint32_t thread_no,
                                    uint32_t connection_first, uint32_t connection_count,
                                    struct load_thread **ret);
struct load_thread *load_thread_free(struct load_thread *t);
/** The whole life of the thread, for pthread_create(). */
void *load_thread_run(void *t);

/* load_conn.c: what happens on the connections. */

static inline bool load_is_open_loop(const struct load_thread *t)
{
    return t->stretch->rate_per_s > 0;
}
/** Sends a request that is (or was) due at intended_ns on a free slot. */
void load_conn_ask(struct load_thread *t, uint32_t slot, uint64_t intended_ns, bool waited);
/** Takes one completion. */
void load_conn_completed(struct load_thread *t, const struct io_uring_cqe *cqe);
/** Ends what has taken too long; the slots that have cooled are free again. */
void load_conn_deadlines(struct load_thread *t);
/** Ends all that is still open, at the very end. */
void load_conn_give_up(struct load_thread *t);
/** The sending time of what goes out now. */
void load_conn_stamp(struct load_thread *t, uint64_t now_ns);
/** Counts as due, now. */
void load_count_due(struct load_thread *t, uint64_t intended_ns);

static inline void slot_queue_put(struct slot_queue *q, uint32_t slot)
{
    uint32_t at = q->first + q->count++;
    q->slots[at < q->capacity ? at : at - q->capacity] = slot;
}

static inline uint32_t slot_queue_take(struct slot_queue *q)
{
    uint32_t slot = q->slots[q->first++];
    q->count--;
    if (q->first == q->capacity)
        q->first = 0;
    return slot;
}
