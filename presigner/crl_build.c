/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/crl_build.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/os/log.h"
#include "presigner/publish_files.h"

#define FUTURE_MAX_S (86400u + 3600u) /* as imports take them, and a clock that was put back */

struct entry_list {
    struct crl_entry *list;
    size_t count;
    size_t capacity;
};

struct entries {
    struct entry_list all;
    struct entry_list fresh; /* those that the delta has, */
    uint64_t fresh_after;    /* newer than this sequence */
    uint64_t covers_sequence;
};

/* Other reasons are for no certificate of a public CA (Baseline Requirements 7.2.2). */
static uint8_t reason_of(uint8_t reason)
{
    switch (reason) {
    case REASON_KEY_COMPROMISE:
    case REASON_AFFILIATION_CHANGED:
    case REASON_SUPERSEDED:
    case REASON_CESSATION_OF_OPERATION:
    case REASON_PRIVILEGE_WITHDRAWN:
        return reason;
    default:
        return REASON_ABSENT;
    }
}

/* One further ahead comes of a clock that was. It would keep the whole CRL back until then. */
static uint32_t revocation_date(uint32_t revoked_at_s, uint64_t now_s)
{
    return revoked_at_s > now_s + FUTURE_MAX_S ? (uint32_t)now_s : revoked_at_s;
}

static enum err add(struct entry_list *e, const struct status_cert *cert, uint64_t now_s)
{
    if (e->count == CRL_ENTRIES_MAX)
        return ERR_LIMIT;
    if (e->count == e->capacity) {
        size_t capacity = e->capacity == 0 ? 1024 : e->capacity * 2;
        struct crl_entry *list = realloc(e->list, capacity * sizeof *list);
        if (list == NULL)
            return ERR_MEMORY;
        e->list = list;
        e->capacity = capacity;
    }
    e->list[e->count++] =
        (struct crl_entry){.serial = cert->serial,
                           .reason = reason_of(cert->record.reason),
                           .revoked_at_s = revocation_date(cert->record.revoked_at_s, now_s)};
    return ERR_OK;
}

/* Whether a CRL made at `this_update_s` was, for this certificate, the regularly scheduled one
 * beyond its end that RFC 5280 3.3 asks for: made an interval after that, so that one of the
 * schedule lies between, whatever revocations had made besides. Nor may the clock have been ahead.
 */
static bool was_last(const struct crl_issuer *ci, const struct cert_record *record,
                     uint64_t this_update_s, uint64_t now_s)
{
    uint64_t made_s = this_update_s < now_s ? this_update_s : now_s;
    return record->not_after_s + ci->config->interval_s < made_s;
}

/* It was on the CRL before, and that was the last one that must have it. */
static bool may_go(const struct crl_issuer *ci, const struct crl_slot *slot,
                   const struct cert_record *record, uint64_t now_s)
{
    return slot->schedule.published && record->sequence <= slot->record.covers_sequence &&
           was_last(ci, record, slot->record.this_update_s, now_s);
}

static enum err take(struct entries *e, const struct status_cert *cert, uint64_t now_s)
{
    if (cert->record.sequence > e->fresh_after)
        TRY(add(&e->fresh, cert, now_s));
    return add(&e->all, cert, now_s);
}

static int compare(const void *a, const void *b)
{
    const struct crl_entry *x = a, *y = b;
    return serial_compare(&x->serial, &y->serial);
}

static void sort(struct entry_list *e)
{
    if (e->count > 0)
        qsort(e->list, e->count, sizeof *e->list, compare);
}

static enum err walk(struct publisher *p, MDB_txn *txn, const struct crl_issuer *ci,
                     const struct crl_slot *slot, struct entries *e)
{
    uint64_t now_s = p->clock_s();
    struct revoked_cursor c;
    struct status_cert cert;
    TRY(status_last_sequence(p->status, txn, &e->covers_sequence));
    TRY(revoked_begin(p->status, txn, ci->issuer->template_.issuer_id, slot->shard, &c));
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        err = revoked_next(&c, &cert);
        if (err == ERR_OK && !may_go(ci, slot, &cert.record, now_s))
            err = take(e, &cert, now_s);
    }
    revoked_end(&c);
    if (err == ERR_NOT_FOUND && slot->shard == CRL_SHARD_FULL) {
        sort(&e->all);
        sort(&e->fresh);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err collect(struct publisher *p, const struct crl_issuer *ci,
                        const struct crl_slot *slot, struct entries *e)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    enum err err = walk(p, txn, ci, slot, e);
    status_txn_abort(txn);
    return err;
}

static enum err sign(const struct crl_issuer *ci, const struct crl_fields *fields,
                     const struct entry_list *e, struct buffer *der)
{
    struct buffer tbs = {0};
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size = 0;
    TRY(buffer_reserve(der, crl_bytes_max(e->count)));
    TRY(buffer_reserve(&tbs, crl_bytes_max(e->count)));
    enum err err = crl_tbs_encode(fields, e->list, e->count, tbs.data, tbs.capacity, &tbs.size);
    if (err == ERR_OK)
        err = signer_worker_sign(ci->worker, span_of(tbs.data, tbs.size), signature, &size);
    if (err == ERR_OK)
        err = crl_encode(span_of(tbs.data, tbs.size), ci->alg, span_of(signature, size), der->data,
                         der->capacity, &der->size);
    buffer_done(&tbs);
    return err;
}

/* --- The gates --- */

/* The CRL that is replaced. */
struct before {
    const struct sha256 *blob;
    uint64_t number; /* 0: there is none */
    uint64_t covers_sequence;
    /* Of a delta: entries of this state or older are on its base, */
    uint64_t base_covers;
    uint64_t complete_s; /* and this is thisUpdate of the complete CRL before, maybe a newer one */
};

struct known {
    struct publisher *p;
    MDB_txn *txn;
    const struct crl_issuer *ci;
    const struct before *before;
};

static bool may_be_gone(void *context, const struct serial *serial, uint64_t this_update_s)
{
    const struct known *k = context;
    struct cert_record record;
    if (status_get(k->p->status, k->txn, k->ci->issuer->template_.issuer_id, serial, &record) !=
        ERR_OK)
        return false;
    /* What the complete CRL does not need any more, its delta does not either. */
    uint64_t made_s = this_update_s > k->before->complete_s ? this_update_s : k->before->complete_s;
    return record.sequence <= k->before->base_covers ||
           was_last(k->ci, &record, made_s, k->p->clock_s());
}

static void read_previous(struct publisher *p, const struct sha256 *blob, struct buffer *b)
{
    char path[PUBLISH_PATH_BYTES];
    enum err err = publish_path_hash(p, "blob", blob, path);
    if (err == ERR_OK)
        err = file_read(path, BLOB_BYTES_MAX, b);
    struct sha256 hash = sha256_of(span_of(b->data, b->size));
    if (err == ERR_OK && sha256_equal(&hash, blob))
        return;
    log_warning("%s: the CRL before is gone: only its number can be compared", path);
    b->size = 0;
}

static struct crl_verdict judge(struct publisher *p, struct crl_issuer *ci,
                                const struct before *before, struct span der,
                                const struct crl_expectation *expected, MDB_txn *txn)
{
    struct buffer octets = {0};
    struct known known = {.p = p, .txn = txn, .ci = ci, .before = before};
    if (before->number == 0)
        return crl_gate_check(der, expected, NULL);
    read_previous(p, before->blob, &octets);
    struct crl_previous previous = {.der = span_of(octets.data, octets.size),
                                    .number = before->number,
                                    .covers_sequence = before->covers_sequence,
                                    .may_go = may_be_gone,
                                    .context = &known};
    struct crl_verdict verdict = crl_gate_check(der, expected, &previous);
    buffer_done(&octets);
    return verdict;
}

static void tell(struct publisher *p, const struct crl_verdict *verdict, const char *url)
{
    char serial[SERIAL_HEX_MAX] = "";
    publish_count(p, COUNT_crl_refused_form + verdict->gate - CRL_GATE_FORM, 1);
    if (verdict->gate == CRL_GATE_ENTRY_MISSING)
        serial_to_hex(&verdict->missing, serial);
    log_error("CRL %s is refused: %s (%s) %s; the one before stays", url,
              crl_gate_text(verdict->gate), crl_gate_section(verdict->gate), serial);
    for (int i = 0; i < CRL_LINT_COUNT; i++)
        if (verdict->lints & 1u << i)
            log_error("CRL %s: %s (%s)", url, crl_lint_text((enum crl_lint)i),
                      crl_lint_section((enum crl_lint)i));
}

static enum err pass_gates(struct publisher *p, struct crl_issuer *ci, const struct before *before,
                           struct span der, const struct crl_expectation *expected, const char *url)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(p->status, &txn));
    struct crl_verdict verdict = judge(p, ci, before, der, expected, txn);
    status_txn_abort(txn);
    if (verdict.gate == CRL_GATE_OPEN)
        return ERR_OK;
    tell(p, &verdict, url);
    return ERR_CONFLICT;
}

/* --- All of it --- */

static enum err fields_of(struct publisher *p, const struct crl_issuer *ci,
                          const struct crl_slot *slot, uint64_t number, const char *url,
                          struct crl_fields *ret)
{
    uint64_t now_s = p->clock_s();
    uint64_t next_s = now_s + ci->config->validity_s;
    if (next_s > ci->not_after_s)
        next_s = ci->not_after_s;
    if (next_s <= now_s)
        return ERR_EXPIRED;
    *ret = (struct crl_fields){
        .issuer = span_of(ci->name.data, ci->name.size),
        .key_id = span_of(ci->key_id, ci->key_id_size),
        .alg = ci->alg,
        .this_update_s = now_s,
        .next_update_s = next_s,
        .number = number,
        .url = slot->shard == CRL_SHARD_FULL ? SPAN_EMPTY : span_text(url),
        .scope = slot->scope,
    };
    return ERR_OK;
}

static struct crl_record record_of(const struct publisher *p, const struct crl_issuer *ci,
                                   const struct crl_slot *slot, const struct crl_fields *f,
                                   const struct entries *e, size_t bytes)
{
    uint8_t key[12];
    be64_store(key, ci->issuer->template_.issuer_id);
    be32_store(key + 8, slot->shard);
    uint64_t planned_s =
        crl_schedule_planned(span_of(key, sizeof key), ci->config->interval_s, f->this_update_s);
    return (struct crl_record){
        .number = f->number,
        .covers_sequence = e->covers_sequence,
        .this_update_s = f->this_update_s,
        .next_update_s = f->next_update_s,
        .next_planned_s = planned_s < f->next_update_s ? planned_s : f->next_update_s,
        .entry_count = (uint32_t)e->all.count,
        .bytes = bytes,
        .lease_generation = lease_generation(p->lease),
    };
}

static struct crl_expectation expectation_of(struct publisher *p, struct crl_issuer *ci,
                                             const struct crl_fields *fields,
                                             const struct entries *e)
{
    return (struct crl_expectation){
        .issuer = ci->subject,
        .key_id = fields->key_id,
        .url = fields->url,
        .scope = fields->scope,
        .base_number = fields->base_number,
        .now_s = fields->this_update_s,
        .future_max_s = FUTURE_MAX_S,
        .validity_max_s = p->config->allow_any_validity ? UINT64_MAX : CRL_VALIDITY_MAX_S,
        .bytes_max = BLOB_BYTES_MAX,
        .covers_sequence = e->covers_sequence,
        .verify = crl_issuer_verify,
        .context = ci,
    };
}

static enum err make_delta(struct publisher *p, struct crl_issuer *ci, const struct crl_slot *slot,
                           const struct crl_fields *complete, const struct entries *e,
                           struct crl_made *made)
{
    char url[CRL_SHARD_URL_MAX];
    struct crl_fields fields = *complete;
    fields.freshest_url = SPAN_EMPTY;
    fields.base_number = made->delta.base.number;
    TRY(crl_delta_url(ci->config->url_base, slot->shard, url));
    TRY(sign(ci, &fields, &e->fresh, &made->delta_der));
    struct crl_expectation expected = expectation_of(p, ci, &fields, e);
    struct before before = {.blob = &slot->delta.blob,
                            .number = slot->delta.number,
                            .covers_sequence = slot->delta.covers_sequence,
                            .base_covers = made->delta.base.covers_sequence,
                            .complete_s = slot->record.this_update_s};
    TRY(pass_gates(p, ci, &before, span_of(made->delta_der.data, made->delta_der.size), &expected,
                   url));
    made->delta.number = fields.number;
    made->delta.covers_sequence = e->covers_sequence;
    made->delta.entry_count = (uint32_t)e->fresh.count;
    made->delta.bytes = made->delta_der.size;
    return ERR_OK;
}

static enum err make_complete(struct publisher *p, struct crl_issuer *ci,
                              const struct crl_slot *slot, const struct crl_fields *fields,
                              const char *url, const struct entries *e, struct crl_made *made)
{
    TRY(sign(ci, fields, &e->all, &made->der));
    struct crl_expectation expected = expectation_of(p, ci, fields, e);
    struct before before = {.blob = &slot->record.blob,
                            .number = slot->schedule.published ? slot->record.number : 0,
                            .covers_sequence = slot->record.covers_sequence};
    TRY(pass_gates(p, ci, &before, span_of(made->der.data, made->der.size), &expected, url));
    made->record = record_of(p, ci, slot, fields, e, made->der.size);
    return ERR_OK;
}

/* Where this issuer never published, there must be nothing: what is there is another CA's CRL,
 * maybe that of the same name with the key before, and the certificates that name it are none of
 * ours. */
static enum err check_path(struct publisher *p, const struct crl_slot *slot, const char *url)
{
    MDB_txn *txn = NULL;
    struct blob_path there;
    if (slot->schedule.published)
        return ERR_OK;
    TRY(status_txn_read(p->status, &txn));
    enum err err = path_record_get(&p->db, txn, span_text(crl_url_path(url)), &there);
    status_txn_abort(txn);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    publish_count(p, COUNT_crl_refused_idp, 1);
    log_error("CRL %s is refused: another CA's is there; this one needs another url_base", url);
    return ERR_CONFLICT;
}

static enum err make(struct publisher *p, struct crl_issuer *ci, struct crl_slot *slot,
                     uint64_t number, struct entries *e, struct crl_made *made)
{
    char url[CRL_SHARD_URL_MAX], freshest[CRL_SHARD_URL_MAX];
    struct crl_fields fields;
    bool delta = ci->config->delta && slot->schedule.published;
    TRY(crl_shard_url(ci->config->url_base, slot->shard, url));
    TRY(check_path(p, slot, url));
    TRY(crl_delta_url(ci->config->url_base, slot->shard, freshest));
    TRY(fields_of(p, ci, slot, number, url, &fields));
    if (delta) {
        fields.freshest_url = span_text(freshest);
        crl_delta_roll(&made->delta, &slot->record, ci->config->interval_s, fields.this_update_s);
    }
    e->fresh_after = delta ? made->delta.base.covers_sequence : UINT64_MAX;
    TRY(collect(p, ci, slot, e));
    TRY(make_complete(p, ci, slot, &fields, url, e, made));
    if (!delta)
        return ERR_OK;
    made->delta_err = make_delta(p, ci, slot, &fields, e, made);
    if (made->delta_err != ERR_OK)
        buffer_done(&made->delta_der);
    return ERR_OK;
}

void crl_made_done(struct crl_made *made)
{
    buffer_done(&made->der);
    buffer_done(&made->delta_der);
}

enum err crl_build(struct publisher *p, struct crl_issuer *ci, struct crl_slot *slot,
                   uint64_t number, struct crl_made *ret)
{
    struct entries e = {.all = {0}};
    struct crl_made made = {.delta = slot->delta};
    enum err err = make(p, ci, slot, number, &e, &made);
    free(e.all.list);
    free(e.fresh.list);
    if (err != ERR_OK) {
        crl_made_done(&made);
        return err;
    }
    *ret = made;
    return ERR_OK;
}
