/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_batch.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/wire.h"

#define PREFETCH_AHEAD 8

_Static_assert(IMPORT_BATCH_COUNT_MAX <= UINT32_MAX, "a place fits 32 bits");
_Static_assert(offsetof(struct serial, size) == 0 && sizeof(struct serial) == 1 + SERIAL_BYTES_MAX,
               "a serial's octets in memory order as keys do");

uint64_t import_item_prefix(const struct import_item *item)
{
    return be64_load((const uint8_t *)&item->serial);
}

int import_item_compare(const struct import_item *a, const struct import_item *b)
{
    return memcmp(&a->serial, &b->serial, sizeof a->serial);
}

struct cert_record import_item_record(const struct import_item *item)
{
    return (struct cert_record){.status = item->status,
                                .reason = item->reason,
                                .revoked_at_s = item->revoked_at_s,
                                .not_after_s = item->not_after_s,
                                .shard = item->shard};
}

enum err import_batch_start(size_t capacity, struct import_batch *ret)
{
    CHECK(capacity > 0 && capacity <= IMPORT_BATCH_COUNT_MAX);
    struct import_batch b = {.capacity = capacity};
    b.items = calloc(capacity, sizeof *b.items);
    b.sorted = calloc(capacity, sizeof *b.sorted);
    b.order = calloc(capacity, sizeof *b.order);
    if (b.items == NULL || b.sorted == NULL || b.order == NULL) {
        import_batch_done(&b);
        return ERR_MEMORY;
    }
    *ret = b;
    return ERR_OK;
}

void import_batch_done(struct import_batch *b)
{
    free(b->items);
    free(b->sorted);
    free(b->order);
    *b = (struct import_batch){0};
}

void import_batch_add(struct import_batch *b, const struct import_line *line)
{
    CHECK(b->count < b->capacity);
    struct import_item *item = &b->items[b->count];
    /* Octets after a short serial are zeros, as the parsers leave them. */
    *item = (struct import_item){.serial = line->serial,
                                 .status = line->record.status,
                                 .reason = line->record.reason,
                                 .revoked_at_s = line->record.revoked_at_s,
                                 .not_after_s = line->record.not_after_s,
                                 .shard = line->record.shard};
    b->order[b->count] =
        (struct import_sort_place){.prefix = import_item_prefix(item), .place = (uint32_t)b->count};
    b->count++;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct import_sort_place *a = left, *b = right;
    const struct import_item *items = context;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int order = import_item_compare(&items[a->place], &items[b->place]);
    if (order != 0)
        return order;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Serials arrive in order often enough: sorted issuers, and our own exports. */
static bool in_order(const struct import_batch *b)
{
    for (size_t i = 1; i < b->count; i++)
        if (compare(&b->order[i - 1], &b->order[i], b->items) > 0)
            return false;
    return true;
}

void import_batch_sort(struct import_batch *b)
{
    if (!in_order(b))
        qsort_r(b->order, b->count, sizeof *b->order, compare, b->items);
    for (size_t i = 0; i < b->count; i++) {
        if (i + PREFETCH_AHEAD < b->count)
            __builtin_prefetch(&b->items[b->order[i + PREFETCH_AHEAD].place]);
        b->sorted[i] = b->items[b->order[i].place];
    }
}
