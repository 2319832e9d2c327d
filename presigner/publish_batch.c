/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_batch.h"

#include <stdlib.h>

#include "presigner/publish_settled.h"
#include "presigner/publish_sign.h"

enum err change_batch_make(size_t capacity, enum change_kind kind, struct change_batch *ret)
{
    *ret = (struct change_batch){.kind = kind, .capacity = capacity};
    ret->changes = calloc(capacity, sizeof *ret->changes);
    ret->dirty = calloc(capacity, sizeof *ret->dirty);
    if (ret->changes != NULL && ret->dirty != NULL)
        return ERR_OK;
    change_batch_done(ret);
    return ERR_MEMORY;
}

void change_batch_done(struct change_batch *batch)
{
    free(batch->changes);
    free(batch->dirty);
    *batch = (struct change_batch){0};
}

uint64_t range_tail_limit(const struct range_record *range)
{
    uint64_t share = range->statement_count / RANGE_TAIL_SHARE;
    return share > RANGE_TAIL_MIN ? share : RANGE_TAIL_MIN;
}

static bool fits(const struct change_batch *batch, const struct cert_record *record)
{
    return (record->status == CERT_REVOKED) == (batch->kind == CHANGE_REVOCATION);
}

static enum err read_changes(struct status_change_cursor *c, uint64_t until, size_t limit,
                             struct change_batch *batch)
{
    for (uint32_t scanned = 0; scanned < CHANGE_SCAN_MAX && batch->count < limit; scanned++) {
        struct status_change change;
        enum err err = status_changes_next(c, &change);
        if (err == ERR_NOT_FOUND || (err == ERR_OK && change.record.sequence > until))
            return ERR_OK;
        TRY(err);
        batch->through_sequence = change.record.sequence;
        if (fits(batch, &change.record))
            batch->changes[batch->count++] = (struct change){.issuer_id = change.issuer_id,
                                                             .serial = change.serial,
                                                             .sequence = change.record.sequence};
    }
    return ERR_OK;
}

/* Key order; of one certificate the newest first. */
static int compare(const void *a_, const void *b_)
{
    const struct change *a = a_;
    const struct change *b = b_;
    if (a->issuer_id != b->issuer_id)
        return a->issuer_id < b->issuer_id ? -1 : 1;
    int order = serial_compare(&a->serial, &b->serial);
    if (order != 0)
        return order;
    return (a->sequence < b->sequence) - (a->sequence > b->sequence);
}

static void keep_newest(struct change_batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct change *c = &batch->changes[i];
        if (kept > 0 && batch->changes[kept - 1].issuer_id == c->issuer_id &&
            serial_compare(&batch->changes[kept - 1].serial, &c->serial) == 0)
            continue;
        batch->changes[kept++] = *c;
    }
    batch->count = kept;
}

/* Reads the certificate as it is now and tells whether a statement about it is wanted. */
static enum err refresh(struct publisher *p, MDB_txn *txn, const struct change_batch *batch,
                        struct change *c, bool *ret_wanted)
{
    TRY(status_get(p->status, txn, c->issuer_id, &c->serial, &c->record));
    /* An addition that was revoked since then is in the hands of publish_revocations(). */
    *ret_wanted = fits(batch, &c->record) &&
                  !cert_expired(&c->record, p->config->grace_after_expiry_s, p->clock_s());
    return ERR_OK;
}

static bool is_awaited(const struct change_batch *batch, const struct publish_issuer *issuer)
{
    return batch->few && issuer->config->feed.url != NULL;
}

/* The changes from..to come with their range. */
static enum err defer(struct publish_issuer *issuer, struct change_batch *batch, size_t from,
                      size_t to)
{
    batch->deferred = true;
    for (size_t i = from; i < to; i++)
        publish_settled_defer(issuer, batch->changes[i].sequence, batch->changes[i].sequence);
    return ERR_OK;
}

/* Of the changes from..to, all of one range: keeps those that become statements. */
static enum err settle_range(struct publisher *p, MDB_txn *txn, struct change_batch *batch,
                             const struct range_record *range, size_t from, size_t to, size_t *kept)
{
    /* Before the first head nobody was told anything: a revocation is not urgent either, and would
     * be signed twice, for the log and for the pack that all of its range becomes. */
    struct publish_issuer *issuer = publish_issuer_find(p, range->issuer_id);
    bool bulk =
        (batch->kind == CHANGE_ADDITION && !is_awaited(batch, issuer)) || p->first_head_waits;
    bool able = publish_issuer_able(issuer, p->clock_s());
    bool many = bulk && range->tail_count + (to - from) > range_tail_limit(range);
    if ((range->flags & RANGE_DIRTY) && (bulk || !able))
        return defer(issuer, batch, from, to);
    if (many || !able) {
        batch->dirty[batch->dirty_count++] = batch->changes[from];
        return defer(issuer, batch, from, to);
    }
    for (size_t i = from; i < to; i++) {
        bool wanted = false;
        /* The range was signed from a state that had this change already. */
        if (batch->changes[i].sequence <= range->sequence)
            continue;
        TRY(refresh(p, txn, batch, &batch->changes[i], &wanted));
        if (wanted)
            batch->changes[(*kept)++] = batch->changes[i];
    }
    return ERR_OK;
}

static size_t range_end(const struct change_batch *batch, const struct range_record *range,
                        size_t from)
{
    size_t i = from;
    while (i < batch->count && batch->changes[i].issuer_id == range->issuer_id &&
           serial_compare(&batch->changes[i].serial, &range->until) <= 0)
        i++;
    return i;
}

/* Changes of an issuer that is not configured wait in its dirty range until it is; one that never
 * was has no ranges, and begins with all there is (template_set.h). */
static void settle_absent(struct change_batch *batch, const struct range_record *range, size_t from)
{
    if (!(range->flags & RANGE_DIRTY))
        batch->dirty[batch->dirty_count++] = batch->changes[from];
}

static enum err settle(struct publisher *p, MDB_txn *txn, struct change_batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count;) {
        const struct change *c = &batch->changes[i];
        bool configured = publish_issuer_find(p, c->issuer_id) != NULL;
        struct range_record range;
        enum err err = publish_db_range_of(&p->db, txn, c->issuer_id, &c->serial, &range);
        if (err == ERR_NOT_FOUND && !configured) {
            i++;
            continue;
        }
        TRY(err);
        size_t end = range_end(batch, &range, i);
        if (configured)
            TRY(settle_range(p, txn, batch, &range, i, end, &kept));
        else
            settle_absent(batch, &range, i);
        i = end;
    }
    batch->count = kept;
    return ERR_OK;
}

enum err change_batch_collect(struct publisher *p, uint64_t after, uint64_t until, size_t limit,
                              struct change_batch *batch)
{
    MDB_txn *txn = NULL;
    struct status_change_cursor c;
    batch->count = 0;
    batch->dirty_count = 0;
    batch->deferred = false;
    batch->through_sequence = after;
    TRY(status_txn_read(p->status, &txn));
    enum err err = status_changes_begin(p->status, txn, after, &c);
    if (err == ERR_OK) {
        err = read_changes(&c, until, limit < batch->capacity ? limit : batch->capacity, batch);
        status_changes_end(&c);
    }
    if (err == ERR_OK) {
        batch->found = batch->count > 0;
        qsort(batch->changes, batch->count, sizeof *batch->changes, compare);
        keep_newest(batch);
        batch->few = limit >= batch->capacity && batch->count <= CHANGE_FEW_MAX;
        err = settle(p, txn, batch);
    }
    status_txn_abort(txn);
    return err;
}
