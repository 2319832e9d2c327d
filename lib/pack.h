/* SPDX-License-Identifier: Apache-2.0 */
/* Pack: statements of one issuer as ready-made blocks, named by its SHA-256 (docs/formats.md,
 * "Pack"). Two kinds: a RANGE pack has all statements of the half-open key range (after, until] and
 * replaces the range; a TAIL pack has statements newer than their range packs and is merged in.
 * Readers borrow the octets and allocate nothing.
 *
 *   magic "STPK" | version 1 | kind 1 | issuer 8 | after: size 1, octets | until: size 1, octets |
 *   least thisUpdate 4 | least nextUpdate 4 | statement count 8 | block count 4 |
 *   template count 2 | templates: size 2, wire each | blocks: size 2, wire each */
#pragma once

#include "lib/block.h"
#include "lib/template.h"

/* Templates in use at one time: old and new of a change of key, of CertIDs, of refresh interval. */
#define PACK_TEMPLATES_MAX 64

enum pack_kind { PACK_RANGE = 1, PACK_TAIL = 2 };

struct pack_info {
    uint64_t issuer_id;
    uint64_t statement_count;
    uint32_t block_count;
    uint32_t this_update_min_s; /* over all statements; 0 when there are none */
    uint32_t next_update_min_s;
    uint8_t kind;        /* enum pack_kind */
    struct serial after; /* exclusive lower bound, SERIAL_BEFORE_ALL for none */
    struct serial until; /* inclusive upper bound, SERIAL_AFTER_ALL for none */
};

/* Numbers of the templates that a pack carries, and the signature size of each. */
struct pack_templates {
    uint16_t count;
    uint16_t numbers[PACK_TEMPLATES_MAX];
    uint16_t signature_sizes[PACK_TEMPLATES_MAX];
};

struct pack_reader {
    struct pack_info info;
    struct span templates; /* count 2, then size 2 + wire each */
    struct span blocks;    /* size 2 + wire each */
};

/** Reads the header and walks everything once: framing, every block, order across blocks, bounds,
 *  counts, and that each statement's facts name a template that the pack carries, of fitting
 *  signature size. The hash is the caller's. ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED,
 *  ERR_LIMIT, ERR_ORDER, ERR_RANGE (outside the bounds, or bounds that enclose nothing),
 *  ERR_CONFLICT (counts, least times, templates), ERR_MALFORMED. */
MUST_CHECK enum err pack_open(struct span wire, struct pack_reader *ret);

/** Walks templates: `*cursor` starts at 0. false at the end. Only on an opened pack. */
bool pack_next_template(const struct pack_reader *pack, size_t *cursor, struct span *ret_wire);
/** Walks blocks in key order: `*cursor` starts at 0. false at the end. */
bool pack_next_block(const struct pack_reader *pack, size_t *cursor, struct span *ret_wire);

/** Writes a pack into a buffer of the caller's. Statements in ascending key order. */
struct pack_writer {
    uint8_t *out;
    size_t out_size;
    size_t size; /* so far */
    struct pack_info info;
    struct pack_templates templates;
    struct serial last; /* of the statement before; SERIAL_BEFORE_ALL at the start */
    struct block_builder builder;
    enum err err; /* sticky */
};

/** `info` gives issuer, kind and bounds; its counts are filled by the writer. Templates are all
 * that the statements will name. */
void pack_writer_start(struct pack_writer *w, const struct pack_info *info,
                       const struct ocsp_template *const *templates, uint16_t template_count,
                       uint8_t *out, size_t out_size);
/** The signature is copied when the block is finished: it must stay until the next call of
 *  pack_writer_finish or until a later add has started another block. */
void pack_writer_add(struct pack_writer *w, const struct statement *s);
/** The size of the pack if it were finished now; for the caller that splits packs by size. */
size_t pack_writer_size(const struct pack_writer *w);
/** Nothing that pack_open() would refuse is written. ERR_NO_SPACE, ERR_ORDER, ERR_RANGE (bounds;
 *  serial, facts or signature of no valid form), ERR_CONFLICT (facts name no template of the pack
 *  or the signature does not fit it; two templates with one number or of another issuer),
 *  ERR_LIMIT (PACK_TEMPLATES_MAX, PACK_BYTES_MAX). */
MUST_CHECK enum err pack_writer_finish(struct pack_writer *w, struct pack_info *ret_info,
                                       size_t *ret_size);
