/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pack.h"

#include "lib/wire.h"

#define PACK_MAGIC       "STPK"
#define PACK_MAGIC_BYTES 4
#define PACK_VERSION     1
#define FRAME_BYTES      2 /* the size before a template or a block */

static enum err info_check(const struct pack_info *info)
{
    if (info->kind != PACK_RANGE && info->kind != PACK_TAIL)
        return ERR_UNSUPPORTED;
    return serial_compare(&info->after, &info->until) < 0 ? ERR_OK : ERR_RANGE;
}

/* Index of a template number; count when it is not there. There are one or two. */
static uint16_t template_lookup(const struct pack_templates *templates, uint16_t number)
{
    uint16_t i = 0;
    while (i < templates->count && templates->numbers[i] != number)
        i++;
    return i;
}

static enum err template_note(struct pack_templates *templates, uint64_t issuer_id,
                              const struct ocsp_template *t)
{
    const struct sig_alg_info *alg = sig_alg_info(t->sig_alg);
    if (alg == NULL)
        return ERR_UNSUPPORTED;
    if (t->issuer_id != issuer_id || template_lookup(templates, t->template_no) < templates->count)
        return ERR_CONFLICT;
    if (templates->count == PACK_TEMPLATES_MAX)
        return ERR_LIMIT;
    templates->numbers[templates->count] = t->template_no;
    templates->signature_sizes[templates->count] = alg->size;
    templates->count++;
    return ERR_OK;
}

static bool template_fits(const struct pack_templates *templates, uint16_t number, size_t size)
{
    uint16_t i = template_lookup(templates, number);
    return i < templates->count && templates->signature_sizes[i] == size;
}

/* Least times over what was seen; both 0 at first, and no statement has them 0 in both. */
static void times_note(struct pack_info *info, const struct facts *facts)
{
    bool first = info->next_update_min_s == 0;
    if (first || facts->this_update_s < info->this_update_min_s)
        info->this_update_min_s = facts->this_update_s;
    if (first || facts->next_update_s < info->next_update_min_s)
        info->next_update_min_s = facts->next_update_s;
}

static enum err read_header(struct wire_reader *r, struct pack_info *info)
{
    struct span magic = wire_get(r, PACK_MAGIC_BYTES);
    uint8_t version = wire_get_u8(r);
    if (r->err != ERR_OK)
        return r->err;
    if (!span_equal(magic, span_of(PACK_MAGIC, PACK_MAGIC_BYTES)))
        return ERR_MALFORMED;
    if (version != PACK_VERSION)
        return ERR_UNSUPPORTED;
    info->kind = wire_get_u8(r);
    info->issuer_id = wire_get_u64(r);
    info->after = wire_get_bound(r);
    info->until = wire_get_bound(r);
    info->this_update_min_s = wire_get_u32(r);
    info->next_update_min_s = wire_get_u32(r);
    info->statement_count = wire_get_u64(r);
    info->block_count = wire_get_u32(r);
    TRY(r->err);
    return info_check(info);
}

static enum err read_templates(struct wire_reader *r, uint64_t issuer_id,
                               struct pack_templates *templates)
{
    uint16_t count = wire_get_u16(r);
    for (uint16_t i = 0; i < count; i++) {
        struct span wire = wire_get(r, wire_get_u16(r));
        struct ocsp_template t;
        TRY(r->err);
        TRY(template_read(wire, &t));
        TRY(template_note(templates, issuer_id, &t));
    }
    return r->err;
}

/* What the walk over all blocks gathers, to compare with the header. */
struct walk {
    const struct pack_templates *templates;
    struct pack_info seen;
    struct serial last; /* of the block before; at first the lower bound */
};

static enum err check_block(struct walk *walk, struct span wire)
{
    struct block block;
    struct serial first;
    TRY(block_open(wire, &block));
    block_serial(&block, 0, &first);
    if (serial_compare(&walk->last, &first) >= 0)
        return walk->seen.block_count == 0 ? ERR_RANGE : ERR_ORDER;
    block_serial(&block, (uint32_t)block.count - 1, &walk->last);
    for (uint32_t i = 0; i < block.facts_count; i++) {
        const uint8_t *entry = block.facts + (size_t)i * BLOCK_FACTS_BYTES;
        struct facts facts = facts_load(entry);
        if (!template_fits(walk->templates, facts.template_no, be16_load(entry + FACTS_BYTES)))
            return ERR_CONFLICT;
        times_note(&walk->seen, &facts);
    }
    walk->seen.block_count++;
    walk->seen.statement_count += block.count;
    return ERR_OK;
}

static enum err check_blocks(struct span blocks, const struct pack_info *info,
                             const struct pack_templates *templates)
{
    struct walk walk = {.templates = templates, .seen = {.kind = info->kind}, .last = info->after};
    struct wire_reader r = wire_reader_of(blocks);
    while (r.rest.size > 0) {
        struct span wire = wire_get(&r, wire_get_u16(&r));
        TRY(r.err);
        TRY(check_block(&walk, wire));
    }
    if (walk.seen.block_count > 0 && serial_compare(&walk.last, &info->until) > 0)
        return ERR_RANGE;
    if (walk.seen.block_count != info->block_count ||
        walk.seen.statement_count != info->statement_count ||
        walk.seen.this_update_min_s != info->this_update_min_s ||
        walk.seen.next_update_min_s != info->next_update_min_s)
        return ERR_CONFLICT;
    return ERR_OK;
}

enum err pack_open(struct span wire, struct pack_reader *ret)
{
    if (wire.size > PACK_BYTES_MAX)
        return ERR_LIMIT;
    struct wire_reader r = wire_reader_of(wire);
    struct pack_reader pack = {.info = {.kind = 0}};
    struct pack_templates templates = {.count = 0};
    TRY(read_header(&r, &pack.info));
    struct span rest = r.rest;
    TRY(read_templates(&r, pack.info.issuer_id, &templates));
    pack.templates = span_of(rest.data, rest.size - r.rest.size);
    pack.blocks = r.rest;
    TRY(check_blocks(pack.blocks, &pack.info, &templates));
    *ret = pack;
    return ERR_OK;
}

/* The next size-2-and-octets frame at *cursor, in octets that were checked. */
static bool next_frame(struct span frames, size_t *cursor, struct span *ret)
{
    if (*cursor >= frames.size)
        return false;
    size_t size = be16_load(frames.data + *cursor);
    *ret = span_of(frames.data + *cursor + FRAME_BYTES, size);
    *cursor += FRAME_BYTES + size;
    return true;
}

bool pack_next_template(const struct pack_reader *pack, size_t *cursor, struct span *ret_wire)
{
    if (*cursor == 0)
        *cursor = 2; /* the count */
    return next_frame(pack->templates, cursor, ret_wire);
}

bool pack_next_block(const struct pack_reader *pack, size_t *cursor, struct span *ret_wire)
{
    return next_frame(pack->blocks, cursor, ret_wire);
}

/* Writes the header as far as it is known; again at the end, over the first. */
static void write_header(struct wire_writer *out, const struct pack_info *info)
{
    wire_put(out, span_of(PACK_MAGIC, PACK_MAGIC_BYTES));
    wire_put_u8(out, PACK_VERSION);
    wire_put_u8(out, info->kind);
    wire_put_u64(out, info->issuer_id);
    wire_put_bound(out, &info->after);
    wire_put_bound(out, &info->until);
    wire_put_u32(out, info->this_update_min_s);
    wire_put_u32(out, info->next_update_min_s);
    wire_put_u64(out, info->statement_count);
    wire_put_u32(out, info->block_count);
}

static enum err write_templates(struct wire_writer *out, struct pack_templates *noted,
                                uint64_t issuer_id, const struct ocsp_template *const *templates,
                                uint16_t count)
{
    wire_put_u16(out, count);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t wire[TEMPLATE_BYTES_MAX];
        size_t size;
        TRY(template_note(noted, issuer_id, templates[i]));
        TRY(template_write(templates[i], wire, sizeof wire, &size));
        wire_put_u16(out, (uint16_t)size);
        wire_put(out, span_of(wire, size));
    }
    return out->err;
}

void pack_writer_start(struct pack_writer *w, const struct pack_info *info,
                       const struct ocsp_template *const *templates, uint16_t template_count,
                       uint8_t *out, size_t out_size)
{
    w->out = out;
    w->out_size = out_size < PACK_BYTES_MAX ? out_size : PACK_BYTES_MAX;
    w->info = (struct pack_info){.issuer_id = info->issuer_id,
                                 .kind = info->kind,
                                 .after = info->after,
                                 .until = info->until};
    w->templates.count = 0;
    w->last = SERIAL_BEFORE_ALL;
    block_builder_reset(&w->builder);
    struct wire_writer wire = wire_writer_of(w->out, w->out_size);
    w->err = info_check(&w->info);
    write_header(&wire, &w->info);
    if (w->err == ERR_OK)
        w->err = write_templates(&wire, &w->templates, info->issuer_id, templates, template_count);
    w->size = wire.size;
}

/* Moves the pending statements into the output as one block. */
static enum err flush(struct pack_writer *w)
{
    size_t size = block_builder_size(&w->builder);
    if (size == 0)
        return ERR_OK;
    if (FRAME_BYTES + size > w->out_size - w->size)
        return ERR_NO_SPACE;
    uint8_t block[BLOCK_BYTES_MAX];
    block_builder_finish(&w->builder, block);
    be16_store(w->out + w->size, (uint16_t)size);
    memcpy(w->out + w->size + FRAME_BYTES, block, size);
    w->size += FRAME_BYTES + size;
    w->info.block_count++;
    block_builder_reset(&w->builder);
    return ERR_OK;
}

static enum err add(struct pack_writer *w, const struct statement *s)
{
    if (serial_compare(&w->last, &s->serial) >= 0)
        return ERR_ORDER;
    if (serial_compare(&w->info.after, &s->serial) >= 0 ||
        serial_compare(&s->serial, &w->info.until) > 0)
        return ERR_RANGE;
    if (!template_fits(&w->templates, s->facts.template_no, s->signature.size))
        return ERR_CONFLICT;
    enum err err = block_builder_add(&w->builder, s);
    if (err == ERR_NO_SPACE) {
        TRY(flush(w));
        err = block_builder_add(&w->builder, s);
    }
    TRY(err);
    w->last = s->serial;
    w->info.statement_count++;
    times_note(&w->info, &s->facts);
    return ERR_OK;
}

void pack_writer_add(struct pack_writer *w, const struct statement *s)
{
    if (w->err == ERR_OK)
        w->err = add(w, s);
}

size_t pack_writer_size(const struct pack_writer *w)
{
    size_t pending = block_builder_size(&w->builder);
    return w->size + (pending > 0 ? FRAME_BYTES + pending : 0);
}

enum err pack_writer_finish(struct pack_writer *w, struct pack_info *ret_info, size_t *ret_size)
{
    if (w->err == ERR_OK)
        w->err = flush(w);
    TRY(w->err);
    struct wire_writer header = wire_writer_of(w->out, w->size);
    write_header(&header, &w->info);
    TRY(header.err);
    *ret_info = w->info;
    *ret_size = w->size;
    return ERR_OK;
}
