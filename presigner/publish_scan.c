/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_scan.h"

#include "presigner/publish_settled.h"
#include "presigner/publish_sign.h"

/* The clock and other processes can make a range due without a log entry. */
#define SCAN_AGAIN_S 60

struct scan {
    struct publisher *p;
    uint64_t now_s;
    struct schedule_backlog backlog;
    struct range_record dirty; /* the first in key order */
    struct range_record due;   /* the longest due */
    struct range_record long_; /* the longest tail */
    bool has_dirty;
    bool has_due;
    bool some_unable; /* ranges wait for a key or a certificate */
    uint64_t due_s;
    uint64_t dirty_count;
    uint64_t due_statements;
    uint64_t statements;
    uint64_t next_update_min_s;
};

/* Statements from the future, made while the clock was ahead, are due at once: nobody takes them.
 */
static uint64_t due_time(const struct scan *s, const struct publish_issuer *issuer, struct span key,
                         const struct range_record *range)
{
    if (range->this_update_min_s > s->now_s)
        return 0;
    uint64_t slot = schedule_slot(&issuer->policy, key);
    return schedule_due(&issuer->policy, slot, range->this_update_min_s, range->next_update_min_s);
}

/* Counts what is due; a candidate only when it can be signed. */
static void consider_due(struct scan *s, uint64_t due_s, const struct range_record *range,
                         bool able)
{
    schedule_backlog_add(&s->backlog, range->this_update_min_s, due_s, s->now_s);
    if (range->this_update_min_s == 0)
        return;
    if (s->next_update_min_s == 0 || range->next_update_min_s < s->next_update_min_s)
        s->next_update_min_s = range->next_update_min_s;
    if (due_s > s->now_s)
        return;
    s->due_statements += range->statement_count;
    if (able && (!s->has_due || due_s < s->due_s)) {
        s->has_due = true;
        s->due_s = due_s;
        s->due = *range;
    }
}

static void consider_dirty(struct scan *s, const struct range_record *range, bool able)
{
    if (!(range->flags & RANGE_DIRTY))
        return;
    s->dirty_count++;
    if (able && !s->has_dirty) {
        s->has_dirty = true;
        s->dirty = *range;
    }
}

static void consider(struct scan *s, struct span key, const struct range_record *range)
{
    struct publish_issuer *issuer = publish_issuer_find(s->p, range->issuer_id);
    s->statements += range->statement_count;
    if (issuer == NULL)
        return;
    bool able = publish_issuer_able(issuer, s->now_s);
    s->some_unable |= !able;
    if ((range->flags & RANGE_DIRTY) && range->sequence < issuer->scanned_sequence)
        issuer->scanned_sequence = range->sequence;
    consider_due(s, due_time(s, issuer, key, range), range, able);
    consider_dirty(s, range, able);
    if (able && range->tail_count > s->long_.tail_count)
        s->long_ = *range;
}

static enum err walk(struct scan *s, MDB_txn *txn)
{
    struct publish_cursor c;
    for (size_t i = 0; i < s->p->issuer_count; i++)
        s->p->issuers[i].scanned_sequence = UINT64_MAX;
    TRY(publish_cursor_open(txn, s->p->db.range, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct range_record range;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = range_record_read(key, value, &range);
        if (err == ERR_OK)
            consider(s, key, &range);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void gauges(const struct scan *s, uint64_t tail_count)
{
    struct publisher *p = s->p;
    publish_gauge(p, COUNT_ranges, s->backlog.range_count);
    publish_gauge(p, COUNT_ranges_dirty, s->dirty_count);
    publish_gauge(p, COUNT_ranges_due, s->backlog.due_count);
    publish_gauge(p, COUNT_due_statements, s->due_statements);
    publish_gauge(p, COUNT_statements, s->statements);
    publish_gauge(p, COUNT_tail_statements, tail_count);
    publish_gauge(p, COUNT_oldest_this_update_seconds, s->backlog.oldest_this_update_s);
    publish_gauge(p, COUNT_earliest_next_update_seconds, s->next_update_min_s);
}

static enum err choose(struct scan *s, uint64_t tail_count, struct range_record *ret)
{
    struct publisher *p = s->p;
    if (s->has_due && (p->turn || !s->has_dirty))
        *ret = s->due;
    else if (s->has_dirty)
        *ret = s->dirty;
    else if (tail_count > p->config->tail_max && s->long_.tail_count > 0)
        *ret = s->long_;
    else
        return ERR_NOT_FOUND;
    p->turn = !p->turn;
    return ERR_OK;
}

static enum err tail_size(struct publisher *p, MDB_txn *txn, uint64_t *ret)
{
    MDB_stat stat;
    TRY(status_db_err(mdb_stat(txn, p->db.tail, &stat)));
    *ret = stat.ms_entries;
    return ERR_OK;
}

/* Nothing to sign: no need to look again before something moves or the next range is due. */
static void remember(const struct scan *s)
{
    s->p->scan_time_s = s->some_unable ? 0 : s->now_s;
    s->p->scan_log = s->p->state.log_last;
    s->p->scan_sequence = s->p->state.published_sequence;
    s->p->next_due_s = s->backlog.next_due_s;
}

static bool nothing_new(const struct publisher *p, uint64_t now_s)
{
    return p->scan_time_s != 0 && p->scan_log == p->state.log_last && now_s >= p->scan_time_s &&
           now_s < p->scan_time_s + SCAN_AGAIN_S && (p->next_due_s == 0 || now_s < p->next_due_s) &&
           p->scan_sequence == p->state.published_sequence;
}

enum err publish_range_pick(struct publisher *p, struct range_record *ret)
{
    struct scan s = {.p = p, .now_s = p->clock_s()};
    MDB_txn *txn = NULL;
    uint64_t tail_count = 0;
    if (nothing_new(p, s.now_s))
        return ERR_NOT_FOUND;
    TRY(status_txn_read(p->status, &txn));
    enum err err = walk(&s, txn);
    if (err == ERR_OK)
        err = tail_size(p, txn, &tail_count);
    status_txn_abort(txn);
    TRY(err);
    gauges(&s, tail_count);
    for (size_t i = 0; i < p->issuer_count; i++)
        publish_settled_scanned(&p->issuers[i], p->issuers[i].scanned_sequence);
    err = choose(&s, tail_count, ret);
    if (err == ERR_NOT_FOUND)
        remember(&s);
    return err;
}
