/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/crl_check_entries.h"

#include <stdlib.h>

#include "lib/check.h"

#define SERIAL_ADVISED_BYTES 20 /* RFC 5280 4.1.2.2 */
#define COUNT_FIRST          1024

static int compare(const void *a, const void *b)
{
    return serial_compare(a, b);
}

static enum err add(struct crl_serials *s, size_t *capacity, const struct serial *serial)
{
    if (s->count == *capacity) {
        size_t larger = *capacity == 0 ? COUNT_FIRST : 2 * *capacity;
        struct serial *items = reallocarray(s->items, larger, sizeof *items);
        if (items == NULL)
            return ERR_MEMORY;
        s->items = items;
        *capacity = larger;
    }
    s->items[s->count++] = *serial;
    return ERR_OK;
}

static void note(struct crl_serials *s, const struct crl_entry *entry)
{
    if (entry->serial.size > SERIAL_ADVISED_BYTES && s->larger.size == 0)
        s->larger = entry->serial;
    if (entry->reason == REASON_ABSENT && !s->has_no_reason) {
        s->has_no_reason = true;
        s->no_reason = entry->serial;
    }
}

static void order(struct crl_serials *s, bool ascends)
{
    if (s->count > 0 && !ascends)
        qsort(s->items, s->count, sizeof *s->items, compare);
    for (size_t i = 1; i < s->count && s->twice.size == 0; i++)
        if (serial_compare(&s->items[i - 1], &s->items[i]) == 0)
            s->twice = s->items[i];
}

enum err crl_serials_collect(const struct crl *crl, struct crl_serials *ret)
{
    struct crl_cursor cursor;
    struct crl_entry entry;
    struct crl_serials s = {0};
    size_t capacity = 0;
    bool ascends = true;
    crl_cursor_start(&cursor, crl);
    while (crl_cursor_next(&cursor, &entry) == ERR_OK) {
        ascends =
            ascends && (s.count == 0 || serial_compare(&s.items[s.count - 1], &entry.serial) <= 0);
        note(&s, &entry);
        if (add(&s, &capacity, &entry.serial) != ERR_OK) {
            crl_serials_done(&s);
            return ERR_MEMORY;
        }
    }
    order(&s, ascends);
    *ret = s;
    return ERR_OK;
}

void crl_serials_done(struct crl_serials *serials)
{
    free(serials->items);
    serials->items = NULL;
    serials->count = 0;
}

size_t crl_serials_gone(const struct crl_serials *before, const struct crl_serials *now,
                        struct serial *ret_first)
{
    size_t gone = 0, at = 0;
    for (size_t i = 0; i < before->count; i++) {
        while (at < now->count && serial_compare(&now->items[at], &before->items[i]) < 0)
            at++;
        if (at < now->count && serial_compare(&now->items[at], &before->items[i]) == 0)
            continue;
        if (gone++ == 0)
            *ret_first = before->items[i];
    }
    return gone;
}
