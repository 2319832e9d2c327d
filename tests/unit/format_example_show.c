/* SPDX-License-Identifier: Apache-2.0 */
#include "format_example_show.h"

#include "edge/store_change.h"
#include "lib/check.h"
#include "lib/clubcard_read.h"
#include "lib/head.h"
#include "lib/hex.h"
#include "lib/index.h"
#include "lib/pack.h"
#include "lib/timetext.h"
#include "lib/wire.h"

static bool ok(struct line_writer *w, enum err err)
{
    if (err != ERR_OK)
        text_put_format(w, "error: %s\n", err_name(err));
    return err == ERR_OK;
}

static void put_number(struct line_writer *w, const char *name, uint64_t value)
{
    text_put_format(w, "%s: %llu\n", name, (unsigned long long)value);
}

static void put_issuer(struct line_writer *w, uint64_t issuer_id)
{
    text_put_format(w, "issuer id: %016llx\n", (unsigned long long)issuer_id);
}

static void put_octets(struct line_writer *w, const char *name, const uint8_t *octets, size_t size)
{
    char hex[2 * SPKI_BYTES_MAX + 1];
    CHECK(hex_encode(span_of(octets, size), hex, sizeof hex) == ERR_OK);
    text_put_format(w, "%s: %s\n", name, hex);
}

static void put_hash(struct line_writer *w, const char *name, const struct sha256 *hash)
{
    put_octets(w, name, hash->octets, SHA256_BYTES);
}

static void put_time(struct line_writer *w, const char *name, uint64_t time_s)
{
    char text[ISO_TIME_BYTES + 1];
    iso_time_write(time_s, text);
    text_put_format(w, "%s: %llu (%s)\n", name, (unsigned long long)time_s, text);
}

static void put_bound(struct line_writer *w, const char *name, const struct serial *bound)
{
    char hex[SERIAL_HEX_MAX];
    if (bound->size == 0 || bound->size == SERIAL_SIZE_END) {
        text_put_format(w, "%s: %s\n", name, bound->size == 0 ? "before all" : "after all");
        return;
    }
    serial_to_hex(bound, hex);
    text_put_format(w, "%s: %s\n", name, hex);
}

static void put_facts(struct line_writer *w, const struct facts *facts)
{
    put_number(w, "template number", facts->template_no);
    text_put_format(w, "status: %s\n", facts->status == CERT_GOOD ? "good" : "revoked");
    if (facts->status == CERT_REVOKED) {
        text_put_format(w, "reason: %s\n", reason_text(facts->reason));
        put_time(w, "revoked at", facts->revoked_at_s);
    }
    put_time(w, "thisUpdate", facts->this_update_s);
    put_time(w, "nextUpdate", facts->next_update_s);
}

static void put_statement(struct line_writer *w, const struct statement *s)
{
    struct ocsp_template t;
    struct template_verifier *verifier = NULL;
    example_template(&t);
    put_bound(w, "serial", &s->serial);
    put_facts(w, &s->facts);
    if (!ok(w, template_verifier_new(&t, &verifier)))
        return;
    if (ok(w, template_verify(verifier, s)))
        text_put_format(w, "signature: %zu octets, verifies\n", s->signature.size);
    template_verifier_free(verifier);
}

static void put_range(struct line_writer *w, const struct log_range *range)
{
    put_issuer(w, range->issuer_id);
    put_bound(w, "after", &range->after);
    put_bound(w, "until", &range->until);
    put_hash(w, "pack", &range->pack);
    put_number(w, "pack size", range->pack_bytes);
    put_number(w, "statement count", range->statement_count);
}

static void put_path(struct line_writer *w, const struct blob_path *path)
{
    text_put_format(w, "path: %.*s\n", (int)path->path.size, (const char *)path->path.data);
    put_hash(w, "blob", &path->blob);
    put_number(w, "blob size", path->blob_bytes);
    text_put_format(w, "media type: %.*s\n", (int)path->media_type.size,
                    (const char *)path->media_type.data);
    put_time(w, "modified", path->modified_s);
    put_time(w, "next", path->next_s);
    put_time(w, "expires", path->expires_s);
}

void show_key(struct span octets, struct line_writer *w)
{
    uint64_t issuer_id;
    struct serial serial;
    if (!ok(w, key_read(octets, &issuer_id, &serial)))
        return;
    put_issuer(w, issuer_id);
    put_bound(w, "serial", &serial);
}

void show_facts(struct span octets, struct line_writer *w)
{
    struct facts facts;
    if (ok(w, octets.size == FACTS_BYTES ? facts_read(octets.data, &facts) : ERR_MALFORMED))
        put_facts(w, &facts);
}

void show_template(struct span octets, struct line_writer *w)
{
    struct ocsp_template t;
    if (!ok(w, template_read(octets, &t)))
        return;
    put_issuer(w, t.issuer_id);
    put_number(w, "template number", t.template_no);
    put_number(w, "CertID set", t.certid_set);
    text_put_format(w, "signature algorithm: %s\n", sig_alg_info(t.sig_alg)->text);
    put_number(w, "refresh interval", t.refresh_interval_s);
    put_octets(w, "name hash, SHA-1", t.name_sha1, sizeof t.name_sha1);
    put_octets(w, "key hash, SHA-1", t.key_sha1, sizeof t.key_sha1);
    put_octets(w, "name hash, SHA-256", t.name_sha256, sizeof t.name_sha256);
    put_octets(w, "key hash, SHA-256", t.key_sha256, sizeof t.key_sha256);
    put_octets(w, "responder key hash", t.responder_key_sha1, sizeof t.responder_key_sha1);
    put_octets(w, "signer key", t.signer_spki, t.signer_spki_size);
    put_number(w, "responder certificate size", t.responder_cert_size);
}

static void put_block(struct line_writer *w, const struct block *block)
{
    put_number(w, "serial size", block->serial_size);
    put_number(w, "count", block->count);
    put_number(w, "facts count", block->facts_count);
    put_number(w, "stride", block->stride_bytes);
    for (uint32_t i = 0; i < block->count; i++) {
        struct statement s;
        block_statement(block, i, &s);
        put_statement(w, &s);
    }
}

void show_block(struct span octets, struct line_writer *w)
{
    struct block block;
    if (ok(w, block_open(octets, &block)))
        put_block(w, &block);
}

void show_pack(struct span octets, struct line_writer *w)
{
    struct pack_reader pack;
    if (!ok(w, pack_open(octets, &pack)))
        return;
    text_put_format(w, "kind: %s\n", pack.info.kind == PACK_RANGE ? "range" : "tail");
    put_issuer(w, pack.info.issuer_id);
    put_bound(w, "after", &pack.info.after);
    put_bound(w, "until", &pack.info.until);
    put_time(w, "least thisUpdate", pack.info.this_update_min_s);
    put_time(w, "least nextUpdate", pack.info.next_update_min_s);
    put_number(w, "statement count", pack.info.statement_count);
    put_number(w, "block count", pack.info.block_count);
    struct span wire;
    size_t cursor = 0;
    struct ocsp_template t;
    while (pack_next_template(&pack, &cursor, &wire))
        if (ok(w, template_read(wire, &t)))
            put_number(w, "template", t.template_no);
    cursor = 0;
    while (pack_next_block(&pack, &cursor, &wire))
        put_number(w, "block of size", wire.size);
    struct sha256 hash = sha256_of(octets);
    put_hash(w, "name", &hash);
}

void show_log_entry(struct span octets, struct line_writer *w)
{
    struct publish_key *key = example_key();
    struct log_entry entry;
    enum err err = log_entry_open(publish_key_public(key), octets, &entry);
    publish_key_free(key);
    if (!ok(w, err))
        return;
    put_number(w, "number", entry.number);
    put_time(w, "time", entry.time_s);
    put_hash(w, "previous", &entry.previous);
    put_number(w, "item count", entry.item_count);
    struct log_item item;
    size_t cursor = 0;
    while (log_entry_next(&entry, &cursor, &item)) {
        struct ocsp_template t;
        switch (item.type) {
        case LOG_TEMPLATE:
            text_put(w, span_text("item: template\n"));
            if (ok(w, template_read(item.template_wire, &t)))
                put_number(w, "template number", t.template_no);
            break;
        case LOG_STATEMENT:
            text_put(w, span_text("item: statement\n"));
            put_issuer(w, item.issuer_id);
            put_statement(w, &item.statement);
            break;
        case LOG_RANGE:
            text_put(w, span_text("item: range\n"));
            put_range(w, &item.range);
            break;
        case LOG_PATH:
            text_put(w, span_text("item: path\n"));
            put_path(w, &item.path);
            break;
        }
    }
    struct sha256 hash = sha256_of(octets);
    put_hash(w, "hash of the entry", &hash);
}

void show_index(struct span octets, struct line_writer *w)
{
    struct index_reader index;
    if (!ok(w, index_open(octets, &index)))
        return;
    text_put_format(w, "network: %s\n", index.network);
    put_number(w, "log number", index.log_number);
    put_hash(w, "log hash", &index.log_hash);
    put_time(w, "time", index.time_s);
    struct index_line line;
    size_t cursor = 0;
    while (index_next(&index, &cursor, &line)) {
        if (line.type == INDEX_TEMPLATE)
            put_number(w, "template", line.template_.template_no);
        else if (line.type == INDEX_PATH)
            put_path(w, &line.path);
        else
            put_range(w, &line.range);
    }
    struct sha256 hash = sha256_of(octets);
    put_hash(w, "name", &hash);
}

void show_head(struct span octets, struct line_writer *w)
{
    struct publish_key *key = example_key();
    struct head head;
    enum err err = head_open(publish_key_public(key), octets, &head);
    publish_key_free(key);
    if (!ok(w, err))
        return;
    text_put_format(w, "network: %s\n", head.network);
    put_number(w, "log first", head.log_first);
    put_number(w, "log last", head.log_last);
    put_hash(w, "log hash", &head.log_hash);
    put_time(w, "time", head.time_s);
    put_time(w, "valid until", head.valid_until_s);
    put_number(w, "index log number", head.index_log);
    put_number(w, "index size", head.index_bytes);
    put_hash(w, "index hash", &head.index_hash);
    put_hash(w, "previous", &head.previous);
}

void show_verifier_key(struct span octets, struct line_writer *w)
{
    struct verify_key key;
    if (octets.size > 0 && octets.data[octets.size - 1] == '\n')
        octets.size--;
    if (!ok(w, verify_key_from_text(octets, &key)))
        return;
    text_put_format(w, "network: %s\n", key.network);
    put_octets(w, "key id", key.id, sizeof key.id);
    put_octets(w, "public key", key.public_key, sizeof key.public_key);
}

void show_position(struct span octets, struct line_writer *w)
{
    struct position p;
    if (!ok(w, position_read(octets, &p)))
        return;
    put_number(w, "log number", p.log_number);
    put_hash(w, "log hash", &p.log_hash);
    put_number(w, "commit", p.commit);
    put_time(w, "head time", p.head_time_s);
    put_time(w, "head valid until", p.head_valid_until_s);
    put_hash(w, "index hash", &p.index_hash);
    put_number(w, "index lines applied", p.index_done);
    put_number(w, "complete", p.complete);
    put_number(w, "statement count", p.statement_count);
}

void show_change(struct span octets, struct line_writer *w)
{
    struct wire_reader r = wire_reader_of(octets);
    uint16_t count = wire_get_u16(&r);
    put_number(w, "range count", count);
    for (uint32_t i = 0; i < 2u * count && r.err == ERR_OK; i++) {
        uint64_t issuer_id;
        struct serial bound;
        struct span key = wire_get(&r, wire_get_u8(&r));
        if (!ok(w, key_read(key, &issuer_id, &bound)))
            return;
        put_issuer(w, issuer_id);
        put_bound(w, i % 2 == 0 ? "after" : "until", &bound);
    }
    (void)ok(w, wire_reader_end(&r));
}

static void put_filter_block(struct line_writer *w, const struct clubcard *card,
                             const struct clubcard_block *block)
{
    put_hash(w, "block id", &block->id);
    put_number(w, "approximate m", block->approx_m);
    put_number(w, "approximate rank", block->approx_rank);
    put_number(w, "approximate offset", block->approx_offset);
    put_number(w, "exact m", block->exact_m);
    put_number(w, "exact offset", block->exact_offset);
    put_number(w, "inverted", block->inverted);
    put_number(w, "exception count", block->exception_count);
    for (unsigned i = 0; i < EXAMPLE_FILTER_COUNT; i++) {
        bool revoked = false;
        struct serial serial = example_filter_serial(i);
        if (ok(w, clubcard_ask(card, block, span_of(serial.octets, serial.size), &revoked)))
            put_bound(w, revoked ? "revoked" : "not revoked", &serial);
    }
}

void show_filter(struct span octets, struct line_writer *w)
{
    struct clubcard card;
    struct clubcard_coverage coverage;
    struct clubcard_block block;
    if (!ok(w, clubcard_open(octets, &card)))
        return;
    struct clubcard_cursor cursor = clubcard_coverage_first(&card);
    while (clubcard_coverage_next(&cursor, &coverage)) {
        put_hash(w, "log id", &coverage.log_id);
        put_number(w, "low", coverage.low_ms);
        put_number(w, "high", coverage.high_ms);
    }
    cursor = clubcard_block_first(&card);
    while (clubcard_block_next(&cursor, &block))
        put_filter_block(w, &card, &block);
    put_number(w, "column count", card.column_count);
}
