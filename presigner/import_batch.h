/* SPDX-License-Identifier: Apache-2.0 */
/* Collects certificates of an import, of one issuer, and sorts them: in key order, those of one
 * serial in the order they were added. */
#pragma once

#include "presigner/import_line.h"

/* About 27 MB with what the sorting takes. */
#define IMPORT_BATCH_COUNT_MAX (1u << 18)

/* The form that is sorted, written and merged: no pointers, no holes. */
struct import_item {
    struct serial serial; /* zeros behind a short one: all octets compare as keys do */
    uint8_t status;
    uint8_t reason;
    uint8_t zero;
    uint32_t revoked_at_s;
    uint32_t not_after_s;
    uint32_t shard;
};
_Static_assert(sizeof(struct import_item) == sizeof(struct serial) + 15, "no holes");

/** Size and leading 7 octets of the serial as a number: most comparisons end here. */
uint64_t import_item_prefix(const struct import_item *item);
/** Key order: <0, 0, >0. */
int import_item_compare(const struct import_item *a, const struct import_item *b);
/** The claim that the line made; sequence 0. */
struct cert_record import_item_record(const struct import_item *item);

struct import_sort_place {
    uint64_t prefix;
    uint32_t place; /* in `items` */
};

struct import_batch {
    struct import_item *items;
    struct import_item *sorted;
    struct import_sort_place *order;
    size_t count;
    size_t capacity;
};

/** ERR_MEMORY. */
MUST_CHECK enum err import_batch_start(size_t capacity, struct import_batch *ret);
void import_batch_done(struct import_batch *b);
static inline bool import_batch_full(const struct import_batch *b)
{
    return b->count == b->capacity;
}
/** Not when it is full. */
void import_batch_add(struct import_batch *b, const struct import_line *line);
/** Fills `sorted` with all `count` items. */
void import_batch_sort(struct import_batch *b);
