/* SPDX-License-Identifier: Apache-2.0 */
/* Block: consecutive statements of one issuer and one serial size, in key order, that fit one
 * LMDB overflow page (docs/formats.md, "Block").
 *
 *   version 1 | serial size 1 | count 2 | facts count 1 | stride 2
 *   facts      facts count x (facts 16 | signature size 2)
 *   serials    count x serial size, strictly ascending
 *   bodies     count x stride: facts number 1 | signature | zero octets up to the stride
 *
 * The stride is 1 + the largest signature size among the facts, so that statements signed under
 * different algorithms can share a block while a key is being replaced. */
#pragma once

#include "lib/facts.h"
#include "lib/limit.h"

#define BLOCK_VERSION      1
#define BLOCK_HEADER_BYTES 7
#define BLOCK_FACTS_BYTES  (FACTS_BYTES + 2)
/* No signature in use is so short that more would fit. */
#define BLOCK_COUNT_MAX (BLOCK_BYTES_MAX / 16)

/** A view into the octets of one block; borrows them. */
struct block {
    const uint8_t *facts;
    const uint8_t *serials;
    const uint8_t *bodies;
    uint32_t size_bytes; /* of the encoding, without padding */
    uint16_t count;
    uint16_t stride_bytes;
    uint8_t serial_size;
    uint8_t facts_count;
};

/** Validates all of a block that fills `wire` exactly. ERR_TRUNCATED, ERR_TRAILING,
 *  ERR_UNSUPPORTED (version), ERR_LIMIT, ERR_ORDER, ERR_MALFORMED. */
MUST_CHECK enum err block_open(struct span wire, struct block *ret);
/** View of octets that were validated when they were stored; reads the header only. Padding after
 *  the block is of no concern. */
struct block block_load(const uint8_t *wire);

/** The statement number i < count. Its signature borrows the block. */
void block_statement(const struct block *block, uint32_t i, struct statement *ret);
/** Serial of statement i without the rest. */
void block_serial(const struct block *block, uint32_t i, struct serial *ret);
/** Interpolation search, never worse than a binary search. false: not in this block. */
bool block_find(const struct block *block, const struct serial *serial, struct statement *ret);
/** For one who knows more: the serial should be near statement number `guess` < count, and its
 * first `common_size` octets are those of all serials of the block. Never worse than a binary
 * search. *ret: its number. */
bool block_find_near(const struct block *block, const struct serial *serial, uint32_t guess,
                     uint8_t common_size, uint32_t *ret);
/** Asks for the memory of a statement's body. */
void block_prefetch_body(const struct block *block, uint32_t i);
/** The last serial of the block that starts at `wire` (validated before). */
void block_last_serial(const uint8_t *wire, struct serial *ret);

/** Collects statements in ascending order and encodes a block. Borrows signatures until finish. */
struct block_builder {
    struct statement statements[BLOCK_COUNT_MAX];
    struct facts facts[BLOCK_FACTS_MAX];
    uint16_t signature_sizes[BLOCK_FACTS_MAX];
    uint8_t facts_no[BLOCK_COUNT_MAX];
    uint16_t count;
    uint16_t facts_count;
    uint16_t signature_size_max;
};

void block_builder_reset(struct block_builder *b);
/** ERR_NO_SPACE: it does not fit (another serial size, or the block is full): finish and start the
 *  next one with it. ERR_ORDER: not above the statement before. ERR_RANGE: block_open() would
 * refuse it (serial, facts or signature size). After an error the builder is as before. */
MUST_CHECK enum err block_builder_add(struct block_builder *b, const struct statement *s);
/** Size of the block if it were finished now; 0 when empty. */
size_t block_builder_size(const struct block_builder *b);
/** Encodes; the count must not be 0. Returns the size. */
size_t block_builder_finish(const struct block_builder *b, uint8_t ret[static BLOCK_BYTES_MAX]);
