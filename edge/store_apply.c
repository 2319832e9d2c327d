/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_apply.h"

#include "edge/store_internal.h"
#include "lib/check.h"

/* An old block and as many new statements again. */
#define MERGE_MAX (2 * (BLOCK_BYTES_MAX / 16))

/* Where the next statement goes. */
struct target {
    struct block block; /* count 0: no block of its group is there */
    struct serial last; /* its key */
    bool at_end;        /* nothing of the group is above it */
};

static bool same_group(const struct store_block *at, uint64_t issuer_id, uint8_t serial_size)
{
    return at->issuer_id == issuer_id && at->last.size == serial_size;
}

/* The block that would hold the serial: the first one not below it, else the group's last one. */
static enum err find_target(struct store_txn *txn, uint64_t issuer_id, const struct serial *serial,
                            struct target *ret)
{
    *ret = (struct target){0};
    struct store_block at;
    enum err err = store_seek(txn, issuer_id, serial, &at);
    if (err == ERR_OK && same_group(&at, issuer_id, serial->size)) {
        ret->block = store_copy_block(txn, at.wire);
        ret->last = at.last;
        return ERR_OK;
    }
    ret->at_end = true;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    err = store_move(txn, err == ERR_OK ? MDB_PREV : MDB_LAST, &at);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    if (same_group(&at, issuer_id, serial->size)) {
        ret->block = store_copy_block(txn, at.wire);
        ret->last = at.last;
    }
    return ERR_OK;
}

/* How many of the statements belong into the target. */
static size_t count_for(const struct target *target, const struct statement *statements,
                        size_t count)
{
    size_t room = MERGE_MAX - target->block.count;
    size_t take = 0;
    while (take < count && take < room &&
           statements[take].serial.size == statements[0].serial.size &&
           (target->at_end || serial_compare(&statements[take].serial, &target->last) <= 0))
        take++;
    return take;
}

/* Merges the block and the new statements; a new one replaces the old one of its serial. */
static size_t merge(const struct block *block, const struct statement *statements, size_t count,
                    struct statement out[static MERGE_MAX])
{
    size_t size = 0;
    uint32_t old = 0;
    for (size_t i = 0; i < count; i++) {
        for (; old < block->count; old++) {
            block_statement(block, old, &out[size]);
            int order = serial_compare(&out[size].serial, &statements[i].serial);
            if (order > 0)
                break;
            if (order < 0)
                size++;
        }
        out[size++] = statements[i];
    }
    for (; old < block->count; old++)
        block_statement(block, old, &out[size++]);
    return size;
}

static enum err check_order(const struct statement *statements, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (serial_compare(&statements[i - 1].serial, &statements[i].serial) >= 0)
            return ERR_ORDER;
    return ERR_OK;
}

/* Puts the leading statements that share a target; *ret: how many. */
static enum err upsert_some(struct store_txn *txn, uint64_t issuer_id,
                            const struct statement *statements, size_t count, size_t *ret)
{
    struct target target;
    TRY(find_target(txn, issuer_id, &statements[0].serial, &target));
    size_t take = count_for(&target, statements, count);
    CHECK(take > 0);
    struct statement merged[MERGE_MAX];
    size_t size = merge(&target.block, statements, take, merged);
    bool kept = false;
    const struct serial *old_last = target.block.count > 0 ? &target.last : NULL;
    TRY(store_emit(txn, issuer_id, merged, size, target.at_end, old_last, &kept));
    if (old_last != NULL && !kept)
        TRY(store_delete_block(txn, issuer_id, old_last));
    struct serial before = serial_before(&merged[0].serial);
    store_changes_add(&txn->changes, issuer_id, &before, &merged[size - 1].serial);
    txn->position.statement_count += size - target.block.count;
    *ret = take;
    return ERR_OK;
}

enum err store_upsert(struct store_txn *txn, uint64_t issuer_id, const struct statement *statements,
                      size_t count)
{
    TRY(check_order(statements, count));
    while (count > 0) {
        size_t done;
        TRY(upsert_some(txn, issuer_id, statements, count, &done));
        statements += done;
        count -= done;
    }
    return ERR_OK;
}

enum err store_apply_statement(struct store_txn *txn, uint64_t issuer_id,
                               const struct statement *statement)
{
    return store_upsert(txn, issuer_id, statement, 1);
}
