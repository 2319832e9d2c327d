/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log_entry.h"

#include "lib/check.h"
#include "lib/wire.h"

#define LOG_MAGIC         "STLE"
#define LOG_MAGIC_BYTES   4
#define LOG_VERSION       1
#define LOG_TRAILER_BYTES (PUBLISH_KEY_ID_BYTES + ED25519_SIGNATURE_BYTES)
#define ITEM_FRAME_BYTES  5

static enum err read_statement(struct wire_reader *r, struct log_item *item)
{
    struct statement *s = &item->statement;
    item->issuer_id = wire_get_u64(r);
    struct span content = wire_get(r, wire_get_u8(r));
    struct span facts = wire_get(r, FACTS_BYTES);
    TRY(r->err);
    TRY(serial_from_content(content, &s->serial));
    TRY(facts_read(facts.data, &s->facts));
    if (r->rest.size == 0)
        return ERR_TRUNCATED;
    if (r->rest.size > SIGNATURE_BYTES_MAX)
        return ERR_LIMIT;
    s->signature = wire_get(r, r->rest.size);
    return ERR_OK;
}

static enum err read_range(struct wire_reader *r, struct log_range *range)
{
    range->issuer_id = wire_get_u64(r);
    range->after = wire_get_bound(r);
    range->until = wire_get_bound(r);
    struct span pack = wire_get(r, SHA256_BYTES);
    range->pack_bytes = wire_get_u64(r);
    range->statement_count = wire_get_u64(r);
    TRY(wire_reader_end(r));
    memcpy(range->pack.octets, pack.data, SHA256_BYTES);
    if (serial_compare(&range->after, &range->until) >= 0)
        return ERR_MALFORMED;
    return range->pack_bytes > PACK_BYTES_MAX ? ERR_LIMIT : ERR_OK;
}

/* Takes one item. A template is only framed here; what it says is checked by the caller. */
static enum err read_item(struct wire_reader *items, struct log_item *ret)
{
    uint8_t type = wire_get_u8(items);
    uint32_t size = wire_get_u32(items);
    struct wire_reader r = wire_reader_of(wire_get(items, size));
    TRY(items->err);
    struct log_item item = {.type = (enum log_item_type)type};
    switch (type) {
    case LOG_TEMPLATE:
        item.template_wire = r.rest;
        break;
    case LOG_STATEMENT:
        TRY(read_statement(&r, &item));
        break;
    case LOG_RANGE:
        TRY(read_range(&r, &item.range));
        break;
    case LOG_PATH:
        TRY(blob_path_read(r.rest, &item.path));
        break;
    default:
        return ERR_UNSUPPORTED;
    }
    *ret = item;
    return ERR_OK;
}

static enum err check_items(const struct log_entry *entry)
{
    struct wire_reader r = wire_reader_of(entry->items);
    for (uint32_t i = 0; i < entry->item_count; i++) {
        struct log_item item;
        TRY(read_item(&r, &item));
        if (item.type == LOG_TEMPLATE) {
            struct ocsp_template t;
            TRY(template_read(item.template_wire, &t));
        }
    }
    return wire_reader_end(&r);
}

static enum err check_magic(struct wire_reader *r)
{
    struct span magic = wire_get(r, LOG_MAGIC_BYTES);
    uint8_t version = wire_get_u8(r);
    TRY(r->err);
    if (!span_equal(magic, span_of(LOG_MAGIC, LOG_MAGIC_BYTES)))
        return ERR_MALFORMED;
    return version == LOG_VERSION ? ERR_OK : ERR_UNSUPPORTED;
}

enum err log_entry_parse(struct span wire, struct log_entry *ret, struct span *ret_network)
{
    static const struct sha256 none;
    if (wire.size > LOG_ENTRY_BYTES_MAX)
        return ERR_LIMIT;
    if (wire.size < LOG_TRAILER_BYTES)
        return ERR_TRUNCATED;
    struct wire_reader r = wire_reader_of(span_of(wire.data, wire.size - LOG_TRAILER_BYTES));
    struct log_entry entry = {.number = 0};
    TRY(check_magic(&r));
    struct span network = wire_get(&r, wire_get_u8(&r));
    entry.number = wire_get_u64(&r);
    entry.time_s = wire_get_u64(&r);
    struct span previous = wire_get(&r, SHA256_BYTES);
    entry.item_count = wire_get_u32(&r);
    TRY(r.err);
    TRY(network_name_check(network));
    memcpy(entry.previous.octets, previous.data, SHA256_BYTES);
    /* Numbers start at 1, and only the first entry has no predecessor. */
    if (entry.number == 0 || (entry.number == 1) != sha256_equal(&entry.previous, &none))
        return ERR_MALFORMED;
    entry.items = r.rest;
    TRY(check_items(&entry));
    *ret = entry;
    *ret_network = network;
    return ERR_OK;
}

enum err log_entry_open(const struct verify_key *key, struct span wire, struct log_entry *ret)
{
    if (wire.size > LOG_ENTRY_BYTES_MAX)
        return ERR_LIMIT;
    if (wire.size < LOG_TRAILER_BYTES)
        return ERR_TRUNCATED;
    /* The magic keeps a signature over something else from standing for an entry. */
    struct wire_reader r = wire_reader_of(wire);
    TRY(check_magic(&r));
    const uint8_t *trailer = wire.data + wire.size - LOG_TRAILER_BYTES;
    if (memcmp(trailer, key->id, PUBLISH_KEY_ID_BYTES) != 0)
        return ERR_KEY;
    TRY(verify_key_verify(key, span_of(wire.data, wire.size - ED25519_SIGNATURE_BYTES),
                          trailer + PUBLISH_KEY_ID_BYTES));
    struct log_entry entry;
    struct span network;
    TRY(log_entry_parse(wire, &entry, &network));
    if (!span_equal(network, span_text(key->network)))
        return ERR_NETWORK;
    *ret = entry;
    return ERR_OK;
}

bool log_entry_next(const struct log_entry *entry, size_t *cursor, struct log_item *ret)
{
    if (*cursor >= entry->items.size)
        return false;
    struct wire_reader r =
        wire_reader_of(span_of(entry->items.data + *cursor, entry->items.size - *cursor));
    CHECK(read_item(&r, ret) == ERR_OK);
    *cursor = entry->items.size - r.rest.size;
    return true;
}

static struct wire_writer resume(const struct log_writer *w)
{
    return (struct wire_writer){
        .out = w->out, .out_size = w->out_size, .size = w->size, .err = w->err};
}

static void suspend(struct log_writer *w, const struct wire_writer *wire)
{
    w->size = wire->size;
    w->err = wire->err;
}

void log_writer_start(struct log_writer *w, struct span network, uint64_t number, uint64_t time_s,
                      const struct sha256 *previous, uint8_t *out, size_t out_size)
{
    *w = (struct log_writer){.out = out, .out_size = out_size, .err = network_name_check(network)};
    struct wire_writer wire = resume(w);
    wire_put(&wire, span_of(LOG_MAGIC, LOG_MAGIC_BYTES));
    wire_put_u8(&wire, LOG_VERSION);
    wire_put_u8(&wire, (uint8_t)network.size);
    wire_put(&wire, network);
    wire_put_u64(&wire, number);
    wire_put_u64(&wire, time_s);
    wire_put(&wire, span_of(previous->octets, SHA256_BYTES));
    w->count_offset = wire.size;
    wire_put_u32(&wire, 0);
    suspend(w, &wire);
}

static void put_frame(struct wire_writer *wire, enum log_item_type type, size_t size)
{
    wire_put_u8(wire, (uint8_t)type);
    wire_put_u32(wire, (uint32_t)size);
}

/* Reads back the item that was written from `start` on, so that a bad one is known at once. */
static void end_item(struct log_writer *w, struct wire_writer *wire, size_t start)
{
    struct log_item item;
    if (wire->err == ERR_OK) {
        struct wire_reader r = wire_reader_of(span_of(wire->out + start, wire->size - start));
        if (read_item(&r, &item) != ERR_OK)
            wire->err = ERR_RANGE;
    }
    suspend(w, wire);
    if (w->err == ERR_OK)
        w->item_count++;
}

void log_writer_template(struct log_writer *w, const struct ocsp_template *t)
{
    uint8_t octets[TEMPLATE_BYTES_MAX];
    size_t size = 0;
    struct wire_writer wire = resume(w);
    if (wire.err == ERR_OK)
        wire.err = template_write(t, octets, sizeof octets, &size);
    put_frame(&wire, LOG_TEMPLATE, size);
    wire_put(&wire, span_of(octets, size));
    end_item(w, &wire, w->size);
}

/* What read_statement() would take. */
static bool serial_valid(const struct serial *s)
{
    struct serial same;
    return s->size <= SERIAL_BYTES_MAX &&
           serial_from_content(span_of(s->octets, s->size), &same) == ERR_OK;
}

void log_writer_statement(struct log_writer *w, uint64_t issuer_id, const struct statement *s)
{
    uint8_t facts[FACTS_BYTES];
    facts_write(&s->facts, facts);
    struct wire_writer wire = resume(w);
    if (wire.err == ERR_OK && !serial_valid(&s->serial))
        wire.err = ERR_RANGE;
    put_frame(&wire, LOG_STATEMENT, 8u + 1u + s->serial.size + FACTS_BYTES + s->signature.size);
    wire_put_u64(&wire, issuer_id);
    wire_put_bound(&wire, &s->serial);
    wire_put(&wire, span_of(facts, sizeof facts));
    wire_put(&wire, s->signature);
    end_item(w, &wire, w->size);
}

void log_writer_range(struct log_writer *w, const struct log_range *range)
{
    struct wire_writer wire = resume(w);
    uint8_t *frame = wire_put_room(&wire, ITEM_FRAME_BYTES);
    wire_put_u64(&wire, range->issuer_id);
    wire_put_bound(&wire, &range->after);
    wire_put_bound(&wire, &range->until);
    wire_put(&wire, span_of(range->pack.octets, SHA256_BYTES));
    wire_put_u64(&wire, range->pack_bytes);
    wire_put_u64(&wire, range->statement_count);
    if (wire.err == ERR_OK) {
        frame[0] = LOG_RANGE;
        be32_store(frame + 1, (uint32_t)(wire.size - w->size - ITEM_FRAME_BYTES));
    }
    end_item(w, &wire, w->size);
}

void log_writer_path(struct log_writer *w, const struct blob_path *path)
{
    uint8_t octets[BLOB_PATH_WIRE_MAX];
    size_t size = 0;
    struct wire_writer wire = resume(w);
    if (wire.err == ERR_OK && blob_path_write(path, octets, sizeof octets, &size) != ERR_OK)
        wire.err = ERR_RANGE;
    put_frame(&wire, LOG_PATH, size);
    wire_put(&wire, span_of(octets, size));
    end_item(w, &wire, w->size);
}

enum err log_writer_finish(struct log_writer *w, const struct publish_key *key, size_t *ret_size)
{
    const struct verify_key *public_half = publish_key_public(key);
    struct wire_writer wire = resume(w);
    wire_put(&wire, span_of(public_half->id, PUBLISH_KEY_ID_BYTES));
    uint8_t *signature = wire_put_room(&wire, ED25519_SIGNATURE_BYTES);
    suspend(w, &wire);
    TRY(w->err);
    if (w->size > LOG_ENTRY_BYTES_MAX)
        return ERR_LIMIT;
    be32_store(w->out + w->count_offset, w->item_count);
    /* What a follower would refuse is not signed. */
    struct log_entry entry;
    struct span network;
    if (log_entry_parse(span_of(w->out, w->size), &entry, &network) != ERR_OK)
        return ERR_RANGE;
    if (!span_equal(network, span_text(public_half->network)))
        return ERR_NETWORK;
    TRY(publish_key_sign(key, span_of(w->out, w->size - ED25519_SIGNATURE_BYTES), signature));
    *ret_size = w->size;
    return ERR_OK;
}
