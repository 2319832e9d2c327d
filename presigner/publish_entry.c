/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_entry.h"

#include <inttypes.h>

#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "presigner/publish_files.h"
#include "presigner/publish_txn.h"

enum err publish_entry_start(struct publisher *p, struct publish_entry *e)
{
    TRY(buffer_reserve(&p->entry, LOG_ENTRY_BYTES_MAX));
    *e = (struct publish_entry){.next = p->state};
    e->record.number = p->state.log_last + 1;
    e->record.time_s = p->clock_s();
    log_writer_start(&e->writer, span_text(p->config->network), e->record.number, e->record.time_s,
                     &p->state.log_hash, p->entry.data, p->entry.capacity);
    return ERR_OK;
}

void publish_entry_template(struct publish_entry *e, const struct ocsp_template *t)
{
    log_writer_template(&e->writer, t);
}

void publish_entry_statement(struct publish_entry *e, uint64_t issuer_id, const struct statement *s)
{
    log_writer_statement(&e->writer, issuer_id, s);
}

void publish_entry_range(struct publish_entry *e, const struct range_record *range)
{
    struct log_range item = {.issuer_id = range->issuer_id,
                             .after = range->after,
                             .until = range->until,
                             .pack = range->pack,
                             .pack_bytes = range->pack_bytes,
                             .statement_count = range->statement_count};
    CHECK(e->record.pack_count < LOG_RECORD_PACKS_MAX);
    e->record.packs[e->record.pack_count++] = range->pack;
    log_writer_range(&e->writer, &item);
}

void publish_entry_path(struct publish_entry *e, const struct blob_path *path)
{
    CHECK(e->record.pack_count < LOG_RECORD_PACKS_MAX);
    e->record.packs[e->record.pack_count++] = path->blob;
    log_writer_path(&e->writer, path);
}

static enum err sign_and_prepare(struct publisher *p, struct publish_entry *e)
{
    size_t size = 0;
    if (e->writer.item_count == 0)
        return e->writer.err;
    TRY(log_writer_finish(&e->writer, p->key, &size));
    struct span wire = span_of(p->entry.data, size);
    e->record.hash = sha256_of(wire);
    e->record.bytes = size;
    return publish_log_prepare(p, e->record.number, wire);
}

static void discard(struct publisher *p, const struct publish_entry *e)
{
    if (e->writer.item_count > 0)
        publish_log_discard(p, e->record.number);
}

enum err publish_entry_seal(struct publisher *p, struct publish_entry *e, MDB_txn **ret)
{
    TRY(sign_and_prepare(p, e));
    enum err err = publish_txn_write(p, ret);
    if (err != ERR_OK)
        discard(p, e);
    return err;
}

/* The second fence, beside the lease: the number that was given to the entry is the next one. */
static enum err check_state(struct publisher *p, MDB_txn *txn)
{
    struct publish_state now;
    TRY(publish_db_state_get(&p->db, txn, &now));
    if (now.log_last == p->state.log_last && sha256_equal(&now.log_hash, &p->state.log_hash))
        return ERR_OK;
    log_error("log entry %" PRIu64 " is another's already", p->state.log_last + 1);
    publish_count(p, COUNT_lease_refusals, 1);
    return ERR_FENCED;
}

static enum err put(struct publisher *p, struct publish_entry *e, MDB_txn *txn)
{
    TRY(check_state(p, txn));
    if (e->writer.item_count > 0) {
        e->next.log_last = e->record.number;
        e->next.log_hash = e->record.hash;
        TRY(publish_db_log_put(&p->db, txn, &e->record));
        TRY(publish_log_commit(p, &e->record));
    }
    return publish_db_state_put(&p->db, txn, &e->next);
}

void publish_entry_drop(struct publisher *p, const struct publish_entry *e, MDB_txn *txn)
{
    status_txn_abort(txn);
    discard(p, e);
}

enum err publish_entry_commit(struct publisher *p, struct publish_entry *e, MDB_txn *txn)
{
    enum err err = put(p, e, txn);
    if (err != ERR_OK) {
        publish_entry_drop(p, e, txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    p->state = e->next;
    if (e->writer.item_count > 0) {
        p->entry_time_s = e->record.time_s;
        p->entry_ns = clock_monotonic_ns();
    }
    return ERR_OK;
}
