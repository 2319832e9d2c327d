/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_range.h"

#include "edge/store_apply.h"
#include "edge/store_internal.h"
#include "lib/check.h"
#include "lib/wire.h"

#define BLOCK_STATEMENTS_MAX (BLOCK_BYTES_MAX / 16)

/* Afterwards no block has statements on both sides of the bound. */
static enum err split_at(struct store_txn *txn, uint64_t issuer_id, const struct serial *bound)
{
    struct store_block at;
    enum err err = store_seek_above(txn, issuer_id, bound, &at);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && at.issuer_id != issuer_id))
        return ERR_OK;
    TRY(err);
    struct block block = store_copy_block(txn, at.wire);
    struct statement statements[BLOCK_STATEMENTS_MAX];
    size_t below = 0;
    for (uint32_t i = 0; i < block.count; i++) {
        block_statement(&block, i, &statements[i]);
        if (serial_compare(&statements[i].serial, bound) <= 0)
            below++;
    }
    if (below == 0)
        return ERR_OK;
    TRY(store_emit(txn, issuer_id, statements, below, false, NULL, NULL));
    TRY(store_emit(txn, issuer_id, statements + below, block.count - below, false, NULL, NULL));
    struct serial before = serial_before(&statements[0].serial);
    store_changes_add(&txn->changes, issuer_id, &before, &at.last);
    return ERR_OK;
}

/* The walk over the old blocks of a range. */
struct old_blocks {
    struct store_txn *txn;
    uint64_t issuer_id;
    struct serial until;
    struct store_block at;
    bool valid;  /* `at` is a block of the range, under the cursor */
    bool db_end; /* the whole database has nothing above what was put last */
};

static enum err old_settle(struct old_blocks *old, enum err err)
{
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    old->db_end = err == ERR_NOT_FOUND;
    old->valid = err == ERR_OK && old->at.issuer_id == old->issuer_id &&
                 serial_compare(&old->at.last, &old->until) <= 0;
    return ERR_OK;
}

static void old_uncount(struct old_blocks *old)
{
    old->txn->position.statement_count -= block_load(old->at.wire).count;
}

/* Deletes the block under the cursor and goes to the next; by a new search, because what a cursor
 * points at after a deletion has changed between versions of LMDB. */
static enum err old_delete(struct old_blocks *old)
{
    struct serial last = old->at.last;
    old_uncount(old);
    old->txn->touched = true;
    TRY(store_err(mdb_cursor_del(old->txn->blocks, 0)));
    return old_settle(old, store_seek(old->txn, old->issuer_id, &last, &old->at));
}

/* Puts a new block; old ones below its key go, one of the same key is overwritten in place. */
static enum err put_new(struct old_blocks *old, struct span wire)
{
    struct serial last;
    block_last_serial(wire.data, &last);
    while (old->valid && serial_compare(&old->at.last, &last) < 0)
        TRY(old_delete(old));
    if (old->valid && serial_compare(&old->at.last, &last) == 0)
        old_uncount(old);
    bool append = old->db_end;
    TRY(store_put_block(old->txn, old->issuer_id, &last, wire, append ? MDB_APPEND : 0));
    old->txn->position.statement_count += block_load(wire.data).count;
    if (append)
        return ERR_OK;
    return old_settle(old, store_move(old->txn, MDB_NEXT, &old->at));
}

enum err store_replace_range(struct store_txn *txn, uint64_t issuer_id, const struct serial *after,
                             const struct serial *until, const struct pack_reader *pack)
{
    CHECK(pack == NULL || pack->info.issuer_id == issuer_id);
    TRY(split_at(txn, issuer_id, after));
    TRY(split_at(txn, issuer_id, until));
    struct old_blocks old = {.txn = txn, .issuer_id = issuer_id, .until = *until};
    TRY(old_settle(&old, store_seek_above(txn, issuer_id, after, &old.at)));
    size_t cursor = 0;
    struct span wire;
    while (pack != NULL && pack_next_block(pack, &cursor, &wire))
        TRY(put_new(&old, wire));
    while (old.valid)
        TRY(old_delete(&old));
    store_changes_add(&txn->changes, issuer_id, after, until);
    txn->touched = true;
    return ERR_OK;
}

/* The statements of one tail block that lie in the range. */
static enum err merge_block(struct store_txn *txn, uint64_t issuer_id, const struct block *block,
                            const struct serial *after, const struct serial *until)
{
    struct statement statements[BLOCK_STATEMENTS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        block_statement(block, i, &statements[count]);
        if (serial_compare(&statements[count].serial, after) > 0 &&
            serial_compare(&statements[count].serial, until) <= 0)
            count++;
    }
    return store_upsert(txn, issuer_id, statements, count);
}

enum err store_merge_tail(struct store_txn *txn, const struct pack_reader *pack,
                          const struct serial *after, const struct serial *until, size_t *cursor)
{
    size_t next = *cursor;
    struct span wire;
    while (pack_next_block(pack, &next, &wire)) {
        struct serial last;
        block_last_serial(wire.data, &last);
        struct block block = block_load(wire.data);
        struct serial first;
        block_serial(&block, 0, &first);
        if (serial_compare(&first, until) > 0)
            return ERR_OK;
        if (serial_compare(&last, after) > 0)
            TRY(merge_block(txn, pack->info.issuer_id, &block, after, until));
        if (serial_compare(&last, until) > 0)
            return ERR_OK; /* the next range needs this block again */
        *cursor = next;
    }
    return ERR_OK;
}

static enum err drop_blocks(struct store_txn *txn, const struct store_keep *keep)
{
    const struct serial first = SERIAL_BEFORE_ALL;
    const struct serial last = SERIAL_AFTER_ALL;
    uint64_t issuer_id = 0;
    for (;;) {
        struct store_block at;
        enum err err = store_seek(txn, issuer_id, &first, &at);
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        if (!keep->keep_issuer(keep->context, at.issuer_id))
            TRY(store_replace_range(txn, at.issuer_id, &first, &last, NULL));
        if (at.issuer_id == UINT64_MAX)
            return ERR_OK;
        issuer_id = at.issuer_id + 1;
    }
}

static enum err drop_templates(struct store_txn *txn, MDB_cursor *cursor,
                               const struct store_keep *keep)
{
    uint8_t from[STORE_TEMPLATE_KEY_BYTES] = {0};
    for (;;) {
        MDB_val key = {.mv_size = sizeof from, .mv_data = from};
        MDB_val value;
        enum err err = store_err(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE));
        if (err == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(err);
        if (key.mv_size != sizeof from)
            return ERR_STORE;
        memcpy(from, key.mv_data, sizeof from);
        uint16_t number = be16_load(from + 8);
        if (!keep->keep_template(keep->context, be64_load(from), number)) {
            txn->touched = true;
            TRY(store_err(mdb_cursor_del(cursor, 0)));
        }
        /* The next key: one more as a number of ten octets. */
        size_t i = sizeof from;
        while (i > 0 && ++from[i - 1] == 0)
            i--;
        if (i == 0)
            return ERR_OK;
    }
}

static enum err count_templates(MDB_cursor *cursor, uint64_t from, struct store_templates *ret)
{
    uint8_t start[STORE_TEMPLATE_KEY_BYTES] = {0};
    be64_store(start, from);
    MDB_val key = {.mv_size = sizeof start, .mv_data = start};
    MDB_val value;
    MDB_cursor_op op = MDB_SET_RANGE;
    struct store_templates found = {0};
    enum err err;
    while ((err = store_err(mdb_cursor_get(cursor, &key, &value, op))) == ERR_OK) {
        if (key.mv_size != sizeof start)
            return ERR_STORE;
        const uint8_t *octets = key.mv_data;
        if (found.count > 0 && be64_load(octets) != found.issuer_id)
            break;
        found.issuer_id = be64_load(octets);
        found.newest = be16_load(octets + 8);
        found.count++;
        op = MDB_NEXT;
    }
    if (err != ERR_OK && (err != ERR_NOT_FOUND || found.count == 0))
        return err;
    *ret = found;
    return ERR_OK;
}

enum err store_next_templates(struct store_txn *txn, uint64_t from, struct store_templates *ret)
{
    MDB_cursor *cursor;
    TRY(store_err(mdb_cursor_open(txn->txn, store_dbi(txn->store, STORE_TEMPLATES), &cursor)));
    enum err err = count_templates(cursor, from, ret);
    mdb_cursor_close(cursor);
    return err;
}

enum err store_drop_others(struct store_txn *txn, const struct store_keep *keep)
{
    TRY(drop_blocks(txn, keep));
    MDB_cursor *cursor;
    TRY(store_err(mdb_cursor_open(txn->txn, store_dbi(txn->store, STORE_TEMPLATES), &cursor)));
    enum err err = drop_templates(txn, cursor, keep);
    mdb_cursor_close(cursor);
    return err;
}
