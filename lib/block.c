/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/block.h"

#include "lib/check.h"
#include "lib/wire.h"

#define FACTS_NO_BYTES 1

static const uint8_t *serial_at(const struct block *b, uint32_t i)
{
    return b->serials + (size_t)i * b->serial_size;
}

struct block block_load(const uint8_t *wire)
{
    struct block b = {
        .facts = wire + BLOCK_HEADER_BYTES,
        .serial_size = wire[1],
        .count = be16_load(wire + 2),
        .facts_count = wire[4],
        .stride_bytes = be16_load(wire + 5),
    };
    b.serials = b.facts + (size_t)b.facts_count * BLOCK_FACTS_BYTES;
    b.bodies = b.serials + (size_t)b.count * b.serial_size;
    b.size_bytes = (uint32_t)(b.bodies - wire) + (uint32_t)b.count * b.stride_bytes;
    return b;
}

static uint16_t signature_size_of(const struct block *b, uint32_t facts_no)
{
    return be16_load(b->facts + (size_t)facts_no * BLOCK_FACTS_BYTES + FACTS_BYTES);
}

static enum err check_header(struct span wire, const struct block *b)
{
    if (b->serial_size == 0 || b->count == 0 || b->facts_count == 0)
        return ERR_MALFORMED;
    if (b->serial_size > SERIAL_BYTES_MAX || b->count > BLOCK_COUNT_MAX ||
        b->facts_count > BLOCK_FACTS_MAX || b->size_bytes > BLOCK_BYTES_MAX)
        return ERR_LIMIT;
    if (wire.size != b->size_bytes)
        return wire.size < b->size_bytes ? ERR_TRUNCATED : ERR_TRAILING;
    return ERR_OK;
}

static enum err check_facts(const struct block *b)
{
    uint16_t size_max = 0;
    for (uint32_t i = 0; i < b->facts_count; i++) {
        struct facts facts;
        TRY(facts_read(b->facts + (size_t)i * BLOCK_FACTS_BYTES, &facts));
        uint16_t size = signature_size_of(b, i);
        if (size == 0)
            return ERR_MALFORMED;
        if (size > SIGNATURE_BYTES_MAX)
            return ERR_LIMIT;
        if (size > size_max)
            size_max = size;
    }
    return b->stride_bytes == FACTS_NO_BYTES + size_max ? ERR_OK : ERR_MALFORMED;
}

/* Positive and minimally encoded (X.690 8.3.2). Serials of one size ascend, so the first is the
 * least that could be padded, and the last the one that could be negative. */
static bool serial_form_valid(const uint8_t *first, const uint8_t *last, size_t size)
{
    bool padded = size > 1 && first[0] == 0 && first[1] < 0x80;
    return !padded && last[0] < 0x80;
}

static enum err check_serials(const struct block *b)
{
    size_t size = b->serial_size;
    const uint8_t *serial = b->serials;
    for (uint32_t i = 1; i < b->count; i++, serial += size)
        if (memcmp(serial, serial + size, size) >= 0)
            return ERR_ORDER;
    return serial_form_valid(b->serials, serial, size) ? ERR_OK : ERR_MALFORMED;
}

static enum err check_bodies(const struct block *b)
{
    uint16_t sizes[BLOCK_FACTS_MAX];
    for (uint32_t i = 0; i < b->facts_count; i++)
        sizes[i] = signature_size_of(b, i);
    const uint8_t *body = b->bodies;
    for (uint32_t i = 0; i < b->count; i++, body += b->stride_bytes) {
        if (body[0] >= b->facts_count)
            return ERR_MALFORMED;
        for (uint32_t j = FACTS_NO_BYTES + sizes[body[0]]; j < b->stride_bytes; j++)
            if (body[j] != 0)
                return ERR_MALFORMED;
    }
    return ERR_OK;
}

enum err block_open(struct span wire, struct block *ret)
{
    if (wire.size < BLOCK_HEADER_BYTES)
        return ERR_TRUNCATED;
    if (wire.data[0] != BLOCK_VERSION)
        return ERR_UNSUPPORTED;
    struct block b = block_load(wire.data);
    TRY(check_header(wire, &b));
    TRY(check_facts(&b));
    TRY(check_serials(&b));
    TRY(check_bodies(&b));
    *ret = b;
    return ERR_OK;
}

void block_serial(const struct block *block, uint32_t i, struct serial *ret)
{
    *ret = (struct serial){.size = block->serial_size};
    memcpy(ret->octets, serial_at(block, i), block->serial_size);
}

void block_statement(const struct block *block, uint32_t i, struct statement *ret)
{
    const uint8_t *body = block->bodies + (size_t)i * block->stride_bytes;
    block_serial(block, i, &ret->serial);
    ret->facts = facts_load(block->facts + (size_t)body[0] * BLOCK_FACTS_BYTES);
    ret->signature = span_of(body + FACTS_NO_BYTES, signature_size_of(block, body[0]));
}

void block_last_serial(const uint8_t *wire, struct serial *ret)
{
    struct block b = block_load(wire);
    block_serial(&b, (uint32_t)b.count - 1, ret);
}

void block_builder_reset(struct block_builder *b)
{
    b->count = 0;
    b->facts_count = 0;
    b->signature_size_max = 0;
}

static size_t encoded_size(size_t count, size_t facts_count, size_t serial_size,
                           size_t signature_size_max)
{
    return BLOCK_HEADER_BYTES + facts_count * BLOCK_FACTS_BYTES +
           count * (serial_size + FACTS_NO_BYTES + signature_size_max);
}

size_t block_builder_size(const struct block_builder *b)
{
    if (b->count == 0)
        return 0;
    return encoded_size(b->count, b->facts_count, b->statements[0].serial.size,
                        b->signature_size_max);
}

/* What block_open() would refuse. */
static bool statement_valid(const struct statement *s)
{
    size_t size = s->serial.size;
    return size > 0 && size <= SERIAL_BYTES_MAX &&
           serial_form_valid(s->serial.octets, s->serial.octets, size) && s->signature.size > 0 &&
           s->signature.size <= SIGNATURE_BYTES_MAX;
}

static bool facts_valid(const struct facts *facts)
{
    uint8_t wire[FACTS_BYTES];
    struct facts read;
    facts_write(facts, wire);
    return facts_read(wire, &read) == ERR_OK;
}

static bool facts_equal(const struct facts *a, const struct facts *b)
{
    return a->this_update_s == b->this_update_s && a->next_update_s == b->next_update_s &&
           a->template_no == b->template_no && a->status == b->status && a->reason == b->reason &&
           a->revoked_at_s == b->revoked_at_s;
}

/* The number of facts and signature size in the dictionary; facts_count when it is not there. The
 * statement before most likely had the same. */
static uint16_t facts_lookup(const struct block_builder *b, const struct facts *facts, size_t size)
{
    if (b->count > 0) {
        uint16_t last = b->facts_no[b->count - 1];
        if (b->signature_sizes[last] == size && facts_equal(&b->facts[last], facts))
            return last;
    }
    for (uint16_t i = 0; i < b->facts_count; i++)
        if (b->signature_sizes[i] == size && facts_equal(&b->facts[i], facts))
            return i;
    return b->facts_count;
}

enum err block_builder_add(struct block_builder *b, const struct statement *s)
{
    if (!statement_valid(s))
        return ERR_RANGE;
    if (b->count > 0) {
        const struct serial *before = &b->statements[b->count - 1].serial;
        if (serial_compare(before, &s->serial) >= 0)
            return ERR_ORDER;
        if (before->size != s->serial.size || b->count == BLOCK_COUNT_MAX)
            return ERR_NO_SPACE;
    }
    uint16_t size = (uint16_t)s->signature.size;
    uint16_t size_max = size > b->signature_size_max ? size : b->signature_size_max;
    uint16_t no = facts_lookup(b, &s->facts, size);
    bool fresh = no == b->facts_count;
    if (fresh && !facts_valid(&s->facts))
        return ERR_RANGE;
    if (fresh && b->facts_count == BLOCK_FACTS_MAX)
        return ERR_NO_SPACE;
    if (encoded_size(b->count + 1u, b->facts_count + (fresh ? 1u : 0u), s->serial.size, size_max) >
        BLOCK_BYTES_MAX)
        return ERR_NO_SPACE;
    if (fresh) {
        b->facts[no] = s->facts;
        b->signature_sizes[no] = size;
        b->facts_count++;
    }
    b->signature_size_max = size_max;
    b->facts_no[b->count] = (uint8_t)no;
    b->statements[b->count] = *s;
    b->count++;
    return ERR_OK;
}

size_t block_builder_finish(const struct block_builder *b, uint8_t ret[static BLOCK_BYTES_MAX])
{
    CHECK(b->count > 0);
    size_t serial_size = b->statements[0].serial.size;
    size_t stride = FACTS_NO_BYTES + (size_t)b->signature_size_max;
    ret[0] = BLOCK_VERSION;
    ret[1] = (uint8_t)serial_size;
    be16_store(ret + 2, b->count);
    ret[4] = (uint8_t)b->facts_count;
    be16_store(ret + 5, (uint16_t)stride);
    uint8_t *at = ret + BLOCK_HEADER_BYTES;
    for (uint32_t i = 0; i < b->facts_count; i++, at += BLOCK_FACTS_BYTES) {
        facts_write(&b->facts[i], at);
        be16_store(at + FACTS_BYTES, b->signature_sizes[i]);
    }
    for (uint32_t i = 0; i < b->count; i++, at += serial_size)
        memcpy(at, b->statements[i].serial.octets, serial_size);
    for (uint32_t i = 0; i < b->count; i++, at += stride) {
        size_t size = b->statements[i].signature.size;
        at[0] = b->facts_no[i];
        memcpy(at + FACTS_NO_BYTES, b->statements[i].signature.data, size);
        memset(at + FACTS_NO_BYTES + size, 0, stride - FACTS_NO_BYTES - size);
    }
    size_t written = (size_t)(at - ret);
    CHECK(written == block_builder_size(b) && written <= BLOCK_BYTES_MAX);
    return written;
}
