/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_ranges.h"

#include "lib/os/log.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_pack.h"
#include "presigner/publish_scan.h"
#include "presigner/publish_sign.h"

struct range_record publish_range_first(uint64_t issuer_id)
{
    return (struct range_record){
        .issuer_id = issuer_id, .after = SERIAL_BEFORE_ALL, .until = SERIAL_AFTER_ALL};
}

/* One re-signing. */
struct rewrite {
    struct publisher *p;
    struct publish_issuer *issuer;
    struct range_record first; /* as picked */
    struct range_record last;  /* the same, or the one after when two are joined */
    uint64_t base_log;         /* newest entry when the signing began: what came later is kept */
    struct range_record fresh; /* what was signed */
};

/* Statements of this size fill a pack to the target. */
static uint64_t target_count(const struct rewrite *r)
{
    struct serial typical = {.size = 16};
    size_t bytes =
        publish_statement_bytes(sign_source_signature_size(r->issuer->source), &typical, false);
    return r->p->config->pack_target_bytes / bytes;
}

static enum err range_after(struct rewrite *r, MDB_txn *txn, struct range_record *ret)
{
    uint8_t key[KEY_BYTES_MAX];
    struct publish_cursor c;
    struct span k = SPAN_EMPTY;
    struct span v = SPAN_EMPTY;
    size_t size = key_write(r->first.issuer_id, &r->first.until, key);
    TRY(publish_cursor_open(txn, r->p->db.range, span_of(key, size), &c));
    enum err err = publish_cursor_next(&c, &k, &v);
    if (err == ERR_OK)
        err = publish_cursor_next(&c, &k, &v);
    if (err == ERR_OK)
        err = range_record_read(k, v, ret);
    publish_cursor_close(&c);
    return err;
}

/* A range that shrank far is joined with the next one when both fit one pack with room to grow. */
static enum err join_next(struct rewrite *r, MDB_txn *txn)
{
    struct range_record next;
    uint64_t count = r->first.statement_count + r->first.tail_count;
    bool end = r->first.until.size == SERIAL_SIZE_END;
    if (end || (r->first.flags & RANGE_DIRTY) || count > target_count(r) / 4)
        return ERR_OK;
    TRY(range_after(r, txn, &next));
    if (!(next.flags & RANGE_DIRTY) &&
        count + next.statement_count + next.tail_count <= target_count(r) / 4 * 3)
        r->last = next;
    return ERR_OK;
}

static enum err plan(struct rewrite *r, MDB_txn *txn, struct serial *ret_until)
{
    TRY(join_next(r, txn));
    TRY(publish_pack_plan(r->p, txn, r->issuer, &r->first.after, &r->last.until, ret_until));
    if (serial_compare(ret_until, &r->last.until) == 0)
        return ERR_OK;
    /* Two that do not fit one pack after all: what is left would have two packs. */
    r->last = r->first;
    return publish_pack_plan(r->p, txn, r->issuer, &r->first.after, &r->last.until, ret_until);
}

static enum err sign_txn(struct rewrite *r, MDB_txn *txn)
{
    uint64_t sequence = 0;
    struct serial until;
    TRY(status_last_sequence(r->p->status, txn, &sequence));
    TRY(plan(r, txn, &until));
    TRY(publish_pack_sign(r->p, txn, r->issuer, &r->first.after, &until, &r->fresh));
    r->fresh.sequence = sequence;
    return ERR_OK;
}

static enum err sign(struct rewrite *r)
{
    MDB_txn *txn = NULL;
    r->base_log = r->p->state.log_last;
    TRY(status_txn_read(r->p->status, &txn));
    enum err err = sign_txn(r, txn);
    status_txn_abort(txn);
    return err;
}

/* Calls `each` with the tail records of the new range. */
static enum err tail_walk(struct rewrite *r, MDB_txn *txn,
                          enum err (*each)(struct rewrite *, const struct tail_record *, void *,
                                           MDB_cursor *),
                          void *context)
{
    uint8_t key[KEY_BYTES_MAX];
    struct publish_cursor c;
    size_t size = key_write(r->fresh.issuer_id, &r->fresh.after, key);
    TRY(publish_cursor_open(txn, r->p->db.tail, span_of(key, size), &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span k = SPAN_EMPTY;
        struct span v = SPAN_EMPTY;
        struct tail_record tail;
        err = publish_cursor_next(&c, &k, &v);
        if (err == ERR_OK)
            err = tail_record_read(k, v, &tail);
        if (err != ERR_OK)
            break;
        if (tail.issuer_id != r->fresh.issuer_id ||
            serial_compare(&tail.statement.serial, &r->fresh.until) > 0)
            break;
        /* `after` itself belongs to the range before. */
        if (serial_compare(&tail.statement.serial, &r->fresh.after) > 0)
            err = each(r, &tail, context, c.cursor);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err keep_newer(struct rewrite *r, const struct tail_record *tail, void *context,
                           MDB_cursor *cursor)
{
    (void)cursor;
    if (tail->log_number <= r->base_log)
        return ERR_OK;
    const struct facts *facts = &tail->statement.facts;
    publish_entry_statement(context, tail->issuer_id, &tail->statement);
    r->fresh.tail_count++;
    range_record_note(&r->fresh, facts);
    return ERR_OK;
}

static enum err drop_older(struct rewrite *r, const struct tail_record *tail, void *context,
                           MDB_cursor *cursor)
{
    (void)context;
    return tail->log_number > r->base_log ? ERR_OK : status_db_err(mdb_cursor_del(cursor, 0));
}

/* What is left of a range whose first part was signed: it keeps the pack it had. */
static struct range_record rest_of(const struct rewrite *r)
{
    struct range_record rest = r->last;
    uint64_t gone = r->fresh.statement_count;
    rest.after = r->fresh.until;
    rest.flags |= RANGE_DIRTY;
    if (!sha256_is_zero(&rest.pack))
        rest.flags |= RANGE_TRIMMED;
    rest.statement_count = rest.statement_count > gone ? rest.statement_count - gone : 0;
    return rest;
}

static enum err replace(struct rewrite *r, MDB_txn *txn)
{
    const struct publish_db *db = &r->p->db;
    TRY(publish_db_range_delete(db, txn, &r->first));
    if (serial_compare(&r->fresh.until, &r->last.until) < 0) {
        struct range_record rest = rest_of(r);
        TRY(publish_db_range_put(db, txn, &rest));
    }
    TRY(publish_db_range_put(db, txn, &r->fresh));
    return tail_walk(r, txn, drop_older, NULL);
}

/* The entry: the range, and after it what was published of it while it was being signed. */
static enum err entry_make(struct rewrite *r, struct publish_entry *e, MDB_txn **ret)
{
    MDB_txn *txn = NULL;
    TRY(publish_entry_start(r->p, e));
    r->fresh.log_number = e->record.number;
    publish_entry_range(e, &r->fresh);
    TRY(status_txn_read(r->p->status, &txn));
    enum err err = tail_walk(r, txn, keep_newer, e);
    status_txn_abort(txn);
    TRY(err);
    return publish_entry_seal(r->p, e, ret);
}

static enum err publish(struct rewrite *r)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    TRY(entry_make(r, &e, &txn));
    enum err err = replace(r, txn);
    if (err == ERR_OK)
        return publish_entry_commit(r->p, &e, txn);
    publish_entry_drop(r->p, &e, txn);
    return err;
}

enum err publish_range_step(struct publisher *p, bool *ret_worked)
{
    struct rewrite r = {.p = p};
    enum err err = publish_range_pick(p, &r.first);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    r.last = r.first;
    r.issuer = publish_issuer_find(p, r.first.issuer_id);
    TRY(sign(&r));
    TRY(publish(&r));
    log_debug("range of %llu statements, %llu octets, in log entry %llu",
              (unsigned long long)r.fresh.statement_count, (unsigned long long)r.fresh.pack_bytes,
              (unsigned long long)r.fresh.log_number);
    *ret_worked = true;
    return ERR_OK;
}
