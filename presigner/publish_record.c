/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/publish_record.h"

#include "lib/check.h"

static void put_hash(struct wire_writer *w, const struct sha256 *hash)
{
    wire_put(w, span_of(hash->octets, sizeof hash->octets));
}

static struct sha256 get_hash(struct wire_reader *r)
{
    struct sha256 hash = {{0}};
    struct span octets = wire_get(r, sizeof hash.octets);
    if (octets.size == sizeof hash.octets)
        memcpy(hash.octets, octets.data, octets.size);
    return hash;
}

static void get_version(struct wire_reader *r)
{
    uint8_t version = wire_get_u8(r);
    if (r->err == ERR_OK && version != PUBLISH_RECORD_VERSION)
        r->err = ERR_UNSUPPORTED;
}

bool sha256_is_zero(const struct sha256 *hash)
{
    static const struct sha256 zero;
    return sha256_equal(hash, &zero);
}

size_t range_record_write(const struct range_record *r, uint8_t ret[static RANGE_RECORD_BYTES_MAX])
{
    struct wire_writer w = wire_writer_of(ret, RANGE_RECORD_BYTES_MAX);
    wire_put_u8(&w, PUBLISH_RECORD_VERSION);
    wire_put_u8(&w, r->flags);
    wire_put_bound(&w, &r->after);
    put_hash(&w, &r->pack);
    wire_put_u64(&w, r->pack_bytes);
    wire_put_u64(&w, r->statement_count);
    wire_put_u64(&w, r->tail_count);
    wire_put_u32(&w, r->this_update_min_s);
    wire_put_u32(&w, r->next_update_min_s);
    wire_put_u64(&w, r->sequence);
    wire_put_u64(&w, r->log_number);
    CHECK(w.err == ERR_OK);
    return w.size;
}

enum err range_record_read(struct span key, struct span value, struct range_record *ret)
{
    struct range_record out = {0};
    TRY(key_read(key, &out.issuer_id, &out.until));
    struct wire_reader r = wire_reader_of(value);
    get_version(&r);
    out.flags = wire_get_u8(&r);
    out.after = wire_get_bound(&r);
    out.pack = get_hash(&r);
    out.pack_bytes = wire_get_u64(&r);
    out.statement_count = wire_get_u64(&r);
    out.tail_count = wire_get_u64(&r);
    out.this_update_min_s = wire_get_u32(&r);
    out.next_update_min_s = wire_get_u32(&r);
    out.sequence = wire_get_u64(&r);
    out.log_number = wire_get_u64(&r);
    TRY(wire_reader_end(&r));
    *ret = out;
    return ERR_OK;
}

enum err tail_record_write(const struct tail_record *r, uint8_t ret[static TAIL_RECORD_BYTES_MAX],
                           size_t *ret_size)
{
    if (r->statement.signature.size > SIGNATURE_BYTES_MAX)
        return ERR_LIMIT;
    struct wire_writer w = wire_writer_of(ret, TAIL_RECORD_BYTES_MAX);
    wire_put_u8(&w, PUBLISH_RECORD_VERSION);
    wire_put_u64(&w, r->log_number);
    uint8_t facts[FACTS_BYTES];
    facts_write(&r->statement.facts, facts);
    wire_put(&w, span_of(facts, sizeof facts));
    wire_put(&w, r->statement.signature);
    CHECK(w.err == ERR_OK);
    *ret_size = w.size;
    return ERR_OK;
}

enum err tail_record_read(struct span key, struct span value, struct tail_record *ret)
{
    struct tail_record out = {0};
    TRY(key_read(key, &out.issuer_id, &out.statement.serial));
    struct wire_reader r = wire_reader_of(value);
    get_version(&r);
    out.log_number = wire_get_u64(&r);
    struct span facts = wire_get(&r, FACTS_BYTES);
    TRY(r.err);
    TRY(facts_read(facts.data, &out.statement.facts));
    if (r.rest.size > SIGNATURE_BYTES_MAX)
        return ERR_LIMIT;
    out.statement.signature = r.rest;
    *ret = out;
    return ERR_OK;
}

size_t log_record_write(const struct log_record *r, uint8_t ret[static LOG_RECORD_BYTES_MAX])
{
    CHECK(r->pack_count <= LOG_RECORD_PACKS_MAX);
    struct wire_writer w = wire_writer_of(ret, LOG_RECORD_BYTES_MAX);
    wire_put_u8(&w, PUBLISH_RECORD_VERSION);
    put_hash(&w, &r->hash);
    wire_put_u64(&w, r->time_s);
    wire_put_u64(&w, r->bytes);
    wire_put_u16(&w, r->pack_count);
    for (uint16_t i = 0; i < r->pack_count; i++)
        put_hash(&w, &r->packs[i]);
    CHECK(w.err == ERR_OK);
    return w.size;
}

enum err log_record_read(struct span key, struct span value, struct log_record *ret)
{
    struct log_record out = {0};
    struct wire_reader k = wire_reader_of(key);
    out.number = wire_get_u64(&k);
    TRY(wire_reader_end(&k));
    struct wire_reader r = wire_reader_of(value);
    get_version(&r);
    out.hash = get_hash(&r);
    out.time_s = wire_get_u64(&r);
    out.bytes = wire_get_u64(&r);
    out.pack_count = wire_get_u16(&r);
    TRY(r.err);
    if (out.pack_count > LOG_RECORD_PACKS_MAX)
        return ERR_LIMIT;
    for (uint16_t i = 0; i < out.pack_count; i++)
        out.packs[i] = get_hash(&r);
    TRY(wire_reader_end(&r));
    *ret = out;
    return ERR_OK;
}

static void put_index(struct wire_writer *w, const struct index_record *index)
{
    wire_put_u64(w, index->log_number);
    put_hash(w, &index->hash);
    wire_put_u64(w, index->bytes);
    wire_put_u64(w, index->time_s);
}

static struct index_record get_index(struct wire_reader *r)
{
    struct index_record index = {0};
    index.log_number = wire_get_u64(r);
    index.hash = get_hash(r);
    index.bytes = wire_get_u64(r);
    index.time_s = wire_get_u64(r);
    return index;
}

void publish_state_write(const struct publish_state *s, uint8_t ret[static PUBLISH_STATE_BYTES])
{
    struct wire_writer w = wire_writer_of(ret, PUBLISH_STATE_BYTES);
    wire_put_u8(&w, PUBLISH_RECORD_VERSION);
    wire_put_u64(&w, s->published_sequence);
    wire_put_u64(&w, s->urgent_sequence);
    wire_put_u64(&w, s->log_first);
    wire_put_u64(&w, s->log_last);
    put_hash(&w, &s->log_hash);
    put_index(&w, &s->index);
    put_index(&w, &s->index_before);
    CHECK(w.err == ERR_OK && w.size == PUBLISH_STATE_BYTES);
}

enum err publish_state_read(struct span value, struct publish_state *ret)
{
    struct publish_state out = {0};
    struct wire_reader r = wire_reader_of(value);
    get_version(&r);
    out.published_sequence = wire_get_u64(&r);
    out.urgent_sequence = wire_get_u64(&r);
    out.log_first = wire_get_u64(&r);
    out.log_last = wire_get_u64(&r);
    out.log_hash = get_hash(&r);
    out.index = get_index(&r);
    out.index_before = get_index(&r);
    TRY(wire_reader_end(&r));
    *ret = out;
    return ERR_OK;
}
