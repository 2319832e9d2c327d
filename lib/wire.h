/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reading and writing of the binary formats: big-endian integers, octets, bounds of key
 * ranges. Errors are sticky: a decoder reads all fields of a group and looks at `err` once. After
 * an error, reads give zero or an empty span, and writes do nothing. */
#pragma once

#include "lib/serial.h"

static inline uint16_t be16_load(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t be32_load(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t be64_load(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline void be16_store(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

static inline void be64_store(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "be*_load swap the octets");

struct wire_reader {
    struct span rest;
    enum err err;
};

struct wire_writer {
    uint8_t *out;
    size_t out_size;
    size_t size; /* so far */
    enum err err;
};

static inline struct wire_reader wire_reader_of(struct span wire)
{
    return (struct wire_reader){.rest = wire, .err = ERR_OK};
}

/** The next `size` octets; ERR_TRUNCATED when there are fewer. */
struct span wire_get(struct wire_reader *r, size_t size);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/** size 1, octets: a serial or one of the two bounds, which have no octets. ERR_LIMIT. */
struct serial wire_get_bound(struct wire_reader *r);
/** The reader's error, or ERR_TRAILING when octets are left. */
MUST_CHECK enum err wire_reader_end(const struct wire_reader *r);

static inline struct wire_writer wire_writer_of(uint8_t *out, size_t out_size)
{
    return (struct wire_writer){.out = out, .out_size = out_size, .size = 0, .err = ERR_OK};
}

/** Room for `size` octets that the caller fills, or NULL and ERR_NO_SPACE. */
uint8_t *wire_put_room(struct wire_writer *w, size_t size);
void wire_put(struct wire_writer *w, struct span octets);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
/** ERR_LIMIT when the size is neither a bound's nor a serial's. */
void wire_put_bound(struct wire_writer *w, const struct serial *bound);
