/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_tails.h"

#include <stdlib.h>

#include "edge/store_range.h"

static void close_packs(struct sync_tails *t)
{
    for (uint32_t i = 0; i < t->open_count; i++)
        buffer_done(&t->open[i].octets);
    free(t->open);
    t->open = NULL;
    t->open_count = 0;
}

void sync_tails_done(struct sync_tails *t)
{
    close_packs(t);
    free(t->list);
    *t = (struct sync_tails){.issuers = t->issuers};
}

static uint32_t collect(const struct index_reader *index, const struct issuer_set *issuers,
                        struct log_range *list)
{
    struct index_line line;
    size_t cursor = 0;
    uint32_t count = 0;
    while (index_next(index, &cursor, &line)) {
        if (line.type != INDEX_TAIL || !issuer_set_has(issuers, line.range.issuer_id))
            continue;
        if (list != NULL)
            list[count] = line.range;
        count++;
    }
    return count;
}

enum err sync_tails_load(struct sync_tails *t, const struct index_reader *index,
                         const struct sha256 *index_hash)
{
    if (sha256_equal(&t->index_hash, index_hash))
        return ERR_OK;
    sync_tails_done(t);
    uint32_t count = collect(index, t->issuers, NULL);
    if (count > 0) {
        t->list = calloc(count, sizeof *t->list);
        if (t->list == NULL)
            return ERR_MEMORY;
        t->count = collect(index, t->issuers, t->list);
    }
    t->index_hash = *index_hash;
    return ERR_OK;
}

static enum err open_one(const struct sync_packs *packs, const struct log_range *tail,
                         struct sync_tail *ret)
{
    TRY(packs->read(packs->context, tail, &ret->octets, &ret->wire));
    if (ret->wire.data != ret->octets.data) {
        /* Borrowed from memory that the next fetch reuses. */
        TRY(buffer_append(&ret->octets, ret->wire));
        ret->wire = span_of(ret->octets.data, ret->octets.size);
    }
    return pack_open(ret->wire, &ret->pack);
}

static enum err open_packs(struct sync_tails *t, const struct sync_packs *packs, uint64_t issuer_id)
{
    close_packs(t);
    t->issuer_id = issuer_id;
    t->reached = SERIAL_BEFORE_ALL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->count; i++)
        count += t->list[i].issuer_id == issuer_id;
    if (count == 0)
        return ERR_OK;
    t->open = calloc(count, sizeof *t->open);
    if (t->open == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->list[i].issuer_id == issuer_id)
            TRY(open_one(packs, &t->list[i], &t->open[t->open_count++]));
    return ERR_OK;
}

enum err sync_tails_merge(struct sync_tails *t, const struct sync_packs *packs,
                          struct store_txn *txn, uint64_t issuer_id, const struct serial *after,
                          const struct serial *until)
{
    if (t->count == 0)
        return ERR_OK;
    if (t->issuer_id != issuer_id || t->open == NULL) {
        enum err err = open_packs(t, packs, issuer_id);
        if (err != ERR_OK) {
            close_packs(t);
            return err;
        }
    }
    /* A range that was aborted and comes again: from the start. */
    bool again = serial_compare(after, &t->reached) < 0;
    t->reached = *until;
    for (uint32_t i = 0; i < t->open_count; i++) {
        if (again)
            t->open[i].cursor = 0;
        TRY(store_merge_tail(txn, &t->open[i].pack, after, until, &t->open[i].cursor));
    }
    return ERR_OK;
}

enum err sync_tails_each(struct sync_tails *t, const struct sync_packs *packs,
                         enum err (*check)(void *context, const struct pack_reader *pack),
                         void *context)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct sync_tail tail = {0};
        enum err err = open_one(packs, &t->list[i], &tail);
        if (err == ERR_OK)
            err = check(context, &tail.pack);
        buffer_done(&tail.octets);
        TRY(err);
    }
    return ERR_OK;
}
