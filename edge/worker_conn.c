/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/conn_file.h"
#include "edge/worker_file.h"
#include "edge/worker_send.h"
#include "lib/check.h"

static void arm_receive(struct worker *w, struct slot *slot, bool once)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    if (once)
        io_uring_prep_recv(entry, slot->fd, NULL, 0, 0);
    else
        io_uring_prep_recv_multishot(entry, slot->fd, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = RING_RECEIVE_GROUP;
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_RECEIVE));
    slot->receiving = true;
    slot->cancelling = false;
}

static void cancel(struct worker *w, struct slot *slot, enum worker_op op)
{
    struct io_uring_sqe *entry = ring_entry(&w->ring);
    io_uring_prep_cancel64(entry, slot_user_data(w, slot, op), 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, slot_user_data(w, slot, OP_CANCEL));
}

static void cancel_receive(struct worker *w, struct slot *slot)
{
    if (slot->receiving && !slot->cancelling) {
        cancel(w, slot, OP_RECEIVE);
        slot->cancelling = true;
    }
}

/* Whether the next octets are to be received. What is held comes before them, and one that lingers
 * reads whatever it was paused for. The end of a stream may be missed meanwhile: the next receive
 * tells it again. */
static bool wants_octets(const struct slot *slot)
{
    return slot->state == SLOT_LINGERING || (!slot->conn.paused && held_empty(&slot->held));
}

static void read_on(struct worker *w, struct slot *slot)
{
    if (!slot->receiving && !slot->hungry && !slot->linked && wants_octets(slot))
        arm_receive(w, slot, false);
}

static void drop_held(struct worker *w, struct slot *slot)
{
    uint32_t buffer_no = 0;
    uint32_t bytes = 0;
    while (held_take(&w->held, &slot->held, &buffer_no, &bytes))
        ring_return_buffer(&w->ring, buffer_no);
}

/* Keeps the worker's list of those that send files: also of one that is closing, until its send has
 * ended. */
static void settle_file(struct worker *w, struct slot *slot)
{
    bool has_file = conn_has_file(&slot->conn) && (slot->state == SLOT_OPEN || slot->sending);
    if (has_file == slot->has_file)
        return;
    slot->has_file = has_file;
    if (has_file) {
        slot->file_place = w->file_count;
        w->files[w->file_count++] = slot_number(w, slot);
        return;
    }
    uint32_t last = w->files[--w->file_count];
    w->files[slot->file_place] = last;
    w->slots[last].file_place = slot->file_place;
}

/* The slot is free again once nothing of it is in the ring. */
static void release_when_quiet(struct worker *w, struct slot *slot)
{
    if (slot->state != SLOT_CLOSING || slot->receiving || slot->sending || slot->hungry)
        return;
    settle_file(w, slot);
    conn_release(&slot->conn, &w->env);
    wheel_remove(&w->wheel, slot_number(w, slot));
    source_limit_leave(w->limit, slot->bucket);
    slot->state = SLOT_FREE;
    slot->generation++;
    w->free_slots[w->free_count++] = slot_number(w, slot);
    counter_set(&w->counters[SERVE_OPEN], w->config.connections_max - w->free_count);
}

static void close_now(struct worker *w, struct slot *slot)
{
    slot->state = SLOT_CLOSING;
    drop_held(w, slot);
    cancel_receive(w, slot);
    if (conn_has_file(&slot->conn))
        worker_file_abandon(slot);
    /* With a link the descriptor may be another connection's by now: its send tells. */
    if (!slot->linked) {
        if (slot->sending)
            cancel(w, slot, slot->awaits_room ? OP_ROOM : OP_SEND);
        if (slot->fd >= 0)
            worker_close_descriptor(w, slot);
    }
    release_when_quiet(w, slot);
}

static void linger(struct worker *w, struct slot *slot)
{
    CHECK(slot->fd >= 0);
    slot->state = SLOT_LINGERING;
    drop_held(w, slot);
    slot->linger_bytes = 0;
    slot->linger_deadline_ns = w->env.now_ns + WORKER_LINGER_NS;
    /* Not by the ring: there it is left to a thread of the kernel's, which looks for the descriptor
     * when it comes to it, and by then the number may be another connection's. */
    (void)shutdown(slot->fd, SHUT_WR);
    read_on(w, slot);
    wheel_want(&w->wheel, slot_number(w, slot), slot->linger_deadline_ns);
}

static void apply(struct worker *w, struct slot *slot, struct conn_actions actions)
{
    if (actions.close) {
        if (actions.linger && !slot->sending)
            linger(w, slot);
        else
            close_now(w, slot);
        return;
    }
    if (actions.send.size > 0)
        worker_send(w, slot, actions);
    if (actions.pause)
        cancel_receive(w, slot);
    if (actions.resume)
        read_on(w, slot);
    settle_file(w, slot);
    wheel_want(&w->wheel, slot_number(w, slot), slot->conn.deadline_ns);
}

bool worker_files_renew(struct worker *w, const struct snapshot *next)
{
    bool ready = true;
    /* From the end: one that is cut may leave the list, and the last one takes its place. */
    for (uint32_t i = w->file_count; i-- > 0;) {
        struct slot *slot = &w->slots[w->files[i]];
        if (slot->state == SLOT_OPEN)
            apply(w, slot, conn_renew(&slot->conn, &w->env, next));
        ready &= slot->state == SLOT_OPEN || !slot->sending;
    }
    return ready;
}

static uint32_t source_bucket(const struct worker *w, int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    if (w->limit->connections_max == 0)
        return 0;
    /* A peer that is gone already counts with the unknown ones until its end of file is read. */
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
        peer.ss_family = AF_UNSPEC;
    return source_limit_bucket(w->limit, (const struct sockaddr *)&peer);
}

void worker_connection_open(struct worker *w, int fd, bool is_relay)
{
    counter_add(&w->counters[SERVE_ACCEPTED], 1);
    if (w->free_count == 0) {
        counter_add(&w->counters[SERVE_REFUSED_FULL], 1);
        close(fd);
        return;
    }
    uint32_t bucket = source_bucket(w, fd);
    if (!source_limit_enter(w->limit, bucket)) {
        counter_add(&w->counters[SERVE_REFUSED_SOURCE], 1);
        close(fd);
        return;
    }
    struct slot *slot = &w->slots[w->free_slots[--w->free_count]];
    counter_set(&w->counters[SERVE_OPEN], w->config.connections_max - w->free_count);
    slot->fd = fd;
    slot->bucket = bucket;
    slot->state = SLOT_OPEN;
    slot->sending = false;
    slot->batched = false;
    slot->hungry = false;
    slot->unlinked = false;
    slot->has_file = false;
    conn_open(&slot->conn, &w->env);
    slot->conn.is_relay = is_relay;
    slot->conn.stopping = w->stopping; /* came while the accept was being cancelled */
    /* Once: one who asks for the end with the first request leaves no receive behind. */
    arm_receive(w, slot, true);
    wheel_want(&w->wheel, slot_number(w, slot), slot->conn.deadline_ns);
}

/* The slot a completion belongs to. Slots are not freed while an operation of theirs is in the
 * ring, so a completion always finds its own. */
static struct slot *slot_of(struct worker *w, const struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;
    CHECK(number < w->config.connections_max);
    struct slot *slot = &w->slots[number];
    CHECK((slot->generation & USER_GENERATION_MASK) ==
          ((uint32_t)(cqe->user_data >> 32) & USER_GENERATION_MASK));
    CHECK(slot->state != SLOT_FREE);
    return slot;
}

static void octets_arrived(struct worker *w, struct slot *slot, struct span bytes)
{
    if (slot->state == SLOT_OPEN) {
        apply(w, slot, conn_received(&slot->conn, &w->env, bytes));
    } else if (slot->state == SLOT_LINGERING) {
        slot->linger_bytes += (uint32_t)bytes.size;
        if (slot->linger_bytes > WORKER_LINGER_BYTES)
            close_now(w, slot);
    }
}

static void answered(void *shell, uint64_t tag, struct conn_actions actions)
{
    struct worker *w = shell;
    struct slot *slot = &w->slots[tag >> 32];
    slot->batched = false;
    apply(w, slot, actions);
    ring_return_buffer(&w->ring, (uint32_t)tag);
    if (slot->state == SLOT_OPEN)
        read_on(w, slot);
}

void worker_answer(struct worker *w)
{
    if (w->batch->count > 0)
        conn_batch_answer(w->batch, &w->env, answered, w);
}

/* Before anything but the octets in the batch happens to the slot. */
static void settle_batch(struct worker *w, const struct slot *slot)
{
    if (slot->batched)
        worker_answer(w);
}

static bool batch_put(struct worker *w, struct slot *slot, uint32_t buffer_no, uint32_t bytes)
{
    if (slot->state != SLOT_OPEN)
        return false;
    if (conn_batch_full(w->batch))
        worker_answer(w);
    uint64_t tag = (uint64_t)slot_number(w, slot) << 32 | buffer_no;
    slot->batched = conn_batch_add(w->batch, &w->env, &slot->conn,
                                   span_of(ring_buffer(&w->ring, buffer_no), bytes), tag);
    return slot->batched;
}

/* A buffer with octets, to be given back to the ring now or when its connection has taken it. */
static void buffer_arrived(struct worker *w, struct slot *slot, uint32_t buffer_no, uint32_t bytes)
{
    bool waits = slot->state == SLOT_OPEN && (slot->conn.paused || !held_empty(&slot->held));
    if (waits ? held_put(&w->held, &slot->held, buffer_no, bytes)
              : batch_put(w, slot, buffer_no, bytes))
        return;
    if (waits)
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_OVERRUN));
    else
        octets_arrived(w, slot, span_of(ring_buffer(&w->ring, buffer_no), bytes));
    ring_return_buffer(&w->ring, buffer_no);
}

/* Goes on with what is held for as long as the connection has room, then reads on. */
static void feed_held(struct worker *w, struct slot *slot)
{
    uint32_t buffer_no = 0;
    uint32_t bytes = 0;
    while (slot->state == SLOT_OPEN && !slot->conn.paused &&
           held_take(&w->held, &slot->held, &buffer_no, &bytes)) {
        octets_arrived(w, slot, span_of(ring_buffer(&w->ring, buffer_no), bytes));
        ring_return_buffer(&w->ring, buffer_no);
    }
    if (slot->state == SLOT_OPEN)
        read_on(w, slot);
}

/* The receive has ended: why, and what now. */
static void receive_ended(struct worker *w, struct slot *slot, int result)
{
    if (slot->state == SLOT_LINGERING && result <= 0 && result != -ENOBUFS) {
        close_now(w, slot);
    } else if (slot->state == SLOT_CLOSING) {
        release_when_quiet(w, slot);
    } else if (result == 0) {
        if (held_empty(&slot->held))
            apply(w, slot, conn_eof(&slot->conn, &w->env));
    } else if (result == -ENOBUFS) {
        counter_add(&w->counters[SERVE_ENOBUFS], 1);
        slot->hungry = true;
        w->hungry[w->hungry_count++] = slot_number(w, slot);
    } else if (result > 0 || result == -ECANCELED) {
        /* Ended for a reason of the kernel's, or cancelled for a pause that may be over by now. */
        read_on(w, slot);
    } else {
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_RECEIVE_ERROR));
    }
}

void worker_received(struct worker *w, const struct io_uring_cqe *cqe)
{
    struct slot *slot = slot_of(w, cqe);
    settle_batch(w, slot);
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (!more) {
        slot->receiving = false;
        slot->cancelling = false;
        /* Before the answer to these octets may be linked with the close: it would be a reset. */
        bool behind = cqe->res > 0 && (cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
        if (behind && slot->state == SLOT_OPEN)
            read_on(w, slot);
    }
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        uint32_t buffer_no = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        if (cqe->res > 0)
            buffer_arrived(w, slot, buffer_no, (uint32_t)cqe->res);
        else
            ring_return_buffer(&w->ring, buffer_no);
    }
    /* The first receive of a request that is in the batch now: read on when it is answered. */
    if (more || (slot->batched && cqe->res > 0))
        return;
    settle_batch(w, slot);
    if (slot->state != SLOT_FREE && !slot->receiving)
        receive_ended(w, slot, cqe->res);
}

/* All is sent and the descriptor closed or about to be; or the link is broken, and what is left
 * goes the ordinary way. */
static void link_ended(struct worker *w, struct slot *slot, int result)
{
    slot->linked = false;
    if (result == (int)slot->conn.output_flight)
        slot->fd = -1;
    else
        slot->unlinked = true;
    if (slot->state == SLOT_CLOSING) {
        if (slot->fd >= 0)
            worker_close_descriptor(w, slot);
        release_when_quiet(w, slot);
        return;
    }
    if (result > 0 || result == -EAGAIN)
        apply(w, slot, conn_sent(&slot->conn, &w->env, result > 0 ? (size_t)result : 0));
    else
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_SEND_ERROR));
    if (slot->state == SLOT_OPEN)
        read_on(w, slot);
}

void worker_sent(struct worker *w, const struct io_uring_cqe *cqe)
{
    struct slot *slot = slot_of(w, cqe);
    settle_batch(w, slot);
    slot->sending = false;
    if (slot->linked)
        link_ended(w, slot, cqe->res);
    else if (slot->state == SLOT_CLOSING)
        release_when_quiet(w, slot);
    else if (cqe->res > 0)
        apply(w, slot, conn_sent(&slot->conn, &w->env, (size_t)cqe->res));
    else
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_SEND_ERROR));
    if (!held_empty(&slot->held))
        feed_held(w, slot);
}

void worker_room(struct worker *w, const struct io_uring_cqe *cqe)
{
    struct slot *slot = slot_of(w, cqe);
    settle_batch(w, slot);
    slot->sending = false;
    slot->awaits_room = false;
    if (slot->state == SLOT_CLOSING) {
        release_when_quiet(w, slot);
        return;
    }
    int result = cqe->res;
    if (result > 0)
        result = worker_file_send(w, slot, conn_file_piece(&slot->conn));
    if (result > 0)
        apply(w, slot, conn_sent(&slot->conn, &w->env, (size_t)result));
    else if (result == -EAGAIN)
        worker_file_await(w, slot);
    else
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_SEND_ERROR));
    if (!held_empty(&slot->held))
        feed_held(w, slot);
}

void worker_feed_hungry(struct worker *w)
{
    for (uint32_t i = 0; i < w->hungry_count; i++) {
        struct slot *slot = &w->slots[w->hungry[i]];
        slot->hungry = false;
        if (slot->state == SLOT_CLOSING)
            release_when_quiet(w, slot);
        else
            read_on(w, slot);
    }
    w->hungry_count = 0;
}

void worker_tick(struct worker *w)
{
    uint32_t number = 0;
    while ((number = wheel_next_due(&w->wheel, w->env.now_ns)) != WHEEL_NONE) {
        struct slot *slot = &w->slots[number];
        if (slot->state == SLOT_LINGERING) {
            if (slot->linger_deadline_ns <= w->env.now_ns)
                close_now(w, slot);
            else
                wheel_want(&w->wheel, number, slot->linger_deadline_ns);
        } else if (slot->state == SLOT_OPEN) {
            if (slot->conn.deadline_ns <= w->env.now_ns)
                apply(w, slot, conn_tick(&slot->conn, &w->env));
            else
                wheel_want(&w->wheel, number, slot->conn.deadline_ns);
        }
    }
}

static void connection_stop(struct worker *w, struct slot *slot, enum stop_how how)
{
    switch (how) {
    case STOP_NEXT_ANSWER:
        slot->conn.stopping = true;
        break;
    case STOP_IDLE:
        apply(w, slot, conn_stop(&slot->conn, &w->env));
        break;
    case STOP_HARD:
        apply(w, slot, conn_failed(&slot->conn, &w->env, CONN_END_STOPPED));
        break;
    }
}

void worker_connections_stop(struct worker *w, enum stop_how how)
{
    for (uint32_t i = 0; i < w->config.connections_max; i++) {
        struct slot *slot = &w->slots[i];
        if (slot->state == SLOT_OPEN)
            connection_stop(w, slot, how);
        else if (slot->state == SLOT_LINGERING && how == STOP_HARD)
            close_now(w, slot);
    }
}
