/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_crl_batch.h"

#include <inttypes.h>

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

static const char crl_type[] = "application/pkix-crl";

struct batch {
    struct crl_slot *slots[BATCH_COUNT_MAX];
    struct crl_record records[BATCH_COUNT_MAX];
    size_t count;
};

/* From where the last batch ended: with more to do than there is time for, each has its turn. */
static void find_due(struct publisher *p, struct crl_issuer *ci, struct batch *b)
{
    uint64_t now_s = p->clock_s();
    size_t first = ci->next_slot;
    for (size_t i = 0; i < ci->slot_count && b->count < BATCH_COUNT_MAX; i++) {
        struct crl_slot *slot = &ci->slots[(first + i) % ci->slot_count];
        if (crl_schedule_due(&slot->schedule, ci->config->debounce_s, now_s))
            b->slots[b->count++] = slot;
    }
}

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
        ci->next_slot = (size_t)(b->slots[i] - ci->slots) + 1;
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

enum err publish_crl_batch(struct publisher *p, struct crl_issuer *ci, bool *ret_worked)
{
    struct batch b = {.count = 0};
    find_due(p, ci, &b);
    if (b.count == 0)
        return ERR_OK;
    TRY(build_all(p, ci, &b));
    if (b.count == 0)
        return ERR_OK;
    *ret_worked = true;
    return publish_batch(p, ci, &b);
}
