/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_clock.h"

#include "lib/os/log.h"
#include "presigner/publish_txn.h"

static enum err newest_entry_time(struct publisher *p, MDB_txn *txn, uint64_t *ret_s)
{
    struct log_record record;
    enum err err = publish_db_log_get(&p->db, txn, p->state.log_last, &record);
    if (err == ERR_NOT_FOUND) /* none yet, or trimmed */
        return ERR_OK;
    TRY(err);
    *ret_s = record.time_s;
    return ERR_OK;
}

enum err publish_clock_load(struct publisher *p)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = newest_entry_time(p, txn, &p->clock_seen_s);
    status_txn_abort(txn);
    return err;
}

static enum err mark(struct publisher *p, MDB_txn *txn, const struct tail_record *tail,
                     uint64_t *count)
{
    struct range_record range;
    TRY(publish_db_range_of(&p->db, txn, tail->issuer_id, &tail->statement.serial, &range));
    if (range.flags & RANGE_DIRTY)
        return ERR_OK;
    range.flags |= RANGE_DIRTY;
    ++*count;
    return publish_db_range_put(&p->db, txn, &range);
}

static enum err mark_all(struct publisher *p, MDB_txn *txn, uint64_t now_s, uint64_t *count)
{
    struct publish_cursor c;
    TRY(publish_cursor_open(txn, p->db.tail, SPAN_EMPTY, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        struct span key = SPAN_EMPTY;
        struct span value = SPAN_EMPTY;
        struct tail_record tail;
        err = publish_cursor_next(&c, &key, &value);
        if (err == ERR_OK)
            err = tail_record_read(key, value, &tail);
        if (err == ERR_OK && tail.statement.facts.this_update_s > now_s)
            err = mark(p, txn, &tail, count);
    }
    publish_cursor_close(&c);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err went_back(struct publisher *p, uint64_t now_s)
{
    MDB_txn *txn = NULL;
    uint64_t count = 0;
    TRY(publish_txn_write(p, &txn));
    enum err err = mark_all(p, txn, now_s, &count);
    if (err != ERR_OK || count == 0) {
        status_txn_abort(txn);
        return err;
    }
    log_warning("the clock was ahead: %llu ranges have statements from the future",
                (unsigned long long)count);
    return status_txn_commit(txn);
}

enum err publish_clock_step(struct publisher *p)
{
    uint64_t now_s = p->clock_s();
    if (now_s < p->clock_seen_s) {
        TRY(went_back(p, now_s));
        for (size_t i = 0; i < p->issuer_count; i++)
            p->issuers[i].blocked_until_s = 0;
    }
    p->clock_seen_s = now_s;
    return ERR_OK;
}
