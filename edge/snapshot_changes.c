/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_changes.h"

#include <stdlib.h>

#include "lib/wire.h"

#define COUNT_EVERYTHING 0xffff

static bool take_key(struct span *wire, struct side_key *ret)
{
    if (wire->size == 0 || wire->data[0] > KEY_BYTES_MAX || wire->data[0] >= wire->size)
        return false;
    ret->size = wire->data[0];
    memcpy(ret->octets, wire->data + 1, ret->size);
    *wire = span_of(wire->data + 1 + ret->size, wire->size - 1 - ret->size);
    return true;
}

static enum err range_add(struct snapshot_changes *c, const struct side_range *range)
{
    if (c->range_count == c->range_room) {
        uint32_t room = c->range_room == 0 ? 64 : 2 * c->range_room;
        struct side_range *ranges = realloc(c->ranges, room * sizeof *ranges);
        if (ranges == NULL)
            return ERR_MEMORY;
        c->ranges = ranges;
        c->range_room = room;
    }
    c->ranges[c->range_count++] = *range;
    return ERR_OK;
}

/* A record that cannot be read costs a full walk, nothing else. */
static enum err record_take(struct snapshot_changes *c, struct span wire)
{
    c->everything = true;
    if (wire.size < 2)
        return ERR_OK;
    unsigned count = be16_load(wire.data);
    if (count == COUNT_EVERYTHING || c->range_count + count > SIDE_RANGES_MAX)
        return ERR_OK;
    wire = span_of(wire.data + 2, wire.size - 2);
    for (unsigned i = 0; i < count; i++) {
        struct side_range range;
        if (!take_key(&wire, &range.after) || !take_key(&wire, &range.until))
            return ERR_OK;
        TRY(range_add(c, &range));
    }
    c->everything = wire.size != 0;
    return ERR_OK;
}

static enum err records_take(struct snapshot_source *source, struct MDB_txn *txn,
                             uint64_t commit_from, uint64_t commit_until,
                             struct snapshot_changes *c)
{
    for (uint64_t n = commit_from + 1; n <= commit_until && !c->everything; n++) {
        uint8_t key[8];
        be64_store(key, n);
        struct span wire;
        enum err err =
            snapshot_txn_get(source, txn, SNAPSHOT_DB_CHANGE, span_of(key, sizeof key), &wire);
        if (err == ERR_NOT_FOUND)
            c->everything = true;
        else if (err != ERR_OK)
            return err;
        else
            TRY(record_take(c, wire));
    }
    return ERR_OK;
}

enum err snapshot_changes_read(struct snapshot_source *source, struct MDB_txn *txn,
                               uint64_t commit_from, uint64_t commit_until,
                               struct snapshot_changes *ret)
{
    struct snapshot_changes c = {0};
    if (commit_until < commit_from || commit_until - commit_from > STORE_CHANGES_MAX)
        c.everything = true;
    enum err err = records_take(source, txn, commit_from, commit_until, &c);
    if (err != ERR_OK) {
        snapshot_changes_free(&c);
        return err;
    }
    *ret = c;
    return ERR_OK;
}

void snapshot_changes_free(struct snapshot_changes *changes)
{
    free(changes->ranges);
    *changes = (struct snapshot_changes){0};
}
