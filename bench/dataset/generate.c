/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/generate.h"

#include "bench/dataset/statement_draw.h"
#include "lib/sig_alg.h"

#include <stdlib.h>

/* As presigners split ranges by default. */
#define PACK_TARGET_BYTES (6u << 20)
/* A pack with so much room never runs out of it: splitting is by count, at a bucket's end. */
#define PACK_ROOM_BYTES (2 * PACK_TARGET_BYTES)
#define BODY_BYTES      17 /* serial and facts number of a statement, beside its signature */

/* One pack being written, and what packs have in common. */
struct work {
    struct publication *p;
    struct pack_writer writer;
    struct draw_signatures signatures;
    struct serial serials[PLAN_BUCKET_MAX];
    struct ocsp_template template_; /* generate_turn() */
    uint8_t pack[];                 /* PACK_ROOM_BYTES or PACK_BYTES_MAX */
};

static struct work *work_new(struct publication *p, size_t pack_bytes, uint64_t seed)
{
    struct work *w = malloc(sizeof *w + pack_bytes);
    if (w != NULL) {
        w->p = p;
        w->signatures.random = seed;
        w->signatures.next = 0;
    }
    return w;
}

static enum err pack_finish(struct work *w)
{
    struct pack_info info;
    size_t size;
    TRY(pack_writer_finish(&w->writer, &info, &size));
    return publication_pack(w->p, &info, span_of(w->pack, size));
}

static void bucket_add(struct work *w, const struct generate_issuer *issuer, uint64_t bucket)
{
    const struct serial_plan *plan = issuer->plan;
    uint32_t this_update_s = (uint32_t)w->p->time_s - DRAW_BACKDATE_S;
    uint32_t count = serial_plan_bucket(plan, bucket, w->serials);
    for (uint32_t i = 0; i < count; i++) {
        struct statement s = {.serial = w->serials[i]};
        s.facts = draw_facts(plan->seed, issuer->revoked_share, &s.serial, this_update_s);
        s.facts.template_no = issuer->template_->template_no;
        s.signature =
            draw_signature(&w->signatures, sig_alg_info(issuer->template_->sig_alg)->size);
        pack_writer_add(&w->writer, &s);
    }
}

/* Where a pack from this bucket on ends; what is left is no small rest. */
static uint64_t pack_end(const struct generate_issuer *issuer, uint64_t bucket, uint64_t *left)
{
    size_t statement = BODY_BYTES + sig_alg_info(issuer->template_->sig_alg)->size;
    uint64_t target = PACK_TARGET_BYTES / statement;
    uint64_t goal = *left < target + target / 2 ? *left : target;
    for (uint64_t taken = 0; taken < goal; bucket++) {
        taken += issuer->plan->counts[bucket];
        *left -= issuer->plan->counts[bucket];
    }
    return bucket;
}

static enum err packs_write(struct work *w, const struct generate_issuer *issuer)
{
    const struct ocsp_template *t = issuer->template_;
    struct pack_info info = {
        .issuer_id = t->issuer_id, .kind = PACK_RANGE, .after = SERIAL_BEFORE_ALL};
    uint64_t left = issuer->plan->count;
    for (uint64_t bucket = 0; left > 0; info.after = info.until) {
        uint64_t end = pack_end(issuer, bucket, &left);
        info.until = SERIAL_AFTER_ALL;
        if (left > 0) /* the last bucket is not empty: it filled the pack */
            info.until = w->serials[serial_plan_bucket(issuer->plan, end - 1, w->serials) - 1];
        pack_writer_start(&w->writer, &info, &t, 1, w->pack, PACK_ROOM_BYTES);
        for (; bucket < end; bucket++)
            bucket_add(w, issuer, bucket);
        TRY(pack_finish(w));
    }
    return ERR_OK;
}

enum err generate_packs(struct publication *p, const struct generate_issuer *issuer)
{
    struct work *w = work_new(p, PACK_ROOM_BYTES, issuer->plan->seed ^ p->time_s);
    if (w == NULL)
        return ERR_MEMORY;
    enum err err = packs_write(w, issuer);
    free(w);
    return err;
}

static enum err statements_renew(struct work *w, const struct pack_reader *old)
{
    uint32_t signature_bytes = sig_alg_info(w->template_.sig_alg)->size;
    uint32_t least_s = (uint32_t)w->p->time_s - DRAW_BACKDATE_S;
    size_t cursor = 0;
    struct span wire;
    while (pack_next_block(old, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        for (uint32_t i = 0; i < block.count; i++) {
            struct statement s;
            block_statement(&block, i, &s);
            uint32_t this_update_s = s.facts.this_update_s + 1;
            this_update_s = this_update_s < least_s ? least_s : this_update_s;
            if (this_update_s > w->p->time_s)
                return ERR_FUTURE;
            s.facts.this_update_s = this_update_s;
            s.facts.next_update_s = this_update_s + DRAW_VALIDITY_S;
            s.signature = draw_signature(&w->signatures, signature_bytes);
            pack_writer_add(&w->writer, &s);
        }
    }
    return ERR_OK;
}

static enum err range_renew(struct work *w, const struct log_range *range, struct buffer *b)
{
    struct pack_reader old;
    size_t cursor = 0;
    struct span template_wire;
    const struct ocsp_template *t = &w->template_;
    TRY(publication_read(w->p, "pack", &range->pack, PACK_BYTES_MAX, b));
    TRY(pack_open(span_of(b->data, b->size), &old));
    if (!pack_next_template(&old, &cursor, &template_wire))
        return ERR_CONFLICT;
    TRY(template_read(template_wire, &w->template_));
    pack_writer_start(&w->writer, &old.info, &t, 1, w->pack, PACK_BYTES_MAX);
    TRY(statements_renew(w, &old));
    return pack_finish(w);
}

static enum err index_renew(struct work *w, const struct index_reader *index, uint64_t *ret_count)
{
    struct buffer b = {0};
    struct index_line line;
    size_t cursor = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && index_next(index, &cursor, &line)) {
        if (line.type == INDEX_TEMPLATE)
            err = publication_template(w->p, &line.template_);
        else if (line.type == INDEX_RANGE)
            err = range_renew(w, &line.range, &b);
        else
            err = ERR_UNSUPPORTED;
        *ret_count += line.type == INDEX_RANGE ? line.range.statement_count : 0;
    }
    buffer_done(&b);
    return err;
}

/* What only the generation before has. */
static void remove_before(const struct publication *p, const struct head *head,
                          const struct index_reader *index)
{
    struct index_line line;
    size_t cursor = 0;
    while (index_next(index, &cursor, &line))
        if (line.type == INDEX_RANGE)
            publication_remove(p, "pack", &line.range.pack);
    publication_remove(p, "index", &head->index_hash);
    for (uint64_t i = head->log_first; i <= head->log_last; i++)
        publication_remove_log(p, i);
}

static enum err turn(struct work *w, const struct head *head, const struct buffer *text,
                     uint64_t *ret_count)
{
    struct index_reader index;
    TRY(index_open(span_of(text->data, text->size), &index));
    TRY(index_renew(w, &index, ret_count));
    TRY(publication_finish(w->p));
    remove_before(w->p, head, &index);
    return ERR_OK;
}

enum err generate_turn(const char *folder, const struct publish_key *key, uint64_t *ret_count)
{
    struct publication p;
    struct head head;
    struct buffer text = {0};
    uint64_t count = 0;
    TRY(publication_next(folder, key, &p, &head));
    struct work *w = work_new(&p, PACK_BYTES_MAX, p.time_s ^ p.log_last << 32);
    enum err err = w == NULL ? ERR_MEMORY : ERR_OK;
    if (err == ERR_OK)
        err = publication_read(&p, "index", &head.index_hash, INDEX_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = turn(w, &head, &text, &count);
    buffer_done(&text);
    publication_done(&p);
    free(w);
    if (err == ERR_OK)
        *ret_count = count;
    return err;
}
