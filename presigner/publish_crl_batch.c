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
#define BATCH_COUNT_MAX 32
#define BATCH_NS        200000000u
_Static_assert(2 * BATCH_COUNT_MAX <= LOG_RECORD_PACKS_MAX,
               "blobs that an entry names, deltas too");

static const char crl_type[] = "application/pkix-crl";

struct made {
    struct crl_slot *slot;
    struct crl_record record;
    struct crl_delta delta;
    bool has_delta;   /* a delta goes with it */
    bool lacks_delta; /* one should, but could not be made */
};

struct batch {
    struct made crls[BATCH_COUNT_MAX];
    size_t count;
};

/* From where the last batch ended: with more to do than there is time for, each has its turn. */
static void find_due(struct publisher *p, struct crl_issuer *ci, struct batch *b)
{
    uint64_t now_s = p->clock_s();
    size_t first = ci->next_slot;
    for (size_t i = 0; i < ci->slot_count && b->count < BATCH_COUNT_MAX; i++) {
        struct crl_slot *slot = &ci->slots[(first + i) % ci->slot_count];
        if (!crl_schedule_due(&slot->schedule, ci->config->debounce_s, now_s))
            continue;
        if (crl_schedule_is_twin(&slot->schedule, now_s))
            p->crls->waits = true;
        else
            b->crls[b->count++].slot = slot;
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

static void tell_failure(const struct crl_issuer *ci, const struct crl_slot *slot, enum err err,
                         const char *what)
{
    log_error("issuer %s: %s %u/%u is not published: %s; again in %d s", ci->issuer->config->name,
              what, slot->shard >> 16, slot->shard & UINT16_MAX, err_text(err), CRL_RETRY_S);
}

static enum err write_blobs(struct publisher *p, const struct crl_made *made, struct made *m)
{
    m->record = made->record;
    m->delta = made->delta;
    m->has_delta = made->delta_der.size > 0;
    m->lacks_delta = made->delta_err != ERR_OK;
    TRY(publish_blob_write(p, span_of(made->der.data, made->der.size), &m->record.blob));
    if (!m->has_delta)
        return ERR_OK;
    return publish_blob_write(p, span_of(made->delta_der.data, made->delta_der.size),
                              &m->delta.blob);
}

static enum err build_one(struct publisher *p, struct crl_issuer *ci, uint64_t number,
                          struct made *m)
{
    struct crl_made made;
    enum err err = crl_build(p, ci, m->slot, number, &made);
    if (err != ERR_OK) {
        m->slot->schedule.retry_s = p->clock_s() + CRL_RETRY_S;
        publish_count(p, COUNT_crl_failures, 1);
        tell_failure(ci, m->slot, err, "CRL");
        return err;
    }
    alarm_size(p, ci, m->slot, made.der.size);
    if (made.delta_err != ERR_OK) {
        publish_count(p, COUNT_crl_delta_failures, 1);
        tell_failure(ci, m->slot, made.delta_err, "delta CRL");
    }
    err = write_blobs(p, &made, m);
    crl_made_done(&made);
    return err;
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
        ci->next_slot = (size_t)(b->crls[i].slot - ci->slots) + 1;
        enum err err = build_one(p, ci, number + i, &b->crls[i]);
        if (err == ERR_DISK_FULL || err == ERR_IO || err == ERR_MEMORY)
            return err;
        if (err == ERR_OK)
            b->crls[made++] = b->crls[i];
    }
    b->count = made;
    return ERR_OK;
}

static enum err path_of(const struct crl_issuer *ci, const struct made *m,
                        char url[static CRL_SHARD_URL_MAX], struct blob_path *ret)
{
    TRY(crl_shard_url(ci->config->url_base, m->slot->shard, url));
    *ret = (struct blob_path){.path = span_text(crl_url_path(url)),
                              .blob = m->record.blob,
                              .blob_bytes = m->record.bytes,
                              .media_type = span_text(crl_type),
                              .modified_s = m->record.this_update_s,
                              .next_s = m->record.next_planned_s,
                              .expires_s = m->record.next_update_s};
    return ERR_OK;
}

/* Its times are those of its complete CRL. */
static enum err delta_path_of(const struct crl_issuer *ci, const struct made *m,
                              char url[static CRL_SHARD_URL_MAX], struct blob_path *ret)
{
    struct blob_path path;
    TRY(path_of(ci, m, url, &path));
    TRY(crl_delta_url(ci->config->url_base, m->slot->shard, url));
    path.path = span_text(crl_url_path(url));
    path.blob = m->delta.blob;
    path.blob_bytes = m->delta.bytes;
    *ret = path;
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

static enum err put_one(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                        const struct made *m)
{
    char url[CRL_SHARD_URL_MAX];
    struct blob_path path;
    uint64_t issuer_id = ci->issuer->template_.issuer_id;
    TRY(check_number(p, txn, ci, m->slot, &m->record));
    TRY(path_of(ci, m, url, &path));
    TRY(path_record_put(&p->db, txn, &path));
    TRY(crl_record_put(&p->db, txn, issuer_id, m->slot->shard, &m->record));
    if (!m->has_delta)
        return ERR_OK;
    TRY(delta_path_of(ci, m, url, &path));
    TRY(path_record_put(&p->db, txn, &path));
    return crl_delta_put(&p->db, txn, issuer_id, m->slot->shard, &m->delta);
}

static enum err put_all(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                        const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        TRY(put_one(p, txn, ci, &b->crls[i]));
    return ERR_OK;
}

static void settle_one(struct publisher *p, const struct made *m)
{
    struct crl_slot *slot = m->slot;
    uint64_t now_s = p->clock_s();
    slot->record = m->record;
    slot->schedule = (struct crl_schedule){.published = true,
                                           .this_update_s = slot->record.this_update_s,
                                           .next_planned_s = slot->record.next_planned_s};
    publish_count(p, COUNT_crls_published, 1);
    if (m->has_delta) {
        slot->delta = m->delta;
        publish_count(p, COUNT_crl_deltas_published, 1);
    }
    if (m->lacks_delta) {
        /* Both again: a delta comes with its complete CRL. */
        slot->schedule.dirty = true;
        slot->schedule.dirty_since_s = now_s;
        slot->schedule.retry_s = now_s + CRL_RETRY_S;
    }
}

static enum err add_paths(struct publish_entry *e, const struct crl_issuer *ci,
                          const struct made *m)
{
    char url[CRL_SHARD_URL_MAX];
    struct blob_path path;
    TRY(path_of(ci, m, url, &path));
    publish_entry_path(e, &path);
    if (!m->has_delta)
        return ERR_OK;
    TRY(delta_path_of(ci, m, url, &path));
    publish_entry_path(e, &path);
    return ERR_OK;
}

static enum err publish_batch(struct publisher *p, const struct crl_issuer *ci, struct batch *b)
{
    struct publish_entry e;
    MDB_txn *txn = NULL;
    TRY(publish_entry_start(p, &e));
    for (size_t i = 0; i < b->count; i++)
        TRY(add_paths(&e, ci, &b->crls[i]));
    TRY(publish_entry_seal(p, &e, &txn));
    enum err err = put_all(p, txn, ci, b);
    if (err != ERR_OK) {
        publish_entry_drop(p, &e, txn);
        return err;
    }
    TRY(publish_entry_commit(p, &e, txn));
    for (size_t i = 0; i < b->count; i++)
        settle_one(p, &b->crls[i]);
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
