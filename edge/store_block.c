/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks under the cursor: seeking, putting, deleting, encoding. */
#include "edge/store_internal.h"

#include "lib/check.h"

static enum err cursor_get(struct store_txn *txn, MDB_val key, MDB_cursor_op op,
                           struct store_block *ret)
{
    MDB_val value;
    TRY(store_err(mdb_cursor_get(txn->blocks, &key, &value, op)));
    uint64_t issuer_id;
    struct serial last;
    if (key_read(span_of(key.mv_data, key.mv_size), &issuer_id, &last) != ERR_OK ||
        value.mv_size < BLOCK_BYTES_MIN || value.mv_size > BLOCK_BYTES_MAX)
        return ERR_STORE;
    *ret = (struct store_block){.issuer_id = issuer_id, .last = last, .wire = value.mv_data};
    return ERR_OK;
}

enum err store_move(struct store_txn *txn, MDB_cursor_op op, struct store_block *ret)
{
    return cursor_get(txn, (MDB_val){0}, op, ret);
}

enum err store_seek(struct store_txn *txn, uint64_t issuer_id, const struct serial *serial,
                    struct store_block *ret)
{
    uint8_t wire[KEY_BYTES_MAX];
    MDB_val key = {.mv_size = key_write(issuer_id, serial, wire), .mv_data = wire};
    return cursor_get(txn, key, MDB_SET_RANGE, ret);
}

enum err store_seek_above(struct store_txn *txn, uint64_t issuer_id, const struct serial *serial,
                          struct store_block *ret)
{
    struct store_block at;
    TRY(store_seek(txn, issuer_id, serial, &at));
    if (at.issuer_id == issuer_id && serial_compare(&at.last, serial) == 0)
        TRY(store_move(txn, MDB_NEXT, &at));
    *ret = at;
    return ERR_OK;
}

enum err store_put_block(struct store_txn *txn, uint64_t issuer_id, const struct serial *last,
                         struct span wire, unsigned flags)
{
    uint8_t key_wire[KEY_BYTES_MAX];
    MDB_val key = {.mv_size = key_write(issuer_id, last, key_wire), .mv_data = key_wire};
    MDB_val value = {.mv_size = wire.size < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : wire.size};
    txn->touched = true;
    TRY(store_err(mdb_cursor_put(txn->blocks, &key, &value, flags | MDB_RESERVE)));
    memcpy(value.mv_data, wire.data, wire.size);
    memset((uint8_t *)value.mv_data + wire.size, 0, value.mv_size - wire.size);
    return ERR_OK;
}

enum err store_delete_block(struct store_txn *txn, uint64_t issuer_id, const struct serial *last)
{
    struct store_block at;
    TRY(store_seek(txn, issuer_id, last, &at));
    if (at.issuer_id != issuer_id || serial_compare(&at.last, last) != 0)
        return ERR_STORE;
    txn->touched = true;
    return store_err(mdb_cursor_del(txn->blocks, 0));
}

struct block store_copy_block(struct store_txn *txn, const uint8_t *wire)
{
    struct block block = block_load(wire);
    CHECK(block.size_bytes <= sizeof txn->old);
    memcpy(txn->old, wire, block.size_bytes);
    return block_load(txn->old);
}

static enum err finish(struct store_txn *txn, uint64_t issuer_id, const struct serial *last,
                       const struct serial *old_last, bool *kept)
{
    size_t size = block_builder_finish(&txn->builder, txn->encoded);
    if (old_last != NULL && serial_compare(last, old_last) == 0)
        *kept = true;
    return store_put_block(txn, issuer_id, last, span_of(txn->encoded, size), 0);
}

/* The longest run from the start that fits one block. */
static enum err collect(struct store_txn *txn, const struct statement *statements, size_t count,
                        size_t *ret)
{
    block_builder_reset(&txn->builder);
    for (size_t i = 0; i < count; i++) {
        enum err err = block_builder_add(&txn->builder, &statements[i]);
        if (err == ERR_NO_SPACE && i > 0) {
            *ret = i;
            return ERR_OK;
        }
        if (err != ERR_OK)
            return err == ERR_NO_SPACE ? ERR_LIMIT : err;
    }
    *ret = count;
    return ERR_OK;
}

enum err store_emit(struct store_txn *txn, uint64_t issuer_id, const struct statement *statements,
                    size_t count, bool fill, const struct serial *old_last, bool *ret_kept)
{
    while (count > 0) {
        size_t take;
        TRY(collect(txn, statements, count, &take));
        if (take < count && !fill) {
            /* Halves again and again until they fit: at most log2(count) deep. */
            size_t half = count / 2;
            TRY(store_emit(txn, issuer_id, statements, half, false, old_last, ret_kept));
            statements += half;
            count -= half;
            continue;
        }
        TRY(finish(txn, issuer_id, &statements[take - 1].serial, old_last, ret_kept));
        statements += take;
        count -= take;
    }
    return ERR_OK;
}

enum err store_find(struct store_txn *txn, uint64_t issuer_id, const struct serial *serial,
                    struct statement *ret)
{
    struct store_block at;
    TRY(store_seek(txn, issuer_id, serial, &at));
    if (at.issuer_id != issuer_id || at.last.size != serial->size)
        return ERR_NOT_FOUND;
    struct block block = block_load(at.wire);
    struct statement found;
    if (!block_find(&block, serial, &found))
        return ERR_NOT_FOUND;
    *ret = found;
    return ERR_OK;
}

enum err store_next_block(struct store_txn *txn, uint64_t *issuer_id, struct serial *last,
                          struct span *ret_wire)
{
    struct store_block at;
    TRY(store_seek_above(txn, *issuer_id, last, &at));
    *issuer_id = at.issuer_id;
    *last = at.last;
    *ret_wire = span_of(at.wire, block_load(at.wire).size_bytes);
    return ERR_OK;
}
