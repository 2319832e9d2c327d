/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bench/load/load_thread.h"
#include "lib/check.h"
#include "lib/random.h"

#define SECOND_NS UINT64_C(1000000000)

/* ---- asking ---- */

static void pick_next(struct load_thread *t)
{
    const struct load_target *target = t->stretch->target;
    t->next_pick = zipf_next(&target->zipf, &t->random);
    if (!target->is_plain)
        __builtin_prefetch(serials_at(&target->serials, t->next_pick));
}

static bool pick_get(struct load_thread *t)
{
    enum load_method method = t->stretch->options->method;
    return method == LOAD_GET || (method == LOAD_MIX && (random_next(&t->random) >> 63) != 0);
}

static struct span write_request(struct load_thread *t, uint32_t slot)
{
    const struct load_target *target = t->stretch->target;
    struct client *c = &t->clients[slot];
    c->serial_no = (uint32_t)t->next_pick;
    pick_next(t);
    if (target->is_plain)
        return span_of(target->plain[c->serial_no][c->one_shot],
                       target->plain_sizes[c->serial_no][c->one_shot]);
    struct span serial = serials_get(&target->serials, c->serial_no);
    const struct target_shape *shape = target->shapes[serial.size];
    uint8_t *out = t->requests + slot * target->request_room;
    size_t size = request_write(&shape->forms[pick_get(t)][c->one_shot], serial, out);
    CHECK(size <= target->request_room);
    return span_of(out, size);
}

void load_count_due(struct load_thread *t, uint64_t intended_ns)
{
    if (intended_ns >= t->stretch->start_ns)
        t->tally.second.due++;
}

void load_conn_ask(struct load_thread *t, uint32_t slot, uint64_t intended_ns, bool waited)
{
    struct client *c = &t->clients[slot];
    CHECK(c->state == CLIENT_CLOSED || c->state == CLIENT_IDLE);
    c->intended_ns = intended_ns;
    c->sent_ns = t->now_ns; /* until it is stamped */
    c->counted = intended_ns >= t->stretch->start_ns;
    c->waited = waited;
    struct span request = write_request(t, slot);
    if (c->state == CLIENT_IDLE) {
        load_ring_send(&t->ring, slot, c->generation, request);
    } else {
        c->generation = (c->generation + 1) & 0xffffffu;
        load_ring_open(&t->ring, slot, c->generation, &t->stretch->options->address,
                       t->stretch->options->address_size, request);
        t->meter.connects++;
    }
    t->meter.bytes_out += request.size;
    c->state = CLIENT_BUSY;
    if (t->batch_count == t->connection_count) /* some slot twice: its first request failed */
        load_conn_stamp(t, t->now_ns);
    t->batch[t->batch_count++] = slot;
    if (++t->busy > t->busy_max)
        t->busy_max = t->busy;
}

void load_conn_stamp(struct load_thread *t, uint64_t now_ns)
{
    bool open_loop = load_is_open_loop(t);
    for (uint32_t i = 0; i < t->batch_count; i++) {
        struct client *c = &t->clients[t->batch[i]];
        c->sent_ns = now_ns;
        if (!open_loop)
            c->intended_ns = now_ns;
        else if (c->counted && !c->waited)
            histogram_record(&t->tally.lag, now_ns - c->intended_ns);
    }
    t->batch_count = 0;
}

/* ---- ends ---- */

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

static void record_times(struct load_thread *t, const struct client *c)
{
    histogram_record(&t->tally.second_latency, since(t->now_ns, c->intended_ns));
    if (load_is_open_loop(t))
        histogram_record(&t->tally.service, since(t->now_ns, c->sent_ns));
}

/* The slot has no request any more; what becomes of it is the caller's to say. */
static void request_over(struct load_thread *t, struct client *c)
{
    struct client_hold *hold = client_reset(c);
    if (hold != NULL)
        t->holds[t->hold_count++] = hold;
    t->busy--;
}

static void end_request(struct load_thread *t, struct client *c, enum load_end end)
{
    if (c->counted)
        tally_end(&t->tally, end);
    request_over(t, c);
}

static void slot_free(struct load_thread *t, uint32_t slot)
{
    bool goes_on = t->now_ns < t->end_ns;
    if (!load_is_open_loop(t) && goes_on) {
        load_count_due(t, t->now_ns);
        load_conn_ask(t, slot, t->now_ns, false);
    } else if (t->waiting > 0) {
        uint64_t intended_ns = t->send.next_ns;
        schedule_advance(&t->send);
        t->waiting--;
        load_conn_ask(t, slot, intended_ns, true);
    } else {
        slot_queue_put(&t->free, slot);
    }
}

static void slot_cool(struct load_thread *t, uint32_t slot)
{
    t->clients[slot].state = CLIENT_COOLING;
    t->cooled_ns[slot] = t->now_ns + LOAD_COOLING_NS;
    slot_queue_put(&t->cooling, slot);
}

/* Our end of the connection; `ended`: nothing goes on for it in the kernel. */
static void drop(struct load_thread *t, uint32_t slot, bool ended)
{
    struct client *c = &t->clients[slot];
    load_ring_close(&t->ring, slot, c->generation, !ended);
    /* What still comes of it is stale from now on. */
    c->generation = (c->generation + 1) & 0xffffffu;
    c->state = CLIENT_CLOSED;
}

/* ---- answers ---- */

static enum load_end verdict_end(enum reply_verdict verdict)
{
    static const enum load_end ends[] = {
        [REPLY_GOOD] = LOAD_END_GOOD,           [REPLY_REVOKED] = LOAD_END_REVOKED,
        [REPLY_UNKNOWN] = LOAD_END_UNKNOWN,     [REPLY_OCSP_ERROR] = LOAD_END_OCSP_ERROR,
        [REPLY_NOT_DER] = LOAD_END_DER,         [REPLY_WRONG_SERIAL] = LOAD_END_WRONG_SERIAL,
        [REPLY_NOT_FRESH] = LOAD_END_NOT_FRESH,
    };
    return ends[verdict];
}

static bool wants_body(const struct load_thread *t)
{
    return !t->stretch->target->is_plain && t->stretch->options->verify != LOAD_VERIFY_NONE;
}

static enum load_end judge(const struct load_thread *t, const struct client *c,
                           const struct client_answer *answer)
{
    const struct load_target *target = t->stretch->target;
    bool usual = answer->status >= 200 && answer->status <= 299;
    if (!wants_body(t))
        return usual || answer->status == 304 ? LOAD_END_PLAIN : LOAD_END_HTTP_STATUS;
    if (answer->status != 200)
        return LOAD_END_HTTP_STATUS;
    struct span serial = serials_get(&target->serials, c->serial_no);
    const struct target_shape *shape = target->shapes[serial.size];
    const struct reply_question question = {
        .certid = {.hash = target->id.hash,
                   .name_hash = target->id.name_hash,
                   .key_hash = target->id.key_hash,
                   .serial = serial},
        .certid_prefix = span_of(shape->certid_prefix, shape->certid_prefix_size),
    };
    return verdict_end(reply_check(answer->body, &question,
                                   (c->sent_ns + t->wall_offset_ns) / SECOND_NS,
                                   (t->now_ns + t->wall_offset_ns) / SECOND_NS));
}

/* One in so many of the answers that are right as far as that is known. */
static bool in_sample(struct load_thread *t, enum load_end end)
{
    if (t->stretch->verifier == NULL || load_end_is_error(end) || --t->sample_left > 0)
        return false;
    t->sample_left = t->stretch->options->signature_sample;
    return true;
}

static void answered(struct load_thread *t, uint32_t slot, const struct client_answer *answer)
{
    struct client *c = &t->clients[slot];
    enum load_end end = judge(t, c, answer);
    t->meter.answers += !load_end_is_error(end);
    if (c->counted) {
        record_times(t, c);
        if (in_sample(t, end))
            verifier_offer(t->stretch->verifier, answer->body, end, t->second);
        else
            tally_end(&t->tally, end);
    }
    request_over(t, c);
    if (answer->keep_alive && !c->one_shot) {
        c->state = CLIENT_IDLE;
        slot_free(t, slot);
    } else if (!answer->keep_alive) {
        /* The server closes first, so that the wait of TCP after a close is not ours. */
        c->state = CLIENT_LINGER;
        c->sent_ns = t->now_ns;
    } else {
        drop(t, slot, false);
        slot_free(t, slot);
    }
}

static void broken(struct load_thread *t, uint32_t slot, enum load_end end)
{
    end_request(t, &t->clients[slot], end);
    drop(t, slot, false);
    if (end == LOAD_END_HTTP_FRAMING)
        slot_free(t, slot);
    else
        slot_cool(t, slot);
}

/* The connection is at its end: by the server or by an error. */
static void closed(struct load_thread *t, uint32_t slot, enum load_end end, bool ended)
{
    struct client *c = &t->clients[slot];
    enum client_state state = (enum client_state)c->state;
    if (state == CLIENT_BUSY)
        end_request(t, c, end);
    drop(t, slot, ended);
    if (state == CLIENT_BUSY)
        slot_cool(t, slot);
    else if (state == CLIENT_LINGER)
        slot_free(t, slot);
    /* An idle one stays among the free: it is opened anew when its turn comes. */
}

static void octets_came(struct load_thread *t, uint32_t slot, struct span octets)
{
    struct client *c = &t->clients[slot];
    struct client_answer answer;
    t->meter.bytes_in += octets.size;
    if (c->state != CLIENT_BUSY) {
        /* Nobody asked for them: such a connection is not used again. */
        t->meter.unasked += octets.size;
        if (c->state == CLIENT_IDLE)
            drop(t, slot, false);
        return;
    }
    if (t->hold_count == 0) {
        struct client_hold *hold = malloc(sizeof *hold);
        CHECK(hold != NULL);
        t->holds[t->hold_count++] = hold;
    }
    struct client_hold *spare = t->holds[t->hold_count - 1];
    enum client_fed fed = client_feed(c, octets, wants_body(t), &spare, &answer);
    if (spare == NULL)
        t->hold_count--;
    if (fed == CLIENT_ANSWER)
        answered(t, slot, &answer);
    else if (fed == CLIENT_BROKEN)
        broken(t, slot, LOAD_END_HTTP_FRAMING);
}

static void received(struct load_thread *t, const struct io_uring_cqe *cqe, uint32_t slot)
{
    struct client *c = &t->clients[slot];
    uint32_t generation = c->generation;
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res > 0)
        octets_came(t, slot, load_ring_octets(&t->ring, cqe));
    else if (cqe->res != -ENOBUFS)
        closed(t, slot, LOAD_END_CLOSED, true);
    if (!more && c->generation == generation)
        load_ring_receive(&t->ring, slot, generation);
}

void load_conn_completed(struct load_thread *t, const struct io_uring_cqe *cqe)
{
    uint32_t slot = load_ring_slot(cqe->user_data);
    enum load_op op = load_ring_op(cqe->user_data);
    if (op != LOAD_OP_OTHER) {
        CHECK(slot < t->connection_count);
        if (load_ring_generation(cqe->user_data) == t->clients[slot].generation) {
            if (op == LOAD_OP_RECEIVE)
                received(t, cqe, slot);
            else if (cqe->res < 0 && op == LOAD_OP_SEND)
                closed(t, slot, LOAD_END_CLOSED, false);
            else if (cqe->res < 0)
                closed(t, slot, LOAD_END_CONNECT, true);
        }
    }
    load_ring_return(&t->ring, cqe);
}

/* ---- deadlines ---- */

void load_conn_deadlines(struct load_thread *t)
{
    for (uint32_t i = 0; i < t->connection_count; i++) {
        struct client *c = &t->clients[i];
        if (c->state == CLIENT_BUSY && since(t->now_ns, c->sent_ns) >= t->stretch->timeout_ns) {
            broken(t, i, LOAD_END_TIMEOUT);
        } else if (c->state == CLIENT_LINGER && since(t->now_ns, c->sent_ns) >= LOAD_LINGER_NS) {
            drop(t, i, false);
            slot_free(t, i);
        }
    }
    while (t->cooling.count > 0 && t->cooled_ns[t->cooling.slots[t->cooling.first]] <= t->now_ns) {
        uint32_t slot = slot_queue_take(&t->cooling);
        t->clients[slot].state = CLIENT_CLOSED;
        slot_free(t, slot);
    }
}

static void give_up_waiting(struct load_thread *t)
{
    for (; t->waiting > 0; t->waiting--) {
        if (t->send.next_ns >= t->stretch->start_ns)
            tally_end(&t->tally, LOAD_END_UNSENT);
        schedule_advance(&t->send);
    }
}

void load_conn_give_up(struct load_thread *t)
{
    give_up_waiting(t);
    if (t->now_ns < t->end_ns + t->stretch->timeout_ns + 2 * LOAD_GRACE_NS)
        return;
    for (uint32_t i = 0; i < t->connection_count; i++) {
        if (t->clients[i].state != CLIENT_BUSY)
            continue;
        end_request(t, &t->clients[i], LOAD_END_TIMEOUT);
        /* A thread that came late may not be at its end yet: each request ends once. */
        drop(t, i, false);
        slot_free(t, i);
    }
}
