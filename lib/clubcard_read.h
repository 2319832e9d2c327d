/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and asks a clubcard, the filter of revoked certificates of CRLite, in its wire format V4
 * (docs/formats.md, "Filter"). Octets are anybody's: all is bounded by them, nothing is allocated,
 * everything borrows them.
 *
 * An answer is right for the certificates that the filter was made of, those whose time lies in its
 * coverage; for any other serial it may be either. */
#pragma once

#include "lib/clubcard_key.h"
#include "lib/wire.h"

#define CLUBCARD_VERSION        4 /* little-endian, alone in the file */
#define CLUBCARD_COLUMNS_MAX    255
#define CLUBCARD_COVERAGE_BYTES (SHA256_BYTES + 8u + 8u)
/* Logs: CRLite has some fifty. Each may be held against all others. */
#define CLUBCARD_COVERAGE_MAX 1024
/* A block without exceptions. */
#define CLUBCARD_BLOCK_BYTES_MIN (SHA256_BYTES + 4u + 1u + 4u + 4u + 4u + 1u + 2u)

/* name, text */
#define CLUBCARD_ANSWER_TABLE(X)                                                 \
    X(NOT_REVOKED, "not revoked")                                                \
    X(REVOKED, "revoked")                                                        \
    X(NOT_COVERED, "not covered")   /* none of its times lies in the coverage */ \
    X(NOT_ENROLLED, "not enrolled") /* the filter knows nothing of the issuer */

enum clubcard_answer {
#define X(name, text) CLUBCARD_##name,
    CLUBCARD_ANSWER_TABLE(X)
#undef X
        CLUBCARD_ANSWER_COUNT
};
/** "not revoked"; never NULL. */
const char *clubcard_answer_text(enum clubcard_answer answer);

/** The certificates of one issuer. */
struct clubcard_block {
    struct sha256 id; /* SHA-256 of the issuer's SubjectPublicKeyInfo */
    uint32_t approx_m;
    uint8_t approx_rank; /* columns of the approximate filter that it uses */
    uint32_t approx_offset;
    uint32_t exact_m;
    uint32_t exact_offset;
    bool inverted; /* the filters hold those that are not revoked */
    uint16_t exception_count;
    struct span exceptions; /* size 1, serial: never held by the filters */
};

/** When a log knew certificates. Times are milliseconds since 1970, as in RFC 6962. */
struct clubcard_coverage {
    struct sha256 log_id;
    uint64_t low_ms;
    uint64_t high_ms; /* included */
};

struct clubcard {
    uint16_t coverage_count;
    struct span coverage;
    uint32_t block_count;
    struct span blocks;
    uint8_t column_count;
    struct span columns[CLUBCARD_COLUMNS_MAX]; /* words of 8 octets */
    struct span exact;
};

/** ERR_UNSUPPORTED (another version), ERR_LIMIT (more than CLUBCARD_COVERAGE_MAX logs),
 *  ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED (a block with more
 *  columns than there are, or an inversion that is neither 0 nor 1), ERR_ORDER (blocks not
 *  ascending by id, or one twice). */
MUST_CHECK enum err clubcard_open(struct span wire, struct clubcard *ret);

struct clubcard_cursor {
    struct span rest;
};
/** Both return false at the end. */
struct clubcard_cursor clubcard_coverage_first(const struct clubcard *c);
bool clubcard_coverage_next(struct clubcard_cursor *cursor, struct clubcard_coverage *ret);
struct clubcard_cursor clubcard_block_first(const struct clubcard *c);
bool clubcard_block_next(struct clubcard_cursor *cursor, struct clubcard_block *ret);

/** Whether the time lies in the coverage of that log. */
bool clubcard_covers(const struct clubcard *c, const struct sha256 *log_id, uint64_t time_ms);
/** ERR_NOT_FOUND: the issuer is not enrolled. */
MUST_CHECK enum err clubcard_block_find(const struct clubcard *c, const struct sha256 *id,
                                        struct clubcard_block *ret);
/** Whether the serial is revoked; coverage is the caller's to look at. ERR_LIMIT (serial). */
MUST_CHECK enum err clubcard_ask(const struct clubcard *c, const struct clubcard_block *block,
                                 struct span serial, bool *ret_revoked);

/** Bits of the block in the filters. */
uint64_t clubcard_block_bits(const struct clubcard_block *block);
