/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_crl.h"

#include <stdlib.h>

#include "presigner/publish_ca.h"
#include "presigner/publish_crl_batch.h"
#include "presigner/publish_txn.h"

/* Changes looked at in one step. */
#define CHANGE_COUNT 65536

/* --- Open and close --- */

/* What was made from an older state may lack what came since; what was never made has all. */
static void first_unseen(struct publish_crls *crls)
{
    crls->seen_sequence = crls->opened_sequence;
    for (size_t i = 0; i < crls->count; i++)
        for (size_t j = 0; j < crls->issuers[i].slot_count; j++) {
            const struct crl_slot *slot = &crls->issuers[i].slots[j];
            if (slot->schedule.published && slot->record.covers_sequence < crls->seen_sequence)
                crls->seen_sequence = slot->record.covers_sequence;
        }
}

/* Far below so many CRLs are made in a second. */
#define NUMBERS_A_SECOND 1000

static enum err raise_numbers(struct publisher *p, MDB_txn *txn)
{
    for (size_t i = 0; i < p->crls->count; i++)
        TRY(crl_numbers_raise(&p->db, txn, p->crls->issuers[i].issuer->template_.issuer_id,
                              p->clock_s() * NUMBERS_A_SECOND));
    return ERR_OK;
}

/* A publication without a head is a new one, or the database is older than what was published, or
 * empty (operations.md, Backup). Numbers that it does not know of were given away then, so they
 * begin above any that can have been, and all CRLs are made anew. */
static enum err begin_anew(struct publisher *p)
{
    MDB_txn *txn = NULL;
    if (!p->first_head_waits)
        return ERR_OK;
    TRY(publish_txn_write(p, &txn));
    enum err err = raise_numbers(p, txn);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    for (size_t i = 0; i < p->crls->count; i++)
        for (size_t j = 0; j < p->crls->issuers[i].slot_count; j++)
            p->crls->issuers[i].slots[j].schedule.next_planned_s = 0;
    return ERR_OK;
}

enum err publish_crl_open(struct publisher *p)
{
    struct publish_crls *crls = calloc(1, sizeof *crls);
    if (crls == NULL)
        return ERR_MEMORY;
    p->crls = crls;
    crls->look = true;
    crls->issuers = calloc(p->issuer_count + 1, sizeof *crls->issuers);
    if (crls->issuers == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->issuers[i].config->crl.url_base != NULL)
            TRY(crl_issuer_open(p, &p->issuers[i], &crls->issuers[crls->count++]));
    TRY(status_poll_sequence(p->status, &crls->opened_sequence));
    first_unseen(crls);
    return begin_anew(p);
}

void publish_crl_close(struct publisher *p)
{
    if (p->crls == NULL)
        return;
    for (size_t i = 0; i < p->crls->count; i++)
        crl_issuer_close(&p->crls->issuers[i]);
    free(p->crls->issuers);
    free(p->crls);
    p->crls = NULL;
}

/* --- What is due --- */

static void mark(struct publish_crls *crls, struct crl_issuer *ci, uint32_t shard,
                 uint64_t sequence, uint64_t now_s)
{
    struct crl_slot *slot = crl_issuer_slot(ci, shard);
    if (slot == NULL || slot->schedule.dirty || sequence <= slot->record.covers_sequence)
        return;
    slot->schedule.dirty = true;
    slot->schedule.dirty_since_s = sequence <= crls->opened_sequence ? 0 : now_s;
}

static enum err mark_change(struct publisher *p, MDB_txn *txn, const struct status_change *change)
{
    struct cert_record record;
    if (change->record.status != CERT_REVOKED)
        return ERR_OK;
    for (size_t i = 0; i < p->crls->count; i++) {
        struct crl_issuer *ci = &p->crls->issuers[i];
        if (ci->issuer->template_.issuer_id != change->issuer_id)
            continue;
        TRY(status_get(p->status, txn, change->issuer_id, &change->serial, &record));
        mark(p->crls, ci, record.shard, change->record.sequence, p->clock_s());
        mark(p->crls, ci, CRL_SHARD_FULL, change->record.sequence, p->clock_s());
    }
    return ERR_OK;
}

static enum err walk_changes(struct publisher *p, MDB_txn *txn, bool *ret_more)
{
    struct status_change_cursor c;
    struct status_change change;
    TRY(status_changes_begin(p->status, txn, p->crls->seen_sequence, &c));
    enum err err = ERR_OK;
    unsigned count = 0;
    while (err == ERR_OK && count++ < CHANGE_COUNT) {
        err = status_changes_next(&c, &change);
        if (err == ERR_OK)
            err = mark_change(p, txn, &change);
        if (err == ERR_OK)
            p->crls->seen_sequence = change.record.sequence;
    }
    status_changes_end(&c);
    *ret_more = err == ERR_OK;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err look_at_changes(struct publisher *p, bool *ret_more)
{
    uint64_t last = 0;
    MDB_txn *txn = NULL;
    TRY(status_poll_sequence(p->status, &last));
    if (last <= p->crls->seen_sequence)
        return ERR_OK;
    TRY(status_txn_read(p->status, &txn));
    enum err err = walk_changes(p, txn, ret_more);
    status_txn_abort(txn);
    p->crls->look = true;
    return err;
}

/* --- The step --- */

static void gauges(struct publisher *p)
{
    uint64_t oldest_s = 0, earliest_s = p->crls->abandoned_next_s, waiting = 0, largest = 0;
    uint64_t oversize = 0, now_s = p->clock_s();
    for (size_t i = 0; i < p->crls->count; i++)
        for (size_t j = 0; j < p->crls->issuers[i].slot_count; j++) {
            const struct crl_slot *slot = &p->crls->issuers[i].slots[j];
            waiting += slot->schedule.dirty || !slot->schedule.published ||
                       now_s >= slot->schedule.next_planned_s;
            if (!slot->schedule.published)
                continue;
            if (oldest_s == 0 || slot->record.this_update_s < oldest_s)
                oldest_s = slot->record.this_update_s;
            if (earliest_s == 0 || slot->record.next_update_s < earliest_s)
                earliest_s = slot->record.next_update_s;
            oversize += slot->record.bytes > p->crls->issuers[i].config->size_max_bytes;
            largest = slot->record.bytes > largest ? slot->record.bytes : largest;
        }
    publish_gauge(p, COUNT_crl_oldest_this_update_seconds, oldest_s);
    publish_gauge(p, COUNT_crl_earliest_next_update_seconds, earliest_s);
    publish_gauge(p, COUNT_crls_waiting, waiting);
    publish_gauge(p, COUNT_crl_largest_bytes, largest);
    publish_gauge(p, COUNT_crls_oversize, oversize);
}

static enum err issuer_step(struct publisher *p, struct crl_issuer *ci, bool *ret_worked)
{
    if (ci->sets.indexed)
        return publish_crl_batch(p, ci, ret_worked);
    *ret_worked = true;
    return revoked_index_step(p->status, ci->issuer->template_.issuer_id, &ci->index_after,
                              &ci->sets.indexed);
}

enum err publish_crl_step(struct publisher *p, bool *ret_worked, bool *ret_waits)
{
    struct publish_crls *crls = p->crls;
    bool more = false, worked = false;
    if (crls->count == 0) {
        publish_gauge(p, COUNT_crl_earliest_next_update_seconds, crls->abandoned_next_s);
        return ERR_OK;
    }
    TRY(publish_ca_step(p, &worked));
    TRY(look_at_changes(p, &more));
    uint64_t now_s = p->clock_s();
    if (crls->look || crls->looked_s != now_s) {
        crls->waits = false;
        for (size_t i = 0; i < crls->count; i++)
            TRY(issuer_step(p, &crls->issuers[i], &worked));
        crls->look = worked;
        crls->looked_s = now_s;
        gauges(p);
    }
    *ret_worked = *ret_worked || worked || more;
    *ret_waits = *ret_waits || crls->waits;
    return ERR_OK;
}
