/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_change.h"

#include "lib/check.h"
#include "lib/wire.h"

static int key_compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    if (order != 0)
        return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

void store_changes_reset(struct store_changes *c)
{
    c->count = 0;
    c->everything = false;
}

/* Statements arrive mostly in key order, so looking at the range before is enough to keep the list
 * short; a list that still overflows becomes "everything", which only costs the readers time. */
static bool join(struct store_change_range *last, const struct store_change_range *add)
{
    if (key_compare(add->after, add->after_size, last->after, last->after_size) < 0 ||
        key_compare(add->after, add->after_size, last->until, last->until_size) > 0)
        return false;
    if (key_compare(add->until, add->until_size, last->until, last->until_size) > 0) {
        memcpy(last->until, add->until, sizeof last->until);
        last->until_size = add->until_size;
    }
    return true;
}

void store_changes_add(struct store_changes *c, uint64_t issuer_id, const struct serial *after,
                       const struct serial *until)
{
    if (c->everything)
        return;
    struct store_change_range range = {0};
    range.after_size = (uint8_t)key_write(issuer_id, after, range.after);
    range.until_size = (uint8_t)key_write(issuer_id, until, range.until);
    if (c->count > 0 && join(&c->ranges[c->count - 1], &range))
        return;
    if (c->count == STORE_CHANGE_RANGES_MAX) {
        c->everything = true;
        return;
    }
    c->ranges[c->count++] = range;
}

size_t store_changes_write(const struct store_changes *c,
                           uint8_t ret[static STORE_CHANGES_BYTES_MAX])
{
    struct wire_writer w = wire_writer_of(ret, STORE_CHANGES_BYTES_MAX);
    if (c->everything) {
        wire_put_u16(&w, STORE_CHANGES_EVERYTHING);
    } else {
        wire_put_u16(&w, (uint16_t)c->count);
        for (uint32_t i = 0; i < c->count; i++) {
            const struct store_change_range *range = &c->ranges[i];
            wire_put_u8(&w, range->after_size);
            wire_put(&w, span_of(range->after, range->after_size));
            wire_put_u8(&w, range->until_size);
            wire_put(&w, span_of(range->until, range->until_size));
        }
    }
    CHECK(w.err == ERR_OK);
    return w.size;
}

struct serial serial_before(const struct serial *serial)
{
    struct serial before = *serial;
    if (serial->size == SERIAL_SIZE_END) {
        before.size = SERIAL_BYTES_MAX;
        memset(before.octets, 0xff, sizeof before.octets);
        return before;
    }
    for (size_t i = before.size; i > 0; i--)
        if (before.octets[i - 1]-- != 0)
            return before; /* borrowed from here; the octets after it became 0xff */
    /* All zero: the largest of the next smaller size, or the bound before all. */
    if (before.size > 0)
        before.size--;
    return before;
}
