/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_apply.h"

#include <stdlib.h>

#include "edge/outlive.h"
#include "edge/store_apply.h"
#include "edge/store_blob.h"
#include "edge/store_range.h"
#include "edge/store_relay.h"
#include "edge/sync_check.h"
#include "edge/sync_paths.h"
#include "lib/check.h"

enum err sync_applier_start(struct sync_applier *a, uint64_t seed)
{
    a->bulk = false;
    a->issuers = trust_issuers(a->trust);
    a->passed_count = 0;
    a->collected_s = 0;
    template_sweep_restart(&a->sweep);
    a->tails = (struct sync_tails){.issuers = a->issuers};
    a->scratch = (struct buffer){0};
    return sync_verifiers_start(&a->verifiers, seed, a->counters);
}

void sync_applier_stop(struct sync_applier *a)
{
    sync_verifiers_stop(&a->verifiers);
    sync_tails_done(&a->tails);
    buffer_done(&a->scratch);
}

/* What one transaction's steps share. */
struct step {
    struct sync_applier *a;
    const struct sync_core *core;
    struct store_txn *txn;
    uint64_t now_s;
    struct ocsp_template template_; /* the one looked up last */
    bool template_here;
    uint64_t statement_count; /* put in so far */
    uint64_t passed_count;    /* items passed over */
    uint64_t signer_end_s;    /* of template_ */
    uint64_t outliving_count; /* statements that outlive their signer's certificate */
    uint64_t path_count;      /* put in, changed or withdrawn */
    uint64_t blobs_removed;
    uint64_t relay_log; /* of the head that was put for relaying; 0: none */
};

/* Whether it is to be passed over; notes it if so. */
static bool pass_over(struct step *s, uint64_t issuer_id)
{
    struct sync_applier *a = s->a;
    if (issuer_set_has(a->issuers, issuer_id))
        return false;
    s->passed_count++;
    for (uint32_t i = 0; i < a->passed_count; i++)
        if (a->passed[i] == issuer_id)
            return true;
    if (a->passed_count < SYNC_PASSED_MAX)
        a->passed[a->passed_count++] = issuer_id;
    return true;
}

/* One that is there already is checked again: the configured trust may have changed since. */
static enum err put_template(struct step *s, const struct ocsp_template *t)
{
    if (pass_over(s, t->issuer_id))
        return ERR_OK;
    TRY(trust_check(s->a->trust, t));
    template_sweep_note(&s->a->sweep, t->issuer_id, t->template_no);
    s->template_here = false;
    return store_put_template(s->txn, t);
}

static enum err find_template(struct step *s, uint64_t issuer_id, uint16_t template_no)
{
    if (s->template_here && s->template_.issuer_id == issuer_id &&
        s->template_.template_no == template_no)
        return ERR_OK;
    enum err err = store_get_template(s->txn, issuer_id, template_no, &s->template_);
    s->template_here = err == ERR_OK;
    if (err == ERR_OK)
        s->signer_end_s = outlive_signer_end_s(&s->template_);
    return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
}

static enum err apply_statement(struct step *s, const struct log_item *item)
{
    const struct statement *statement = &item->statement;
    if (pass_over(s, item->issuer_id))
        return ERR_OK;
    enum err err = find_template(s, item->issuer_id, statement->facts.template_no);
    /* Of an issuer that is trusted since short: the index that is waited for brings all of it. */
    if (err == ERR_CONFLICT && s->core->refill) {
        s->passed_count++;
        return ERR_OK;
    }
    TRY(err);
    const struct sig_alg_info *alg = sig_alg_info(s->template_.sig_alg);
    if (alg == NULL || statement->signature.size != alg->size)
        return ERR_CONFLICT;
    struct sync_verifiers *v = &s->a->verifiers;
    if (sync_verify_chosen(v, s->a->verify_log))
        TRY(sync_verify_one(v, &s->template_, statement));
    s->statement_count++;
    s->outliving_count += statement->facts.next_update_s > s->signer_end_s;
    template_sweep_note(&s->a->sweep, item->issuer_id, statement->facts.template_no);
    return store_apply_statement(s->txn, item->issuer_id, statement);
}

static enum err put_pack_templates(struct step *s, const struct pack_reader *pack)
{
    size_t cursor = 0;
    struct span wire;
    while (pack_next_template(pack, &cursor, &wire)) {
        struct ocsp_template t;
        TRY(template_read(wire, &t));
        TRY(put_template(s, &t));
    }
    return ERR_OK;
}

static enum err apply_range(struct step *s, const struct log_range *range)
{
    struct sync_applier *a = s->a;
    struct span wire;
    bool passed = pass_over(s, range->issuer_id);
    if (passed && !a->relay.on)
        return ERR_OK;
    TRY(a->packs.read(a->packs.context, range, &a->scratch, &wire));
    if (a->relay.on)
        TRY(sync_relay_keep_pack(s->txn, range, wire));
    if (passed)
        return ERR_OK;
    struct pack_reader pack;
    TRY(pack_open(wire, &pack));
    TRY(put_pack_templates(s, &pack));
    TRY(sync_verify_pack(&a->verifiers, a->verify_packs, &pack));
    s->statement_count += pack.info.statement_count;
    s->outliving_count += outlive_count(&pack);
    return store_replace_range(s->txn, range->issuer_id, &range->after, &range->until, &pack);
}

static enum err apply_path(struct step *s, const struct blob_path *path)
{
    s->path_count++;
    if (s->a->relay.on && path->blob_bytes > 0)
        TRY(sync_relay_keep_blob(s->txn, path, SPAN_EMPTY));
    return sync_path_apply(s->txn, path, s->now_s);
}

static enum err put_blob(struct step *s)
{
    const struct sync_core *core = s->core;
    if (core->blob.size == 0)
        return ERR_OK;
    if (s->a->relay.on)
        TRY(sync_relay_keep_blob(s->txn, &core->want.path, core->blob));
    return store_put_blob(s->txn, &core->want.path.blob, core->blob, s->now_s);
}

static enum err apply_log(struct step *s)
{
    const struct sync_core *core = s->core;
    size_t cursor = 0;
    struct log_item item;
    while (log_entry_next(&core->entry, &cursor, &item)) {
        struct ocsp_template t;
        switch (item.type) {
        case LOG_TEMPLATE:
            TRY(template_read(item.template_wire, &t));
            TRY(put_template(s, &t));
            break;
        case LOG_STATEMENT:
            TRY(apply_statement(s, &item));
            break;
        case LOG_RANGE:
            TRY(apply_range(s, &item.range));
            break;
        case LOG_PATH:
            TRY(apply_path(s, &item.path));
            break;
        }
    }
    if (s->a->relay.on)
        TRY(sync_relay_keep_entry(s->txn, core));
    struct position *position = store_position(s->txn);
    position->log_number = core->entry.number;
    position->log_hash = core->entry_hash;
    return ERR_OK;
}

static enum err check_tail(void *context, const struct pack_reader *pack)
{
    struct step *s = context;
    TRY(put_pack_templates(s, pack));
    s->outliving_count += outlive_count(pack);
    return sync_verify_pack(&s->a->verifiers, s->a->verify_log, pack);
}

static enum err begin_index(struct step *s)
{
    const struct index_reader *index = &s->core->index;
    struct position *position = store_position(s->txn);
    position->index_hash = s->core->index_hash;
    position->index_done = 0;
    struct index_line line;
    size_t cursor = 0;
    while (index_next(index, &cursor, &line)) {
        if (line.type == INDEX_PATH)
            break; /* the last kind */
        if (line.type != INDEX_TEMPLATE) {
            pass_over(s, line.range.issuer_id);
            continue;
        }
        TRY(put_template(s, &line.template_));
        position->index_done++;
    }
    if (s->a->relay.on)
        TRY(sync_relay_keep_index(s->txn, s->core, &s->a->packs, &s->a->scratch));
    struct sha256 issuers = issuer_set_hash(s->a->issuers);
    TRY(store_put_issuers(s->txn, &issuers));
    TRY(sync_tails_load(&s->a->tails, index, &s->core->index_hash));
    return sync_tails_each(&s->a->tails, &s->a->packs, check_tail, s);
}

static enum err apply_index_range(struct step *s)
{
    const struct log_range *range = &s->core->want.range;
    TRY(sync_tails_load(&s->a->tails, &s->core->index, &s->core->index_hash));
    TRY(apply_range(s, range));
    TRY(sync_tails_merge(&s->a->tails, &s->a->packs, s->txn, range->issuer_id, &range->after,
                         &range->until));
    store_position(s->txn)->index_done = s->core->index_lines;
    return ERR_OK;
}

static enum err apply_index_path(struct step *s)
{
    TRY(put_blob(s));
    TRY(apply_path(s, &s->core->want.path));
    store_position(s->txn)->index_done = s->core->index_lines;
    return ERR_OK;
}

/* What an index has: issuers with ranges and template numbers, each ascending as the index is. */
struct keep_lists {
    uint64_t *issuers;
    uint64_t *template_issuers;
    uint16_t *template_nos;
    uint32_t issuer_count;
    uint32_t template_count;
};

static bool keep_issuer(void *context, uint64_t issuer_id)
{
    const struct keep_lists *lists = context;
    for (uint32_t i = 0; i < lists->issuer_count; i++)
        if (lists->issuers[i] == issuer_id)
            return true;
    return false;
}

static bool keep_template(void *context, uint64_t issuer_id, uint16_t template_no)
{
    const struct keep_lists *lists = context;
    for (uint32_t i = 0; i < lists->template_count; i++)
        if (lists->template_issuers[i] == issuer_id && lists->template_nos[i] == template_no)
            return true;
    return false;
}

static void fill_lists(const struct index_reader *index, const struct issuer_set *issuers,
                       struct keep_lists *lists)
{
    struct index_line line;
    size_t cursor = 0;
    while (index_next(index, &cursor, &line)) {
        if (line.type == INDEX_PATH)
            break;
        bool is_template = line.type == INDEX_TEMPLATE;
        uint64_t id = is_template ? line.template_.issuer_id : line.range.issuer_id;
        if (!issuer_set_has(issuers, id))
            continue;
        if (is_template) {
            lists->template_issuers[lists->template_count] = id;
            lists->template_nos[lists->template_count++] = line.template_.template_no;
        }
        if (line.type == INDEX_RANGE &&
            (lists->issuer_count == 0 || lists->issuers[lists->issuer_count - 1] != id))
            lists->issuers[lists->issuer_count++] = id;
    }
}

/* Issuers that have tails but no ranges: all they have is in the tails. */
static enum err merge_lone_tails(struct step *s, struct keep_lists *lists)
{
    const struct serial first = SERIAL_BEFORE_ALL;
    const struct serial end = SERIAL_AFTER_ALL;
    struct sync_tails *tails = &s->a->tails;
    uint32_t with_ranges = lists->issuer_count;
    for (uint32_t i = 0; i < tails->count; i++) {
        uint64_t id = tails->list[i].issuer_id;
        if (keep_issuer(lists, id))
            continue;
        TRY(sync_tails_merge(tails, &s->a->packs, s->txn, id, &first, &end));
        lists->issuers[lists->issuer_count++] = id; /* once each */
    }
    lists->issuer_count = with_ranges;
    return ERR_OK;
}

static enum err drop_and_merge(struct step *s, struct keep_lists *lists)
{
    struct store_keep keep = {
        .context = lists, .keep_issuer = keep_issuer, .keep_template = keep_template};
    TRY(store_drop_others(s->txn, &keep));
    return merge_lone_tails(s, lists);
}

static enum err finish_index(struct step *s)
{
    const struct index_reader *index = &s->core->index;
    size_t lines = index->line_count > 0 ? index->line_count : 1;
    TRY(sync_tails_load(&s->a->tails, index, &s->core->index_hash));
    struct keep_lists lists = {.issuers = calloc(lines, sizeof(uint64_t)),
                               .template_issuers = calloc(lines, sizeof(uint64_t)),
                               .template_nos = calloc(lines, sizeof(uint16_t))};
    enum err err = ERR_MEMORY;
    if (lists.issuers != NULL && lists.template_issuers != NULL && lists.template_nos != NULL) {
        fill_lists(index, s->a->issuers, &lists);
        err = drop_and_merge(s, &lists);
    }
    free(lists.issuers);
    free(lists.template_issuers);
    free(lists.template_nos);
    TRY(err);
    TRY(sync_paths_drop_others(s->txn, index, s->now_s));
    struct position *position = store_position(s->txn);
    position->log_number = index->log_number;
    position->log_hash = index->log_hash;
    if (s->a->relay.on)
        TRY(store_relay_jump(s->txn, index->log_number, &index->log_hash));
    position->index_hash = (struct sha256){0};
    position->index_done = 0;
    /* A first data set is whole when it stands at the head: what the index is behind, the log
     * brings, and until then a certificate of these entries would be answered as one never issued.
     */
    if (index->log_number >= s->core->head.log_last)
        position->complete = 1;
    return ERR_OK;
}

/* Only when all that is published is applied: a blob may be waiting for the entry that names it. */
static enum err collect_blobs(struct step *s)
{
    struct sync_applier *a = s->a;
    if (s->now_s - a->collected_s < SYNC_COLLECT_S)
        return ERR_OK;
    a->collected_s = s->now_s; /* a failure must not keep the head away the next time, too */
    return store_collect_blobs(s->txn, s->now_s, &s->blobs_removed);
}

static enum err run(struct step *s, enum sync_action_type type)
{
    struct position *position = store_position(s->txn);
    position->head_time_s = s->core->head.time_s;
    position->head_valid_until_s = s->core->head.valid_until_s;
    switch ((int)type) {
    case SYNC_APPLY_HEAD:
        position->complete = 1;
        return collect_blobs(s);
    case SYNC_PUT_BLOB:
        return put_blob(s);
    case SYNC_APPLY_LOG:
        return apply_log(s);
    case SYNC_BEGIN_INDEX:
        return begin_index(s);
    case SYNC_APPLY_RANGE:
        return apply_index_range(s);
    case SYNC_APPLY_PATH:
        return apply_index_path(s);
    default:
        CHECK(type == SYNC_FINISH_INDEX);
        return finish_index(s);
    }
}

static enum err transact(struct step *s, enum sync_action_type type, struct position *ret)
{
    TRY(store_write(s->a->store, &s->txn));
    enum err err = run(s, type);
    if (err == ERR_OK && s->a->relay.on)
        err = sync_relay_keep_head(s->txn, s->core, &s->relay_log);
    if (err != ERR_OK) {
        store_abort(s->txn);
        return err;
    }
    TRY(store_commit(s->txn, ret));
    counter_add(&s->a->counters[SYNC_STATEMENTS_APPLIED], s->statement_count);
    counter_add(&s->a->counters[SYNC_PASSED_OVER], s->passed_count);
    counter_add(&s->a->counters[SYNC_OUTLIVING], s->outliving_count);
    counter_add(&s->a->counters[SYNC_PATHS_APPLIED], s->path_count);
    counter_add(&s->a->counters[SYNC_BLOBS_REMOVED], s->blobs_removed);
    if (s->relay_log > 0)
        counter_set(&s->a->counters[SYNC_RELAY_LOG], s->relay_log);
    return ERR_OK;
}

/* What the edge answers with comes before what it keeps for others. */
static enum err transact_within_room(struct sync_applier *a, const struct sync_core *core,
                                     enum sync_action_type type, uint64_t now_s,
                                     struct position *ret)
{
    struct step s = {.a = a, .core = core, .now_s = now_s};
    enum err err = transact(&s, type, ret);
    if (err != ERR_DISK_FULL || !a->relay.on)
        return err;
    sync_relay_give_up(&a->relay, a->store, now_s, a->counters);
    s = (struct step){.a = a, .core = core, .now_s = now_s};
    return transact(&s, type, ret);
}

enum err sync_apply(struct sync_applier *a, const struct sync_core *core,
                    enum sync_action_type type, uint64_t now_s, struct position *ret)
{
    bool of_index = type == SYNC_BEGIN_INDEX || type == SYNC_APPLY_RANGE || type == SYNC_APPLY_PATH;
    if (of_index && !core->position.complete && !a->bulk) {
        TRY(store_bulk_start(a->store));
        a->bulk = true;
    }
    if (type == SYNC_FINISH_INDEX)
        TRY(store_bulk_finish(a->store));
    struct position position;
    TRY(transact_within_room(a, core, type, now_s, &position));
    if (type == SYNC_FINISH_INDEX) {
        /* Also when an earlier process made the marker. */
        a->bulk = false;
        TRY(store_bulk_forget(a->store));
        sync_tails_done(&a->tails);
    }
    if (of_index || type == SYNC_FINISH_INDEX)
        template_sweep_restart(&a->sweep);
    *ret = position;
    return ERR_OK;
}

enum err sync_apply_has_blob(struct sync_applier *a, const struct sha256 *hash, uint64_t blob_bytes)
{
    struct store_txn *txn;
    TRY(store_read(a->store, &txn));
    enum err err = sync_blob_is_here(txn, hash, blob_bytes);
    store_abort(txn);
    return err;
}

enum err sync_apply_tidy(struct sync_applier *a, const struct sync_core *core, uint64_t now_ns)
{
    uint32_t removed = 0;
    /* What an index has put in is needed when its ranges come. */
    if (!sync_hash_is_zero(&core->position.index_hash))
        return ERR_OK;
    TRY(template_sweep_step(&a->sweep, a->store, now_ns, &removed));
    counter_add(&a->counters[SYNC_TEMPLATES_REMOVED], removed);
    return ERR_OK;
}
