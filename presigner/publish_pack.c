/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_pack.h"

#include "presigner/publish_changes.h"
#include "presigner/publish_files.h"
#include "presigner/publish_head.h"
#include "presigner/publish_sign.h"

/* A pack goes this much over its target rather than leave a sliver. */
#define PLAN_SLACK(target) ((target) / 4)
/* Headers, frames, part-filled blocks, and two templates beside the statements. */
#define PACK_OVERHEAD(target) ((target) / 8 + 65536u)

size_t publish_statement_bytes(size_t signature_size, const struct serial *serial, bool revoked)
{
    /* Each revocation has a time of its own and with it facts of its own. */
    return 1 + signature_size + serial->size + (revoked ? BLOCK_FACTS_BYTES : 0);
}

enum err publish_pack_room(struct publisher *p)
{
    size_t target = (size_t)p->config->pack_target_bytes;
    size_t room = target + PLAN_SLACK(target) + PACK_OVERHEAD(target);
    return buffer_reserve(&p->pack, room < PACK_BYTES_MAX ? room : PACK_BYTES_MAX);
}

static bool wanted(const struct publisher *p, const struct cert_record *record, uint64_t now_s)
{
    return !cert_expired(record, p->config->grace_after_expiry_s, now_s);
}

/* Walks until the size is surely too much, or the end. */
static enum err plan(struct publisher *p, struct status_cert_cursor *c, size_t signature_size,
                     struct serial *ret_until)
{
    size_t target = (size_t)p->config->pack_target_bytes;
    size_t size = 0;
    struct serial split = *ret_until;
    bool reached = false;
    uint64_t now_s = p->clock_s();
    for (;;) {
        struct status_cert cert;
        enum err err = status_certs_next(c, &cert);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        if (!wanted(p, &cert.record, now_s))
            continue;
        size += publish_statement_bytes(signature_size, &cert.serial,
                                        cert.record.status == CERT_REVOKED);
        if (size > target + PLAN_SLACK(target))
            break;
        if (size >= target && !reached) {
            split = cert.serial;
            reached = true;
        }
    }
    *ret_until = split;
    return ERR_OK;
}

enum err publish_pack_plan(struct publisher *p, MDB_txn *txn, const struct publish_issuer *issuer,
                           const struct serial *after, const struct serial *until,
                           struct serial *ret_until)
{
    struct status_cert_cursor c;
    struct serial end = *until;
    TRY(status_certs_begin(p->status, txn, issuer->template_.issuer_id, after, until, &c));
    enum err err = plan(p, &c, sign_source_signature_size(issuer->source), &end);
    status_certs_end(&c);
    TRY(err);
    *ret_until = end;
    return ERR_OK;
}

/* The chunks of one pack. Chunk i is read into one of two arrays while i - 1 is being signed, and
 * signed into one of three: a block of the pack can begin in the chunk before. */
struct pack_run {
    struct publisher *p;
    struct publish_issuer *issuer;
    struct status_cert_cursor cursor;
    uint64_t now_s;
    size_t chunk;
    size_t number; /* of the chunk that is being signed */
    size_t count;  /* its items */
    struct publish_sign_run sign;
};

static struct sign_item *chunk_items(const struct pack_run *run, size_t number)
{
    return run->p->items + number % 2 * SIGN_CHUNK_MAX;
}

static uint8_t *chunk_signatures(const struct pack_run *run, size_t number)
{
    return run->p->signatures + number % 3 * SIGN_CHUNK_MAX * SIGNATURE_BYTES_MAX;
}

static enum err chunk_read(struct pack_run *run, size_t number, size_t *ret_count)
{
    struct sign_item *items = chunk_items(run, number);
    size_t count = 0;
    while (count < run->chunk) {
        struct status_cert cert;
        enum err err = status_certs_next(&run->cursor, &cert);
        if (err == ERR_NOT_FOUND)
            break;
        TRY(err);
        if (!wanted(run->p, &cert.record, run->now_s))
            continue;
        items[count].serial = cert.serial;
        TRY(publish_facts(run->issuer, &cert.record, run->now_s, &items[count].facts));
        count++;
    }
    *ret_count = count;
    return ERR_OK;
}

static void chunk_add(const struct pack_run *run, size_t number, size_t count)
{
    const struct sign_item *items = chunk_items(run, number);
    const uint8_t *signatures = chunk_signatures(run, number);
    size_t size = sign_source_signature_size(run->issuer->source);
    for (size_t i = 0; i < count; i++) {
        struct statement s = {.serial = items[i].serial,
                              .facts = items[i].facts,
                              .signature = span_of(signatures + i * size, size)};
        pack_writer_add(&run->p->writer, &s);
    }
}

/* What does not wait for the pack: revocations, what somebody waits for, and the head that tells of
 * them. */
static enum err interlude(struct publisher *p)
{
    bool worked = false;
    bool waiting = false;
    if (publish_stopped(p))
        return ERR_STOPPED;
    TRY(publish_revocations(p, &worked, &waiting));
    if (!waiting)
        TRY(publish_awaited(p));
    return publish_head_refresh(p);
}

static void chunk_sign(struct pack_run *run, size_t number, size_t count)
{
    publish_sign_start(run->p, run->issuer, chunk_items(run, number), count, false,
                       chunk_signatures(run, number), &run->sign);
}

/* A chunk is being signed: reads the one after it meanwhile, and starts that as soon as the pool
 * is free, so that the signing threads wait for neither the reading nor the pack. On an error the
 * pool rests. */
static enum err chunk_step(struct pack_run *run)
{
    size_t next = 0;
    run->chunk = publish_sign_chunk(run->p);
    enum err read_err = chunk_read(run, run->number + 1, &next);
    TRY(publish_sign_wait(run->p, &run->sign));
    TRY(read_err);
    TRY(interlude(run->p));
    if (next > 0)
        chunk_sign(run, run->number + 1, next);
    chunk_add(run, run->number, run->count);
    run->number++;
    run->count = next;
    return ERR_OK;
}

static enum err chunks(struct pack_run *run)
{
    run->chunk = publish_sign_chunk(run->p);
    TRY(chunk_read(run, 0, &run->count));
    if (run->count > 0)
        chunk_sign(run, 0, run->count);
    while (run->count > 0)
        TRY(chunk_step(run));
    return ERR_OK;
}

enum err publish_pack_finish(struct publisher *p, struct range_record *ret)
{
    struct pack_info info;
    size_t size = 0;
    struct sha256 hash;
    TRY(pack_writer_finish(&p->writer, &info, &size));
    TRY(publish_pack_write(p, span_of(p->pack.data, size), &hash));
    ret->pack = hash;
    ret->pack_bytes = size;
    ret->statement_count = info.statement_count;
    ret->this_update_min_s = info.this_update_min_s;
    ret->next_update_min_s = info.next_update_min_s;
    return ERR_OK;
}

enum err publish_pack_sign(struct publisher *p, MDB_txn *txn, struct publish_issuer *issuer,
                           const struct serial *after, const struct serial *until,
                           struct range_record *ret)
{
    struct pack_run run = {.p = p, .issuer = issuer, .now_s = p->clock_s()};
    const struct ocsp_template *t = &issuer->template_;
    struct pack_info info = {
        .issuer_id = t->issuer_id, .kind = PACK_RANGE, .after = *after, .until = *until};
    TRY(publish_pack_room(p));
    pack_writer_start(&p->writer, &info, &t, 1, p->pack.data, p->pack.capacity);
    TRY(status_certs_begin(p->status, txn, t->issuer_id, after, until, &run.cursor));
    enum err err = chunks(&run);
    status_certs_end(&run.cursor);
    TRY(err);
    struct range_record range = {.issuer_id = t->issuer_id, .after = *after, .until = *until};
    TRY(publish_pack_finish(p, &range));
    *ret = range;
    return ERR_OK;
}
