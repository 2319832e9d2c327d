/* SPDX-License-Identifier: Apache-2.0 */
/* Log entry: one numbered step of change, signed by itself (docs/formats.md, "Log entry").
 *
 *   magic "STLE" | version 1 | network size 1, octets | number 8 | time 8 | previous hash 32 |
 *   item count 4 | items | key id 4 | Ed25519 signature 64 over all octets before it
 *
 * Items in order: type 1, size 4, octets. An unknown type is an error (ERR_UNSUPPORTED): a follower
 * must not skip what it does not understand.
 *
 *   1 template    wire form (template.h)
 *   2 statement   key (issuer 8, size 1, octets) | facts 16 | signature: the rest
 *   3 range       issuer 8 | after: size 1, octets | until: size 1, octets | pack hash 32 |
 *                 pack size 8 | statement count 8
 *   4 path        wire form (blob_path.h)
 *
 * An item that says something impossible (a range that encloses nothing, a serial that is no DER
 * INTEGER) is ERR_MALFORMED. */
#pragma once

#include "lib/blob_path.h"
#include "lib/digest.h"
#include "lib/facts.h"
#include "lib/publish_key.h"
#include "lib/template.h"

enum log_item_type {
    LOG_TEMPLATE = 1,  /* a template that later statements name */
    LOG_STATEMENT = 2, /* issuer id, serial, facts, signature: put in or replaced */
    LOG_RANGE = 3,     /* all of (after, until] of an issuer is now what the range pack has */
    LOG_PATH = 4,      /* at a URL path is now this blob, or nothing more */
};

struct log_range {
    uint64_t issuer_id;
    struct serial after;
    struct serial until;
    struct sha256 pack;
    uint64_t pack_bytes;
    uint64_t statement_count;
};

struct log_item {
    enum log_item_type type;
    struct span template_wire;  /* LOG_TEMPLATE */
    uint64_t issuer_id;         /* LOG_STATEMENT */
    struct statement statement; /* LOG_STATEMENT; signature borrows the entry */
    struct log_range range;     /* LOG_RANGE */
    struct blob_path path;      /* LOG_PATH; borrows the entry */
};

struct log_entry {
    uint64_t number;
    uint64_t time_s;
    struct sha256 previous; /* SHA-256 of the whole previous entry; zero for number 1 */
    uint32_t item_count;
    struct span items;
};

/** Verifies the signature, then checks the form of every item. ERR_KEY, ERR_SIGNATURE,
 *  ERR_NETWORK, ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED, ERR_LIMIT, ERR_MALFORMED. Number and
 *  previous hash against the follower's position are the caller's (ERR_CHAIN, ERR_REPLAY). */
MUST_CHECK enum err log_entry_open(const struct verify_key *key, struct span wire,
                                   struct log_entry *ret);
/** The half of log_entry_open() that looks at the form alone: no key, no signature. For tools that
 *  show an entry and for tests; a follower never takes an entry by it. `ret_network` and the items
 *  borrow `wire`. */
MUST_CHECK enum err log_entry_parse(struct span wire, struct log_entry *ret,
                                    struct span *ret_network);
/** Walks the items of an opened (or parsed) entry: `*cursor` starts at 0. false at the end. */
bool log_entry_next(const struct log_entry *entry, size_t *cursor, struct log_item *ret);

/** Writes an entry into a buffer of the caller's. */
struct log_writer {
    uint8_t *out;
    size_t out_size;
    size_t size;
    size_t count_offset;
    uint32_t item_count;
    enum err err; /* sticky */
};

void log_writer_start(struct log_writer *w, struct span network, uint64_t number, uint64_t time_s,
                      const struct sha256 *previous, uint8_t *out, size_t out_size);
void log_writer_template(struct log_writer *w, const struct ocsp_template *t);
void log_writer_statement(struct log_writer *w, uint64_t issuer_id, const struct statement *s);
void log_writer_range(struct log_writer *w, const struct log_range *range);
void log_writer_path(struct log_writer *w, const struct blob_path *path);
/** Signs. ERR_NO_SPACE, ERR_CRYPTO, ERR_LIMIT (LOG_ENTRY_BYTES_MAX), ERR_NETWORK (the key's name is
 *  another), ERR_RANGE (what log_entry_open() would refuse). */
MUST_CHECK enum err log_writer_finish(struct log_writer *w, const struct publish_key *key,
                                      size_t *ret_size);
