/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_store.h"

#include <stdlib.h>
#include <time.h>

#include "lib/check.h"
#include "lib/os/clock.h"

#define PAUSE_NS 1000000

enum err import_store_start(struct status_db *db, uint64_t issuer_id, struct import_merge *merge,
                            size_t step_count_max, struct import_store *ret)
{
    CHECK(step_count_max > 0 && step_count_max <= IMPORT_STEP_COUNT_MAX);
    struct import_store s = {
        .db = db, .issuer_id = issuer_id, .merge = merge, .capacity = step_count_max};
    s.step_count = step_count_max < IMPORT_STEP_COUNT_MIN ? step_count_max : IMPORT_STEP_COUNT_MIN;
    s.items = calloc(s.capacity, sizeof *s.items);
    if (s.items == NULL)
        return ERR_MEMORY;
    *ret = s;
    return ERR_OK;
}

void import_store_done(struct import_store *s)
{
    free(s->items);
    s->items = NULL;
}

static enum err apply_items(const struct import_store *s, struct status_writer *w, size_t count,
                            uint64_t *ret_changed)
{
    uint64_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct import_item *item = &s->items[i];
        struct cert_record record = import_item_record(item);
        bool is_change;
        TRY(status_writer_apply(w, s->issuer_id, &item->serial, &record, &is_change));
        changed += is_change;
    }
    *ret_changed = changed;
    return ERR_OK;
}

static enum err apply(const struct import_store *s, MDB_txn *txn, size_t count,
                      uint64_t *ret_changed, struct shard_conflicts *ret_conflicts)
{
    struct status_writer w;
    TRY(status_writer_begin(s->db, txn, &w));
    enum err err = apply_items(s, &w, count, ret_changed);
    *ret_conflicts = w.conflicts;
    if (err == ERR_OK && *ret_changed > 0)
        return status_writer_end(&w);
    status_writer_drop(&w);
    return err;
}

static void add_conflicts(struct import_store *s, const struct shard_conflicts *more)
{
    uint64_t count = s->conflicts.count + more->count;
    if (s->conflicts.count == 0)
        s->conflicts = *more;
    s->conflicts.count = count;
}

static enum err transact(struct import_store *s, size_t count, uint64_t *ret_held_ns)
{
    MDB_txn *txn;
    uint64_t changed = 0;
    struct shard_conflicts conflicts = {0};
    TRY(status_txn_write(s->db, &txn));
    uint64_t from_ns = clock_monotonic_ns();
    enum err err = apply(s, txn, count, &changed, &conflicts);
    /* Without news there is nothing to wait for the disk for. */
    if (err != ERR_OK || changed == 0)
        status_txn_abort(txn);
    else
        err = status_txn_commit(txn);
    TRY(err);
    *ret_held_ns = clock_monotonic_ns() - from_ns;
    add_conflicts(s, &conflicts);
    s->changed_count += changed;
    s->stored_count += count;
    return ERR_OK;
}

/* At most twice as many as were just written: the costs of neighbours in key order are alike. */
static size_t fitted_count(const struct import_store *s, size_t count, uint64_t held_ns)
{
    uint64_t fitted = (uint64_t)count * IMPORT_STEP_HELD_NS / (held_ns + 1);
    if (fitted > 2 * (uint64_t)count)
        fitted = 2 * (uint64_t)count;
    if (fitted < IMPORT_STEP_COUNT_MIN)
        fitted = IMPORT_STEP_COUNT_MIN;
    return fitted < s->capacity ? (size_t)fitted : s->capacity;
}

static enum err collect(struct import_store *s, size_t *ret_count)
{
    size_t count = 0;
    enum err err = ERR_OK;
    while (count < s->step_count && err == ERR_OK) {
        err = import_merge_next(s->merge, &s->items[count]);
        count += err == ERR_OK;
    }
    if (err != ERR_OK && (err != ERR_NOT_FOUND || count == 0))
        return err;
    *ret_count = count;
    return ERR_OK;
}

enum err import_store_step(struct import_store *s)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_NS};
    size_t count = 0;
    uint64_t held_ns = 0;
    TRY(collect(s, &count));
    if (s->stored_count > 0)
        nanosleep(&pause, NULL);
    TRY(transact(s, count, &held_ns));
    s->step_count = fitted_count(s, count, held_ns);
    return ERR_OK;
}
