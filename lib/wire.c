/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire.h"

static const uint8_t zeros[8];

struct span wire_get(struct wire_reader *r, size_t size)
{
    if (r->err == ERR_OK && size > r->rest.size)
        r->err = ERR_TRUNCATED;
    if (r->err != ERR_OK)
        return SPAN_EMPTY;
    struct span got = span_of(r->rest.data, size);
    if (size > 0)
        r->rest = span_of(r->rest.data + size, r->rest.size - size);
    return got;
}

/* Octets of an integer; zeros after an error. */
static const uint8_t *get_fixed(struct wire_reader *r, size_t size)
{
    struct span got = wire_get(r, size);
    return got.size == size ? got.data : zeros;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
    return *get_fixed(r, 1);
}

uint16_t wire_get_u16(struct wire_reader *r)
{
    return be16_load(get_fixed(r, 2));
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    return be32_load(get_fixed(r, 4));
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    return be64_load(get_fixed(r, 8));
}

static bool has_octets(uint8_t size)
{
    return size != 0 && size != SERIAL_SIZE_END;
}

struct serial wire_get_bound(struct wire_reader *r)
{
    struct serial bound = {.size = wire_get_u8(r)};
    if (!has_octets(bound.size))
        return bound;
    if (bound.size > SERIAL_BYTES_MAX) {
        r->err = ERR_LIMIT;
        return SERIAL_BEFORE_ALL;
    }
    struct span octets = wire_get(r, bound.size);
    if (r->err != ERR_OK)
        return SERIAL_BEFORE_ALL;
    memcpy(bound.octets, octets.data, octets.size);
    return bound;
}

enum err wire_reader_end(const struct wire_reader *r)
{
    if (r->err != ERR_OK)
        return r->err;
    return r->rest.size == 0 ? ERR_OK : ERR_TRAILING;
}

uint8_t *wire_put_room(struct wire_writer *w, size_t size)
{
    if (w->err == ERR_OK && size > w->out_size - w->size)
        w->err = ERR_NO_SPACE;
    if (w->err != ERR_OK)
        return NULL;
    uint8_t *room = w->out + w->size;
    w->size += size;
    return room;
}

void wire_put(struct wire_writer *w, struct span octets)
{
    if (octets.size == 0)
        return;
    uint8_t *room = wire_put_room(w, octets.size);
    if (room != NULL)
        memcpy(room, octets.data, octets.size);
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
    wire_put(w, span_of(&v, 1));
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
    uint8_t *room = wire_put_room(w, sizeof v);
    if (room != NULL)
        be16_store(room, v);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
    uint8_t *room = wire_put_room(w, sizeof v);
    if (room != NULL)
        be32_store(room, v);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
    uint8_t *room = wire_put_room(w, sizeof v);
    if (room != NULL)
        be64_store(room, v);
}

void wire_put_bound(struct wire_writer *w, const struct serial *bound)
{
    if (has_octets(bound->size) && bound->size > SERIAL_BYTES_MAX && w->err == ERR_OK)
        w->err = ERR_LIMIT;
    if (w->err != ERR_OK)
        return;
    wire_put_u8(w, bound->size);
    if (has_octets(bound->size))
        wire_put(w, span_of(bound->octets, bound->size));
}
