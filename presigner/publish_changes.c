/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_changes.h"

#include <stdlib.h>

#include "lib/os/clock.h"
#include "presigner/commit_times.h"
#include "presigner/publish_batch.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_sign.h"

/* Additions looked at in one step: when there are many they only make ranges dirty. */
#define ADDITION_SCAN 65536
/* Fewer statements than this wait until the second of the newest entry is over. */
#define ENTRY_AT_ONCE 1000

/* With a fast lane this much time is between two: what one takes, with its syncs, and as much
 * again. */
#define LANE_ENTRY_NS UINT64_C(40000000)
/* With a feed it is as much as the one before took, but no less than this, and no more than the
 * above. */
#define FEED_ENTRY_NS UINT64_C(5000000)

/* The signed form of a batch, one for one. */
struct signed_batch {
    struct sign_item *items;
    struct statement *statements;
    uint8_t *signatures;
};

static void signed_batch_done(struct signed_batch *s)
{
    free(s->items);
    free(s->statements);
    free(s->signatures);
}

static enum err signed_batch_make(size_t count, struct signed_batch *ret)
{
    *ret = (struct signed_batch){.items = calloc(count, sizeof(struct sign_item)),
                                 .statements = calloc(count, sizeof(struct statement)),
                                 .signatures = malloc(count * SIGNATURE_BYTES_MAX)};
    if (ret->items != NULL && ret->statements != NULL && ret->signatures != NULL)
        return ERR_OK;
    signed_batch_done(ret);
    return ERR_MEMORY;
}

/* The changes from..to are all those of one issuer. */
static enum err sign_issuer(struct publisher *p, const struct change_batch *batch, size_t from,
                            size_t to, struct signed_batch *s)
{
    struct publish_issuer *issuer = publish_issuer_find(p, batch->changes[from].issuer_id);
    uint8_t *signatures = s->signatures + from * SIGNATURE_BYTES_MAX;
    size_t size = sign_source_signature_size(issuer->source);
    uint64_t now_s = p->clock_s();
    for (size_t i = from; i < to; i++) {
        s->items[i].serial = batch->changes[i].serial;
        TRY(publish_facts(issuer, &batch->changes[i].record, now_s, &s->items[i].facts));
    }
    TRY(publish_sign(p, issuer, s->items + from, to - from, signatures));
    for (size_t i = from; i < to; i++)
        s->statements[i] =
            (struct statement){.serial = s->items[i].serial,
                               .facts = s->items[i].facts,
                               .signature = span_of(signatures + (i - from) * size, size)};
    return ERR_OK;
}

static enum err sign_batch(struct publisher *p, const struct change_batch *batch,
                           struct signed_batch *s)
{
    for (size_t i = 0; i < batch->count;) {
        size_t end = i;
        while (end < batch->count && batch->changes[end].issuer_id == batch->changes[i].issuer_id)
            end++;
        TRY(sign_issuer(p, batch, i, end, s));
        i = end;
    }
    return ERR_OK;
}

static void range_note(struct range_record *range, const struct facts *facts)
{
    range->tail_count++;
    range_record_note(range, facts);
    if (range->tail_count > range_tail_limit(range))
        range->flags |= RANGE_DIRTY;
}

static bool range_has(const struct range_record *range, const struct change *c)
{
    return range->issuer_id == c->issuer_id && serial_compare(&c->serial, &range->until) <= 0;
}

/* Puts the statements in the tail, and what they mean for their ranges in those. */
static enum err tail_add(struct publisher *p, MDB_txn *txn, const struct change_batch *batch,
                         const struct signed_batch *s, uint64_t log_number)
{
    struct range_record range;
    for (size_t i = 0; i < batch->count; i++) {
        const struct change *c = &batch->changes[i];
        if (i == 0 || !range_has(&range, c)) {
            if (i > 0)
                TRY(publish_db_range_put(&p->db, txn, &range));
            TRY(publish_db_range_of(&p->db, txn, c->issuer_id, &c->serial, &range));
        }
        range_note(&range, &s->statements[i].facts);
        struct tail_record tail = {
            .issuer_id = c->issuer_id, .log_number = log_number, .statement = s->statements[i]};
        TRY(publish_db_tail_put(&p->db, txn, &tail));
    }
    return batch->count > 0 ? publish_db_range_put(&p->db, txn, &range) : ERR_OK;
}

static enum err dirty_mark(struct publisher *p, MDB_txn *txn, const struct change_batch *batch)
{
    for (size_t i = 0; i < batch->dirty_count; i++) {
        const struct change *c = &batch->dirty[i];
        struct range_record range;
        TRY(publish_db_range_of(&p->db, txn, c->issuer_id, &c->serial, &range));
        range.flags |= RANGE_DIRTY;
        TRY(publish_db_range_put(&p->db, txn, &range));
    }
    return ERR_OK;
}

/* For the next head: of several entries the newest number and the oldest time. */
static void news_add(struct publisher *p, uint64_t number, uint64_t accepted_ms)
{
    struct publish_news *news = &p->news;
    news->revoked_number = number;
    if (news->revoked_commit_ms == 0 || accepted_ms < news->revoked_commit_ms)
        news->revoked_commit_ms = accepted_ms;
}

static enum err apply(struct publisher *p, const struct change_batch *batch,
                      const struct signed_batch *s, struct publish_entry *e)
{
    MDB_txn *txn = NULL;
    TRY(publish_entry_seal(p, e, &txn));
    enum err err = tail_add(p, txn, batch, s, e->record.number);
    if (err == ERR_OK)
        err = dirty_mark(p, txn, batch);
    uint64_t accepted_ms = 0;
    if (err == ERR_OK && batch->kind == CHANGE_REVOCATION)
        err = commit_times_take(p->status, txn, e->next.urgent_sequence, &accepted_ms);
    if (err != ERR_OK) {
        publish_entry_drop(p, e, txn);
        return err;
    }
    TRY(publish_entry_commit(p, e, txn));
    if (batch->kind == CHANGE_REVOCATION && batch->count > 0)
        news_add(p, e->record.number, accepted_ms);
    return ERR_OK;
}

static void sequence_move(const struct change_batch *batch, struct publish_state *next)
{
    if (batch->kind == CHANGE_REVOCATION)
        next->urgent_sequence = batch->through_sequence;
    else
        next->published_sequence = batch->through_sequence;
}

static enum err publish_signed(struct publisher *p, const struct change_batch *batch,
                               struct signed_batch *s)
{
    struct publish_entry e;
    TRY(sign_batch(p, batch, s));
    TRY(publish_entry_start(p, &e));
    for (size_t i = 0; i < batch->count; i++)
        publish_entry_statement(&e, batch->changes[i].issuer_id, &s->statements[i]);
    sequence_move(batch, &e.next);
    return apply(p, batch, s, &e);
}

static enum err publish_batch(struct publisher *p, const struct change_batch *batch)
{
    struct signed_batch s;
    TRY(signed_batch_make(batch->count + 1, &s));
    uint64_t start_ns = clock_monotonic_ns();
    enum err err = publish_signed(p, batch, &s);
    signed_batch_done(&s);
    if (batch->count > 0)
        p->entry_took_ns = clock_monotonic_ns() - start_ns;
    return err;
}

static uint64_t entry_gap_ns(const struct publisher *p)
{
    if (p->config->feed_count == 0 || p->entry_took_ns > LANE_ENTRY_NS)
        return LANE_ENTRY_NS;
    return p->entry_took_ns > FEED_ENTRY_NS ? p->entry_took_ns : FEED_ENTRY_NS;
}

/* Entries come at most one a second, unless they are large: many changes in a row make few. Edges
 * that follow by polling would not have more of them sooner; those on the fast lane have, and who
 * gets a certificate from an issuer with a feed waits for its entry. */
static bool must_wait(const struct publisher *p, const struct change_batch *batch)
{
    if (batch->count == 0 || batch->count >= ENTRY_AT_ONCE)
        return false;
    if (p->config->redis.addresses != NULL || p->config->feed_count > 0)
        return clock_monotonic_ns() - p->entry_ns < entry_gap_ns(p);
    return p->entry_time_s == p->clock_s();
}

static enum err revocations(struct publisher *p, uint64_t last, struct change_batch *batch,
                            bool *ret_worked, bool *ret_waiting)
{
    TRY(change_batch_collect(p, p->state.urgent_sequence, last, batch->capacity, batch));
    if (must_wait(p, batch)) {
        *ret_waiting = true;
        return ERR_OK;
    }
    /* Nothing but additions, which come next: their commit has this sequence, too. */
    if (!batch->found) {
        p->state.urgent_sequence = batch->through_sequence;
        return ERR_OK;
    }
    TRY(publish_batch(p, batch));
    *ret_worked = true;
    return ERR_OK;
}

enum err publish_revocations(struct publisher *p, bool *ret_worked, bool *ret_waiting)
{
    uint64_t last = 0;
    struct change_batch batch;
    TRY(status_poll_sequence(p->status, &last));
    publish_gauge(p, COUNT_sequence, last);
    if (last <= p->state.urgent_sequence)
        return ERR_OK;
    TRY(change_batch_make(publish_entry_count(p), CHANGE_REVOCATION, &batch));
    enum err err = revocations(p, last, &batch, ret_worked, ret_waiting);
    change_batch_done(&batch);
    return err;
}

static enum err additions(struct publisher *p, struct change_batch *batch, bool *ret_worked,
                          bool *ret_waiting)
{
    uint64_t after = p->state.published_sequence;
    uint64_t until = p->state.urgent_sequence;
    size_t count_max = publish_entry_count(p);
    TRY(change_batch_collect(p, after, until, ADDITION_SCAN, batch));
    /* Few in each of many ranges: no more than one entry should have. */
    if (batch->count > count_max)
        TRY(change_batch_collect(p, after, until, count_max, batch));
    if (must_wait(p, batch)) {
        *ret_waiting = true;
        return ERR_OK;
    }
    TRY(publish_batch(p, batch));
    *ret_worked = true;
    return ERR_OK;
}

enum err publish_additions(struct publisher *p, bool *ret_worked, bool *ret_waiting)
{
    struct change_batch batch;
    if (p->state.published_sequence >= p->state.urgent_sequence)
        return ERR_OK;
    TRY(change_batch_make(ADDITION_SCAN, CHANGE_ADDITION, &batch));
    enum err err = additions(p, &batch, ret_worked, ret_waiting);
    change_batch_done(&batch);
    return err;
}

static enum err awaited(struct publisher *p, struct change_batch *batch)
{
    TRY(change_batch_collect(p, p->state.published_sequence, p->state.urgent_sequence,
                             batch->capacity, batch));
    if (!batch->few || batch->deferred || batch->dirty_count > 0 || must_wait(p, batch))
        return ERR_OK;
    return publish_batch(p, batch);
}

enum err publish_awaited(struct publisher *p)
{
    struct change_batch batch;
    if (p->config->feed_count == 0 || p->state.published_sequence >= p->state.urgent_sequence)
        return ERR_OK;
    TRY(change_batch_make(CHANGE_FEW_MAX + 1, CHANGE_ADDITION, &batch));
    enum err err = awaited(p, &batch);
    change_batch_done(&batch);
    return err;
}
