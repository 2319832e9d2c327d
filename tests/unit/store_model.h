/* SPDX-License-Identifier: Apache-2.0 */
/* A model of the store: a sorted list of what it should hold. */
#pragma once

#include <stdlib.h>

#include "edge/store.h"
#include "lib/block.h"
#include "lib/check.h"

static inline uint8_t *model_octets(const void *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

struct model_item {
    uint64_t issuer_id;
    struct serial serial;
    struct facts facts;
    uint8_t *signature; /* owned */
    size_t signature_size;
};

struct model {
    struct model_item *items; /* by (issuer, serial) */
    size_t count;
    size_t room;
};

static inline int model_order(const struct model_item *item, uint64_t issuer_id,
                              const struct serial *serial)
{
    if (item->issuer_id != issuer_id)
        return item->issuer_id < issuer_id ? -1 : 1;
    return serial_compare(&item->serial, serial);
}

/* The first item not below the key. */
static inline size_t model_at(const struct model *m, uint64_t issuer_id,
                              const struct serial *serial)
{
    size_t low = 0;
    size_t high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (model_order(&m->items[middle], issuer_id, serial) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline void model_put(struct model *m, uint64_t issuer_id, const struct statement *s)
{
    size_t at = model_at(m, issuer_id, &s->serial);
    if (at == m->count || model_order(&m->items[at], issuer_id, &s->serial) != 0) {
        if (m->count == m->room) {
            m->room = m->room == 0 ? 64 : 2 * m->room;
            m->items = realloc(m->items, m->room * sizeof *m->items);
            CHECK(m->items != NULL);
        }
        memmove(&m->items[at + 1], &m->items[at], (m->count - at) * sizeof *m->items);
        m->count++;
    } else {
        free(m->items[at].signature);
    }
    m->items[at] =
        (struct model_item){.issuer_id = issuer_id,
                            .serial = s->serial,
                            .facts = s->facts,
                            .signature = model_octets(s->signature.data, s->signature.size),
                            .signature_size = s->signature.size};
}

/* Removes (after, until] of the issuer. */
static inline void model_remove(struct model *m, uint64_t issuer_id, const struct serial *after,
                                const struct serial *until)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_item *item = &m->items[i];
        bool inside = item->issuer_id == issuer_id && serial_compare(&item->serial, after) > 0 &&
                      serial_compare(&item->serial, until) <= 0;
        if (inside)
            free(item->signature);
        else
            m->items[kept++] = *item;
    }
    m->count = kept;
}

static inline struct statement model_statement(const struct model_item *item)
{
    return (struct statement){.serial = item->serial,
                              .facts = item->facts,
                              .signature = span_of(item->signature, item->signature_size)};
}

static inline bool statement_equal(const struct statement *a, const struct statement *b)
{
    uint8_t wire_a[FACTS_BYTES];
    uint8_t wire_b[FACTS_BYTES];
    facts_write(&a->facts, wire_a);
    facts_write(&b->facts, wire_b);
    return serial_compare(&a->serial, &b->serial) == 0 &&
           memcmp(wire_a, wire_b, FACTS_BYTES) == 0 && span_equal(a->signature, b->signature);
}

static inline struct model model_copy(const struct model *m)
{
    struct model copy = {0};
    copy.count = copy.room = m->count;
    copy.items = (struct model_item *)(void *)model_octets(m->items, m->count * sizeof *m->items);
    for (size_t i = 0; i < copy.count; i++)
        copy.items[i].signature = model_octets(m->items[i].signature, m->items[i].signature_size);
    return copy;
}

static inline void model_done(struct model *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->items[i].signature);
    free(m->items);
    *m = (struct model){0};
}

/* Walks the whole store: blocks valid, disjoint, ascending, content and count as the model says. */
static inline bool store_equals_model(struct store_txn *txn, const struct model *m)
{
    uint64_t issuer_id = 0;
    struct serial last = SERIAL_BEFORE_ALL;
    struct span wire;
    size_t at = 0;
    while (store_next_block(txn, &issuer_id, &last, &wire) == ERR_OK) {
        struct block block;
        struct serial key;
        if (block_open(wire, &block) != ERR_OK)
            return false;
        block_last_serial(wire.data, &key);
        if (serial_compare(&key, &last) != 0)
            return false;
        for (uint32_t i = 0; i < block.count; i++, at++) {
            struct statement have;
            block_statement(&block, i, &have);
            if (at == m->count || model_order(&m->items[at], issuer_id, &have.serial) != 0)
                return false;
            struct statement want = model_statement(&m->items[at]);
            if (!statement_equal(&have, &want))
                return false;
        }
    }
    return at == m->count && store_position(txn)->statement_count == m->count;
}
