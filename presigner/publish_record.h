/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the publication's own databases, in the same LMDB environment as the status database.
 * All integers big-endian; each value starts with a version octet.
 *
 * Database    key                          value (after version 1)
 * range       wire key of `until`          flags 1, after (bound), pack 32, pack bytes 8,
 *             (lib/serial.h)               statements 8, tail statements 8, thisUpdate min 4,
 *                                          nextUpdate min 4, sequence 8, log number 8
 * tail        wire key of the serial       log number 8, facts 16, signature
 * template    issuer id 8, number 2        (the template's wire form alone: it has a version)
 * log         number 8                     hash 32, time 8, bytes 8, pack count 2, packs 32 each
 * garbage     kind 1, name                 first seen without a reference, seconds 8
 * publication "state"                      struct publish_state in order of its fields
 * publication "lease"                      presigner/lease.h
 *
 * Ranges of an issuer partition its key space: the first starts before all, the last ends after
 * all, each begins where the one before ends. A tail record is the newest published statement of a
 * certificate that its range's pack does not have. */
#pragma once

#include "lib/digest.h"
#include "lib/facts.h"
#include "lib/limit.h"
#include "lib/wire.h"

#define PUBLISH_RECORD_VERSION 1

/* Changes wait in it for a re-signing of the whole range. */
#define RANGE_DIRTY 1
/* The pack has statements outside the range too: its other part was re-signed on its own. */
#define RANGE_TRIMMED 2

struct range_record {
    uint64_t issuer_id;  /* from the key */
    struct serial until; /* from the key */
    struct serial after;
    uint8_t flags;
    struct sha256 pack; /* zero: none yet, the range has no statements in a pack */
    uint64_t pack_bytes;
    uint64_t statement_count;   /* at most, when trimmed */
    uint64_t tail_count;        /* tail records of the range, at most */
    uint32_t this_update_min_s; /* 0: no statement, neither packed nor in the tail */
    uint32_t next_update_min_s;
    uint64_t sequence;   /* changes up to here are in the pack */
    uint64_t log_number; /* the entry that published the pack */
};

/** Takes the times of one more statement into the least ones. */
static inline void range_record_note(struct range_record *r, const struct facts *facts)
{
    if (r->this_update_min_s == 0 || facts->this_update_s < r->this_update_min_s)
        r->this_update_min_s = facts->this_update_s;
    if (r->next_update_min_s == 0 || facts->next_update_s < r->next_update_min_s)
        r->next_update_min_s = facts->next_update_s;
}

#define RANGE_RECORD_BYTES_MAX (2 + 1 + SERIAL_BYTES_MAX + 32 + 8 + 8 + 8 + 4 + 4 + 8 + 8)
size_t range_record_write(const struct range_record *r, uint8_t ret[static RANGE_RECORD_BYTES_MAX]);
/** `key` gives issuer and until. ERR_TRUNCATED, ERR_TRAILING, ERR_LIMIT, ERR_UNSUPPORTED. */
MUST_CHECK enum err range_record_read(struct span key, struct span value, struct range_record *ret);

struct tail_record {
    uint64_t issuer_id;         /* from the key */
    uint64_t log_number;        /* the entry that published it */
    struct statement statement; /* the signature borrows the value */
};

#define TAIL_RECORD_BYTES_MAX (1 + 8 + FACTS_BYTES + SIGNATURE_BYTES_MAX)
/** ERR_LIMIT (signature). */
MUST_CHECK enum err tail_record_write(const struct tail_record *r,
                                      uint8_t ret[static TAIL_RECORD_BYTES_MAX], size_t *ret_size);
MUST_CHECK enum err tail_record_read(struct span key, struct span value, struct tail_record *ret);

/* One log entry replaces at most this many ranges. */
#define LOG_RECORD_PACKS_MAX 64

struct log_record {
    uint64_t number; /* from the key */
    struct sha256 hash;
    uint64_t time_s;
    uint64_t bytes;
    uint16_t pack_count;
    struct sha256 packs[LOG_RECORD_PACKS_MAX]; /* and blobs: those its items name */
};

#define LOG_RECORD_BYTES_MAX (1 + 32 + 8 + 8 + 2 + LOG_RECORD_PACKS_MAX * 32)
size_t log_record_write(const struct log_record *r, uint8_t ret[static LOG_RECORD_BYTES_MAX]);
MUST_CHECK enum err log_record_read(struct span key, struct span value, struct log_record *ret);

struct index_record {
    uint64_t log_number;
    struct sha256 hash; /* zero: none */
    uint64_t bytes;
    uint64_t time_s;
};

struct publish_state {
    uint64_t published_sequence; /* all changes up to here are published or their range is dirty */
    uint64_t urgent_sequence;    /* all revocations up to here are published; never behind */
    uint64_t log_first;          /* oldest entry kept; log_last + 1 when none */
    uint64_t log_last;
    struct sha256 log_hash;
    struct index_record index;
    struct index_record index_before;
};

#define PUBLISH_STATE_BYTES (1 + 4 * 8 + 32 + 2 * (8 + 32 + 8 + 8))
void publish_state_write(const struct publish_state *s, uint8_t ret[static PUBLISH_STATE_BYTES]);
MUST_CHECK enum err publish_state_read(struct span value, struct publish_state *ret);

bool sha256_is_zero(const struct sha256 *hash);
