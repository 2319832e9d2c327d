/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_crl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/os/clock.h"
#include "lib/os/log.h"
#include "presigner/crl_build.h"
#include "presigner/publish_entry.h"
#include "presigner/publish_files.h"
#include "presigner/publish_txn.h"

/* CRLs in one log entry: a revocation's statement waits for no longer than this takes. */
#define BATCH_COUNT_MAX 64
#define BATCH_NS        200000000u
_Static_assert(BATCH_COUNT_MAX <= LOG_RECORD_PACKS_MAX, "each is a blob that the entry names");
/* Changes looked at in one step. */
#define CHANGE_COUNT 65536

static const char crl_type[] = "application/pkix-crl";
static const char ca_type[] = "application/pkix-cert";

struct publish_crls {
    struct crl_issuer *issuers;
    size_t count;
    uint64_t opened_sequence; /* changes up to here waited long enough */
    uint64_t seen_sequence;   /* changes up to here are on a CRL or have made it dirty */
    uint64_t looked_s;        /* when what is due was last looked for, */
    bool look;                /* or whether to do it at once */
    bool ca_done;             /* the CA certificates are at their paths */
};

struct batch {
    struct crl_slot *slots[BATCH_COUNT_MAX];
    struct crl_record records[BATCH_COUNT_MAX];
    size_t count;
};

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
    return ERR_OK;
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

/* --- CA certificates --- */

static enum err ca_path(const struct crl_issuer *ci, char out[static CRL_SHARD_URL_MAX])
{
    const char *base = crl_url_path(ci->config->url_base);
    int size = ci->config->ca_path != NULL
                   ? snprintf(out, CRL_SHARD_URL_MAX, "%s", ci->config->ca_path)
                   : snprintf(out, CRL_SHARD_URL_MAX, "%s/ca.crt", base);
    return size > 0 && size < CRL_SHARD_URL_MAX ? ERR_OK : ERR_LIMIT;
}

static enum err is_at(struct publisher *p, const struct blob_path *path, bool *ret)
{
    MDB_txn *txn = NULL;
    struct blob_path there;
    TRY(status_txn_read(p->status, &txn));
    enum err err = path_record_get(&p->db, txn, path->path, &there);
    *ret = err == ERR_OK && sha256_equal(&there.blob, &path->blob);
    status_txn_abort(txn);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err ca_publish(struct publisher *p, const struct crl_issuer *ci, bool *ret_worked)
{
    char text[CRL_SHARD_URL_MAX];
    bool there = false;
    MDB_txn *txn = NULL;
    struct publish_entry e;
    struct span der = span_of(ci->der.data, ci->der.size);
    TRY(ca_path(ci, text));
    struct blob_path path = {.path = span_text(text),
                             .blob = sha256_of(der),
                             .blob_bytes = der.size,
                             .media_type = span_text(ca_type),
                             .modified_s = ci->not_before_s};
    TRY(is_at(p, &path, &there));
    if (there)
        return ERR_OK;
    TRY(publish_blob_write(p, der, &path.blob));
    TRY(publish_entry_start(p, &e));
    publish_entry_path(&e, &path);
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = path_record_put(&p->db, txn, &path);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    *ret_worked = true;
    return publish_entry_commit(p, &e, txn);
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

static void find_due(struct publisher *p, const struct crl_issuer *ci, struct batch *b)
{
    uint64_t now_s = p->clock_s();
    for (size_t i = 0; i < ci->slot_count && b->count < BATCH_COUNT_MAX; i++)
        if (crl_schedule_due(&ci->slots[i].schedule, ci->config->debounce_s, now_s))
            b->slots[b->count++] = &ci->slots[i];
}

/* --- Publishing --- */

static void alarm_size(struct publisher *p, const struct crl_issuer *ci, const struct crl_slot *s,
                       uint64_t bytes)
{
    if (bytes <= ci->config->size_max_bytes)
        return;
    publish_count(p, COUNT_crl_oversize, 1);
    log_warning("issuer %s: CRL %u/%u has %" PRIu64 " octets, more than size_max_bytes: begin a "
                "shard_set with more shards",
                ci->issuer->config->name, s->shard >> 16, s->shard & UINT16_MAX, bytes);
}

static enum err build_one(struct publisher *p, struct crl_issuer *ci, struct crl_slot *slot,
                          uint64_t number, struct crl_record *ret)
{
    struct crl_made made;
    enum err err = crl_build(p, ci, slot, number, &made);
    if (err != ERR_OK) {
        slot->schedule.retry_s = p->clock_s() + CRL_RETRY_S;
        publish_count(p, COUNT_crl_failures, 1);
        log_error("issuer %s: CRL %u/%u is not published: %s; again in %d s",
                  ci->issuer->config->name, slot->shard >> 16, slot->shard & UINT16_MAX,
                  err_text(err), CRL_RETRY_S);
        return err;
    }
    alarm_size(p, ci, slot, made.der.size);
    err = publish_blob_write(p, span_of(made.der.data, made.der.size), &made.record.blob);
    buffer_done(&made.der);
    TRY(err);
    *ret = made.record;
    return ERR_OK;
}

static enum err numbers_take(struct publisher *p, const struct crl_issuer *ci, uint64_t count,
                             uint64_t *ret_first)
{
    MDB_txn *txn = NULL;
    uint64_t first = 0;
    TRY(publish_txn_write(p, &txn));
    enum err err = crl_numbers_take(&p->db, txn, ci->issuer->template_.issuer_id, count, &first);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    TRY(status_txn_commit(txn));
    *ret_first = first;
    return ERR_OK;
}

/* Those that can be made move to the front of the batch. What fails is tried again later. */
static enum err build_all(struct publisher *p, struct crl_issuer *ci, struct batch *b)
{
    uint64_t number = 0;
    uint64_t begin_ns = clock_monotonic_ns();
    size_t made = 0;
    TRY(numbers_take(p, ci, b->count, &number));
    for (size_t i = 0; i < b->count && clock_monotonic_ns() - begin_ns < BATCH_NS; i++) {
        enum err err = build_one(p, ci, b->slots[i], number + i, &b->records[made]);
        if (err == ERR_DISK_FULL || err == ERR_IO || err == ERR_MEMORY)
            return err;
        if (err == ERR_OK)
            b->slots[made++] = b->slots[i];
    }
    b->count = made;
    return ERR_OK;
}

static enum err path_of(const struct crl_issuer *ci, const struct crl_slot *slot,
                        const struct crl_record *record, char url[static CRL_SHARD_URL_MAX],
                        struct blob_path *ret)
{
    TRY(crl_shard_url(ci->config->url_base, slot->shard, url));
    *ret = (struct blob_path){.path = span_text(crl_url_path(url)),
                              .blob = record->blob,
                              .blob_bytes = record->bytes,
                              .media_type = span_text(crl_type),
                              .modified_s = record->this_update_s,
                              .next_s = record->next_planned_s,
                              .expires_s = record->next_update_s};
    return ERR_OK;
}

/* The second fence, beside the lease: no number at or below the one that is there. */
static enum err check_number(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                             const struct crl_slot *slot, const struct crl_record *record)
{
    struct crl_record there;
    enum err err =
        crl_record_get(&p->db, txn, ci->issuer->template_.issuer_id, slot->shard, &there);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    if (there.number < record->number && there.lease_generation <= record->lease_generation)
        return ERR_OK;
    log_error("issuer %s: CRL %u/%u: number %" PRIu64 " of lease %" PRIu64 " is there already",
              ci->issuer->config->name, slot->shard >> 16, slot->shard & UINT16_MAX, there.number,
              there.lease_generation);
    publish_count(p, COUNT_crl_refused_number_not_greater, 1);
    return ERR_CONFLICT;
}

static enum err put_all(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                        const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        char url[CRL_SHARD_URL_MAX];
        struct blob_path path;
        TRY(check_number(p, txn, ci, b->slots[i], &b->records[i]));
        TRY(path_of(ci, b->slots[i], &b->records[i], url, &path));
        TRY(path_record_put(&p->db, txn, &path));
        TRY(crl_record_put(&p->db, txn, ci->issuer->template_.issuer_id, b->slots[i]->shard,
                           &b->records[i]));
    }
    return ERR_OK;
}

static void settle(struct publisher *p, struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct crl_slot *slot = b->slots[i];
        slot->record = b->records[i];
        slot->schedule = (struct crl_schedule){.published = true,
                                               .this_update_s = slot->record.this_update_s,
                                               .next_planned_s = slot->record.next_planned_s};
        publish_count(p, COUNT_crls_published, 1);
    }
}

static enum err publish_batch(struct publisher *p, const struct crl_issuer *ci, struct batch *b)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    TRY(publish_entry_start(p, &e));
    for (size_t i = 0; i < b->count; i++) {
        char url[CRL_SHARD_URL_MAX];
        struct blob_path path;
        TRY(path_of(ci, b->slots[i], &b->records[i], url, &path));
        publish_entry_path(&e, &path);
    }
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = put_all(p, txn, ci, b);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    TRY(publish_entry_commit(p, &e, txn));
    settle(p, b);
    return ERR_OK;
}

/* --- The step --- */

static void gauges(struct publisher *p)
{
    uint64_t oldest_s = 0, earliest_s = 0, waiting = 0, largest = 0;
    for (size_t i = 0; i < p->crls->count; i++)
        for (size_t j = 0; j < p->crls->issuers[i].slot_count; j++) {
            const struct crl_slot *slot = &p->crls->issuers[i].slots[j];
            waiting += slot->schedule.dirty || !slot->schedule.published;
            if (!slot->schedule.published)
                continue;
            if (oldest_s == 0 || slot->record.this_update_s < oldest_s)
                oldest_s = slot->record.this_update_s;
            if (earliest_s == 0 || slot->record.next_update_s < earliest_s)
                earliest_s = slot->record.next_update_s;
            largest = slot->record.bytes > largest ? slot->record.bytes : largest;
        }
    publish_gauge(p, COUNT_crl_oldest_this_update_seconds, oldest_s);
    publish_gauge(p, COUNT_crl_earliest_next_update_seconds, earliest_s);
    publish_gauge(p, COUNT_crls_waiting, waiting);
    publish_gauge(p, COUNT_crl_largest_bytes, largest);
}

static enum err issuer_step(struct publisher *p, struct crl_issuer *ci, bool *ret_worked)
{
    struct batch b = {.count = 0};
    if (!ci->sets.indexed) {
        *ret_worked = true;
        return revoked_index_step(p->status, ci->issuer->template_.issuer_id, &ci->index_after,
                                  &ci->sets.indexed);
    }
    find_due(p, ci, &b);
    if (b.count == 0)
        return ERR_OK;
    TRY(build_all(p, ci, &b));
    if (b.count == 0)
        return ERR_OK;
    *ret_worked = true;
    return publish_batch(p, ci, &b);
}

static enum err ca_step(struct publisher *p, bool *ret_worked)
{
    for (size_t i = 0; i < p->crls->count && !p->crls->ca_done; i++)
        TRY(ca_publish(p, &p->crls->issuers[i], ret_worked));
    p->crls->ca_done = true;
    return ERR_OK;
}

enum err publish_crl_step(struct publisher *p, bool *ret_worked)
{
    struct publish_crls *crls = p->crls;
    bool more = false, worked = false;
    if (crls->count == 0)
        return ERR_OK;
    TRY(ca_step(p, &worked));
    TRY(look_at_changes(p, &more));
    uint64_t now_s = p->clock_s();
    if (crls->look || crls->looked_s != now_s) {
        for (size_t i = 0; i < crls->count; i++)
            TRY(issuer_step(p, &crls->issuers[i], &worked));
        crls->look = worked;
        crls->looked_s = now_s;
        gauges(p);
    }
    *ret_worked = *ret_worked || worked || more;
    return ERR_OK;
}
