/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/relay_fill.h"

#include <stdlib.h>

#include "edge/store_relay.h"
#include "edge/sync_check.h"
#include "edge/sync_paths.h"

#define RETRY_MIN_NS UINT64_C(500000000)

void relay_fill_start(struct relay_filler *f)
{
    f->list = NULL;
    f->count = f->room = f->next = 0;
    f->needed = (struct relay_set){0};
    f->index_hash = (struct sha256){0};
    f->failures = 0;
    f->retry_ns = 0;
    f->collected_s = 0;
}

void relay_fill_stop(struct relay_filler *f)
{
    free(f->list);
    relay_set_done(&f->needed);
    relay_fill_start(f);
}

static enum err want(struct relay_filler *f, const struct relay_name *name,
                     const struct sha256 *hash, uint64_t bytes_max)
{
    if (f->count == f->room) {
        size_t room = f->room == 0 ? 64 : 2 * f->room;
        struct relay_want *list = reallocarray(f->list, room, sizeof *list);
        if (list == NULL)
            return ERR_MEMORY;
        f->list = list;
        f->room = room;
    }
    f->list[f->count++] = (struct relay_want){.name = *name, .hash = *hash, .bytes_max = bytes_max};
    return ERR_OK;
}

/* ---- what is lacking ---- */

struct plan {
    struct relay_filler *f;
    const struct sync_core *core;
    struct store_txn *txn;
};

/* A pack or blob that the copy needs. */
static enum err need(const struct plan *p, enum relay_kind kind, const struct sha256 *hash,
                     uint64_t bytes)
{
    struct relay_copy copy;
    struct relay_name name = relay_name_of(kind, hash);
    TRY(relay_set_add(&p->f->needed, &name));
    enum err err = store_relay_get(p->txn, &name, &copy);
    return err == ERR_NOT_FOUND ? want(p->f, &name, hash, bytes) : err;
}

static enum err get_entry(const struct plan *p, uint64_t number, struct log_entry *ret)
{
    struct relay_copy copy;
    struct span network;
    struct relay_name name = relay_name_log(number);
    TRY(store_relay_get(p->txn, &name, &copy));
    return log_entry_parse(copy.octets, ret, &network);
}

/* The log from behind the index up to where the store is: one entry at a time, backwards, since
 * each has the hash of the one before it. */
static enum err plan_log(const struct plan *p)
{
    const struct position *position = &p->core->position;
    uint64_t index_log = p->core->head.index_log;
    uint64_t first, last;
    if (position->log_number <= index_log)
        return ERR_OK;
    enum err err = store_relay_log(p->txn, &first, &last);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && last != position->log_number)) {
        struct relay_name name = relay_name_log(position->log_number);
        return want(p->f, &name, &position->log_hash, LOG_ENTRY_BYTES_MAX);
    }
    TRY(err);
    if (first <= index_log + 1)
        return ERR_OK;
    struct log_entry entry;
    struct relay_name name = relay_name_log(first - 1);
    TRY(get_entry(p, first, &entry));
    return want(p->f, &name, &entry.previous, LOG_ENTRY_BYTES_MAX);
}

static enum err plan_index(const struct plan *p)
{
    const struct head *head = &p->core->head;
    struct relay_name name = relay_name_of(RELAY_INDEX, &head->index_hash);
    struct relay_copy copy;
    struct index_reader index;
    struct index_line line;
    size_t cursor = 0;
    if (sync_hash_is_zero(&head->index_hash))
        return ERR_OK;
    TRY(relay_set_add(&p->f->needed, &name));
    enum err err = store_relay_get(p->txn, &name, &copy);
    if (err == ERR_NOT_FOUND)
        return want(p->f, &name, &head->index_hash, head->index_bytes);
    TRY(err);
    TRY(sync_check_index(&p->core->config.key, head, &head->index_hash, copy.octets, &index));
    while (index_next(&index, &cursor, &line)) {
        if (line.type == INDEX_RANGE || line.type == INDEX_TAIL)
            TRY(need(p, RELAY_PACK, &line.range.pack, line.range.pack_bytes));
        else if (line.type == INDEX_PATH)
            TRY(need(p, RELAY_BLOB, &line.path.blob, line.path.blob_bytes));
    }
    return ERR_OK;
}

static enum err plan_entries(const struct plan *p)
{
    for (uint64_t n = p->core->head.index_log + 1; n <= p->core->position.log_number; n++) {
        struct log_entry entry;
        struct log_item item;
        size_t cursor = 0;
        TRY(get_entry(p, n, &entry));
        while (log_entry_next(&entry, &cursor, &item)) {
            if (item.type == LOG_RANGE)
                TRY(need(p, RELAY_PACK, &item.range.pack, item.range.pack_bytes));
            else if (item.type == LOG_PATH && item.path.blob_bytes > 0)
                TRY(need(p, RELAY_BLOB, &item.path.blob, item.path.blob_bytes));
        }
    }
    return ERR_OK;
}

static enum err plan_all(const struct plan *p)
{
    TRY(plan_log(p));
    if (p->f->count > 0)
        return ERR_OK; /* what the entries name is not known yet */
    TRY(plan_index(p));
    TRY(plan_entries(p));
    relay_set_sort(&p->f->needed);
    return ERR_OK;
}

/* An empty list: nothing is lacking. */
static enum err make_plan(struct relay_filler *f, const struct sync_core *core)
{
    struct plan p = {.f = f, .core = core};
    f->count = f->next = 0;
    f->needed.count = 0;
    f->index_hash = core->head.index_hash;
    TRY(store_read(f->store, &p.txn));
    enum err err = plan_all(&p);
    store_abort(p.txn);
    if (err != ERR_OK)
        f->count = 0;
    counter_set(&f->counters[SYNC_RELAY_MISSING], f->count);
    return err;
}

/* ---- one file ---- */

static struct sync_action action_of(const struct relay_filler *f, const struct sync_core *core,
                                    const struct relay_want *w)
{
    static const enum sync_action_type types[] = {[RELAY_LOG] = SYNC_FETCH_LOG,
                                                  [RELAY_INDEX] = SYNC_FETCH_INDEX,
                                                  [RELAY_PACK] = SYNC_FETCH_PACK,
                                                  [RELAY_BLOB] = SYNC_FETCH_BLOB};
    const struct sync_origins *origins = &core->origins;
    return (struct sync_action){.type = types[w->name.kind],
                                .origin = (origins->current + f->failures) % origins->count,
                                .number = w->name.number,
                                .hash = w->hash,
                                .bytes_max = w->bytes_max};
}

static enum err put(struct store_txn *txn, const struct relay_want *w, struct span octets)
{
    uint64_t first, last;
    if (w->name.kind == RELAY_LOG &&
        (store_relay_log(txn, &first, &last) != ERR_OK || w->name.number > last))
        return store_relay_append(txn, w->name.number, &w->hash, octets);
    return store_relay_put(txn, &w->name, &w->hash, octets);
}

/* ERR_NOT_FOUND: it must be fetched. */
static enum err put_what_is_here(struct store_txn *txn, const struct relay_want *w)
{
    struct relay_copy copy;
    enum err err = store_relay_get(txn, &w->name, &copy);
    if (err != ERR_NOT_FOUND || w->name.kind != RELAY_BLOB)
        return err;
    struct blob_path path = {.blob = w->hash, .blob_bytes = w->bytes_max};
    return sync_relay_keep_blob(txn, &path, SPAN_EMPTY);
}

/* Puts the octets in or, when there are none, what the store has already. */
static enum err put_alone(struct relay_filler *f, const struct relay_want *w, struct span octets)
{
    struct store_txn *txn;
    TRY(store_write(f->store, &txn));
    enum err err = octets.size > 0 ? put(txn, w, octets) : put_what_is_here(txn, w);
    if (err == ERR_OK)
        return store_commit(txn, NULL);
    store_abort(txn);
    return err;
}

static enum err fetch(struct relay_filler *f, const struct sync_core *core,
                      const struct relay_want *w)
{
    struct span octets;
    struct sync_action action = action_of(f, core, w);
    TRY(f->fetch.fetch(f->fetch.context, &action, &octets));
    struct sha256 hash = sha256_of(octets);
    enum err err = octets.size > 0 && sha256_equal(&hash, &w->hash) ? ERR_OK : ERR_HASH;
    if (err == ERR_OK)
        err = put_alone(f, w, octets);
    f->fetch.judged(f->fetch.context, &action, err == ERR_OK);
    if (err == ERR_OK)
        counter_add(&f->counters[SYNC_RELAY_FETCHED], 1);
    return err;
}

static enum err take_next(struct relay_filler *f, const struct sync_core *core)
{
    const struct relay_want *w = &f->list[f->next];
    enum err err = put_alone(f, w, SPAN_EMPTY);
    if (err == ERR_NOT_FOUND)
        err = fetch(f, core, w);
    TRY(err);
    f->next++;
    counter_set(&f->counters[SYNC_RELAY_MISSING], f->count - f->next);
    return ERR_OK;
}

/* ---- whole ---- */

static enum err become_whole(struct relay_filler *f, const struct sync_core *core, uint64_t now_s)
{
    struct store_txn *txn;
    uint64_t log_number = 0;
    struct relay_whole whole = {.index_log = core->head.index_log,
                                .index_hash = core->head.index_hash};
    TRY(store_write(f->store, &txn));
    enum err err = store_relay_set_whole(txn, &whole, &f->needed, now_s);
    if (err == ERR_OK)
        err = sync_relay_keep_head(txn, core, &log_number);
    if (err != ERR_OK) {
        store_abort(txn);
        return err;
    }
    TRY(store_commit(txn, NULL));
    counter_set(&f->counters[SYNC_RELAY_LOG], log_number);
    return ERR_OK;
}

static enum err collect(struct relay_filler *f, uint64_t now_s)
{
    struct store_txn *txn;
    uint64_t removed = 0;
    if (now_s - f->collected_s < SYNC_COLLECT_S)
        return ERR_OK;
    f->collected_s = now_s;
    TRY(store_write(f->store, &txn));
    enum err err = store_relay_collect(txn, now_s, &removed);
    if (err == ERR_OK && removed > 0) {
        counter_add(&f->counters[SYNC_RELAY_REMOVED], removed);
        return store_commit(txn, NULL);
    }
    store_abort(txn);
    return err;
}

static enum err is_whole(const struct relay_filler *f, const struct sync_core *core, bool *ret)
{
    struct store_txn *txn;
    struct relay_whole whole;
    TRY(store_read(f->store, &txn));
    enum err err = store_relay_whole(txn, &whole);
    store_abort(txn);
    *ret = err == ERR_OK && sha256_equal(&whole.index_hash, &core->head.index_hash);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err work(struct relay_filler *f, const struct sync_core *core, uint64_t now_s,
                     bool *ret_more)
{
    bool whole;
    TRY(is_whole(f, core, &whole));
    if (whole) {
        counter_set(&f->counters[SYNC_RELAY_LOG], core->head.log_last);
        return collect(f, now_s);
    }
    *ret_more = true;
    if (f->next < f->count && sha256_equal(&f->index_hash, &core->head.index_hash))
        return take_next(f, core);
    TRY(make_plan(f, core));
    return f->count > 0 ? ERR_OK : become_whole(f, core, now_s);
}

static void failed(struct relay_filler *f, enum err err, const struct sync_time *now)
{
    uint64_t pause = RETRY_MIN_NS;
    for (uint32_t i = 0; i < f->failures && pause < SYNC_BACKOFF_MAX_NS; i++)
        pause *= 2;
    f->failures++;
    f->retry_ns = now->monotonic_ns + (pause < SYNC_BACKOFF_MAX_NS ? pause : SYNC_BACKOFF_MAX_NS);
    f->count = f->next = 0; /* looked at anew: by then it may be another index */
    counter_add(&f->counters[SYNC_RELAY_FAILURES], 1);
    if (err == ERR_DISK_FULL)
        sync_relay_give_up(f->relay, f->store, now->wall_s, f->counters);
}

enum err relay_fill_step(struct relay_filler *f, const struct sync_core *core,
                         const struct sync_time *now, bool *ret_more)
{
    *ret_more = false;
    if (!f->relay->on || !sync_core_in_step(core) || now->monotonic_ns < f->retry_ns)
        return ERR_OK;
    enum err err = work(f, core, now->wall_s, ret_more);
    if (err == ERR_OK) {
        f->failures = *ret_more ? f->failures : 0;
        return ERR_OK;
    }
    *ret_more = false;
    if (err != ERR_STOPPED)
        failed(f, err, now);
    return err;
}
