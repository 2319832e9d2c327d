/* SPDX-License-Identifier: Apache-2.0 */
/* Index: the checkpoint for an edge that starts or lags. Text, named by its SHA-256 in the head
 * (docs/formats.md, "Index"): all templates, range packs, tail packs and paths that make the state
 * after log entry `log`. Ranges come in key order and cover each issuer's key space without a gap.
 *
 *   statim-index v1
 *   network <name>
 *   log <number> <sha256 of that entry>
 *   time <seconds>
 *   template <base64 of the wire form>
 *   range <issuer> <after> <until> <statement count> <bytes> <sha256>
 *   tail <issuer> <statement count> <bytes> <sha256>
 *   path <path> <media type> <bytes> <sha256> <modified> <next> <expires>
 *   end <lines before this one>
 *
 * issuer: 16 hex digits. after, until: size as two hex digits followed by the octets in hex; "00"
 * is before all, "ff" after all. All hex is lower-case. Templates ascend by (issuer, number), tails
 * do not descend by issuer, paths ascend by their octets. The ranges of one issuer are beside one
 * another; the first begins at 00, each next where the one before ends, the last ends at ff. "end"
 * counts all lines before it.
 */
#pragma once

#include "lib/digest.h"
#include "lib/log_entry.h"

enum index_line_type { INDEX_TEMPLATE, INDEX_RANGE, INDEX_TAIL, INDEX_PATH };

struct index_line {
    enum index_line_type type;
    struct ocsp_template template_; /* INDEX_TEMPLATE */
    struct log_range range;         /* INDEX_RANGE; INDEX_TAIL without bounds */
    struct blob_path path;          /* INDEX_PATH; borrows the text */
};

struct index_reader {
    char network[NETWORK_NAME_MAX + 1];
    uint64_t log_number;
    struct sha256 log_hash;
    uint64_t time_s;
    uint32_t line_count; /* templates, ranges, tails and paths */
    struct span lines;   /* their text; borrows */
};

/** Validates the whole text: form, order (templates, ranges in key order without gaps per issuer,
 *  tails, paths), every template. The hash and the network name are the caller's. ERR_MALFORMED,
 *  ERR_TRUNCATED, ERR_TRAILING, ERR_ORDER (also a gap), ERR_CONFLICT (the count at the end),
 *  ERR_UNSUPPORTED (title, version or kind of line), ERR_LIMIT. */
MUST_CHECK enum err index_open(struct span text, struct index_reader *ret);
/** Walks the lines of an opened index: `*cursor` starts at 0. false at the end. */
bool index_next(const struct index_reader *index, size_t *cursor, struct index_line *ret);

/** Writes into a buffer of the caller's; ERR_NO_SPACE: try again with a larger one. */
struct index_writer {
    char *out;
    size_t out_size;
    size_t size;
    uint32_t line_count; /* templates, ranges, tails and paths */
    enum err err;        /* sticky */
};

void index_writer_start(struct index_writer *w, struct span network, uint64_t log_number,
                        const struct sha256 *log_hash, uint64_t time_s, char *out, size_t out_size);
void index_writer_template(struct index_writer *w, const struct ocsp_template *t);
void index_writer_range(struct index_writer *w, const struct log_range *range);
void index_writer_tail(struct index_writer *w, const struct log_range *tail);
void index_writer_path(struct index_writer *w, const struct blob_path *path);
/** Ends the text and opens it once: ERR_NO_SPACE, ERR_MALFORMED (network name), and what
 * index_open() says of lines in a wrong order or with gaps. */
MUST_CHECK enum err index_writer_finish(struct index_writer *w, size_t *ret_size);
