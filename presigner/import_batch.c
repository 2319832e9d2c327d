/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_batch.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/wire.h"

#define PREFETCH_AHEAD 8

_Static_assert(IMPORT_BATCH_COUNT_MAX <= UINT32_MAX, "a place fits 32 bits");

enum err import_batch_start(size_t capacity, struct import_batch *ret)
{
    CHECK(capacity > 0 && capacity <= IMPORT_BATCH_COUNT_MAX);
    struct import_batch b = {.capacity = capacity};
    b.lines = calloc(capacity, sizeof *b.lines);
    b.order = calloc(capacity, sizeof *b.order);
    if (b.lines == NULL || b.order == NULL) {
        import_batch_done(&b);
        return ERR_MEMORY;
    }
    *ret = b;
    return ERR_OK;
}

void import_batch_done(struct import_batch *b)
{
    free(b->lines);
    free(b->order);
    *b = (struct import_batch){0};
}

void import_batch_add(struct import_batch *b, const struct import_line *line)
{
    CHECK(b->count < b->capacity);
    /* Octets after a short serial are zeros, as the parsers leave them. */
    uint64_t prefix = be64_load(line->serial.octets) >> 8 | (uint64_t)line->serial.size << 56;
    b->lines[b->count] = *line;
    b->order[b->count] = (struct import_sort_item){.prefix = prefix, .place = (uint32_t)b->count};
    b->count++;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct import_sort_item *a = left, *b = right;
    const struct import_line *lines = context;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int order = serial_compare(&lines[a->place].serial, &lines[b->place].serial);
    if (order != 0)
        return order;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Serials arrive in order often enough: sorted issuers, and our own exports. */
static bool in_order(const struct import_batch *b)
{
    for (size_t i = 1; i < b->count; i++)
        if (compare(&b->order[i - 1], &b->order[i], b->lines) > 0)
            return false;
    return true;
}

/* In key order the lines lie all over memory: fetched while those before are written. */
static void prefetch(const struct import_line *line)
{
    __builtin_prefetch(line);
    __builtin_prefetch((const uint8_t *)line + sizeof *line - 1);
}

enum err import_batch_apply(struct import_batch *b, struct status_writer *w, uint64_t issuer_id,
                            uint64_t *changed)
{
    if (!in_order(b))
        qsort_r(b->order, b->count, sizeof *b->order, compare, b->lines);
    for (size_t i = 0; i < b->count; i++) {
        const struct import_line *line = &b->lines[b->order[i].place];
        bool is_change;
        if (i + PREFETCH_AHEAD < b->count)
            prefetch(&b->lines[b->order[i + PREFETCH_AHEAD].place]);
        TRY(status_writer_apply(w, issuer_id, &line->serial, &line->record, &is_change));
        *changed += is_change;
    }
    b->count = 0;
    return ERR_OK;
}
