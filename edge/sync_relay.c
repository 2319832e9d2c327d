/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_relay.h"

#include "edge/store_blob.h"
#include "edge/store_relay.h"
#include "edge/sync_check.h"
#include "edge/sync_paths.h"

void sync_relay_start(struct sync_relay *relay, bool configured)
{
    *relay =
        (struct sync_relay){.configured = configured, .on = configured, .clearing = !configured};
}

static enum err clear(struct store *store)
{
    struct store_txn *txn;
    bool empty = false;
    TRY(store_write(store, &txn));
    enum err err = store_relay_empty(txn, &empty);
    if (err == ERR_OK && !empty)
        err = store_relay_clear(txn);
    if (err == ERR_OK && !empty)
        return store_commit(txn, NULL);
    store_abort(txn);
    return err;
}

void sync_relay_give_up(struct sync_relay *relay, struct store *store, uint64_t now_s,
                        uint64_t *counters)
{
    relay->on = false;
    relay->again_s = now_s + SYNC_RELAY_AGAIN_S;
    relay->clearing = clear(store) != ERR_OK;
    counter_add(&counters[SYNC_RELAY_GIVEN_UP], 1);
    counter_set(&counters[SYNC_RELAY_LOG], 0);
    counter_set(&counters[SYNC_RELAY_MISSING], 0);
}

enum err sync_relay_tidy(struct sync_relay *relay, struct store *store, uint64_t now_s)
{
    if (relay->clearing)
        TRY(clear(store));
    relay->clearing = false;
    /* Or a clock was put back. */
    bool due = now_s >= relay->again_s || relay->again_s - now_s > SYNC_RELAY_AGAIN_S;
    if (relay->configured && !relay->on && due)
        relay->on = true;
    return ERR_OK;
}

enum err sync_relay_keep_pack(struct store_txn *txn, const struct log_range *pack, struct span wire)
{
    struct relay_name name = relay_name_of(RELAY_PACK, &pack->pack);
    return store_relay_put(txn, &name, &pack->pack, wire);
}

enum err sync_relay_keep_blob(struct store_txn *txn, const struct blob_path *path,
                              struct span octets)
{
    struct relay_name name = relay_name_of(RELAY_BLOB, &path->blob);
    if (octets.size == 0) {
        TRY(sync_blob_is_here(txn, &path->blob, path->blob_bytes));
        TRY(store_get_blob(txn, &path->blob, path->blob_bytes, &octets));
    }
    return store_relay_put(txn, &name, &path->blob, octets);
}

enum err sync_relay_keep_entry(struct store_txn *txn, const struct sync_core *core)
{
    return store_relay_append(txn, core->entry.number, &core->entry_hash, core->entry_octets);
}

enum err sync_relay_keep_index(struct store_txn *txn, const struct sync_core *core,
                               const struct sync_packs *packs, struct buffer *scratch)
{
    struct relay_name name = relay_name_of(RELAY_INDEX, &core->index_hash);
    TRY(store_relay_put(txn, &name, &core->index_hash, core->index_octets));
    struct index_line line;
    size_t cursor = 0;
    while (index_next(&core->index, &cursor, &line)) {
        struct span wire;
        if (line.type != INDEX_TAIL)
            continue;
        TRY(packs->read(packs->context, &line.range, scratch, &wire));
        TRY(sync_relay_keep_pack(txn, &line.range, wire));
    }
    return ERR_OK;
}

/* Whether the copy's log leads to where the store is. It does not when entries were applied while
 * nothing was kept, and the process ended before what was there could be removed. */
static enum err is_in_step(struct store_txn *txn, const struct relay_whole *whole, bool *ret)
{
    uint64_t first, last;
    enum err err = store_relay_log(txn, &first, &last);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    *ret = store_position(txn)->log_number == (err == ERR_OK ? last : whole->index_log);
    return ERR_OK;
}

/* Whether the store has come by the entry that the head names as its newest. */
static enum err is_behind_us(struct store_txn *txn, const struct head *head, bool *ret)
{
    const struct position *position = store_position(txn);
    struct relay_name name = relay_name_log(head->log_last);
    struct relay_copy copy;
    *ret = false;
    if (!sync_hash_is_zero(&position->index_hash) || position->log_number < head->log_last)
        return ERR_OK;
    if (position->log_number == head->log_last) {
        *ret = sha256_equal(&position->log_hash, &head->log_hash);
        return ERR_OK;
    }
    enum err err = store_relay_get(txn, &name, &copy);
    *ret = err == ERR_OK && sha256_equal(&copy.hash, &head->log_hash);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err sync_relay_keep_head(struct store_txn *txn, const struct sync_core *core,
                              uint64_t *ret_log_number)
{
    struct relay_whole whole;
    bool in_step, behind_us;
    *ret_log_number = 0;
    if (!core->head_taken)
        return ERR_OK;
    enum err err = store_relay_whole(txn, &whole);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    TRY(is_in_step(txn, &whole, &in_step));
    if (!in_step)
        return store_relay_break(txn);
    if (!sha256_equal(&whole.index_hash, &core->head.index_hash))
        return ERR_OK; /* a new index: the copy is first made whole with it */
    TRY(is_behind_us(txn, &core->head, &behind_us));
    if (!behind_us)
        return ERR_OK;
    TRY(store_relay_put_head(txn, core->head_octets));
    TRY(store_relay_trim(txn, core->head.log_first));
    *ret_log_number = core->head.log_last;
    return ERR_OK;
}
