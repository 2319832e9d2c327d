/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of the published filter.
 *
 * Table `publication`: key "filter"; value version 1 (= 1), path size 2, octets, covers sequence 8,
 * covered until 8, made 8, first expiry 8, known 8, revoked 8, exceptions 8, size 8, SHA-256 32.
 * Integers big-endian. */
#pragma once

#include "presigner/filter_options.h"
#include "presigner/publish_db.h"

struct filter_record {
    char path[FILTER_PATH_MAX + 1];
    uint64_t covers_sequence; /* changes up to here are in it */
    uint64_t covered_until_s; /* certificates known then are in it: the end of its coverage */
    uint64_t made_s;          /* when it was made, or found to be what would be made */
    uint64_t first_expiry_s;  /* then the first certificate leaves it; UINT64_MAX: never */
    uint64_t known_count;
    uint64_t revoked_count;
    uint64_t exception_count;
    uint64_t bytes;
    struct sha256 blob;
};

/** ERR_NOT_FOUND: none was published. ERR_STORE. */
MUST_CHECK enum err filter_record_get(const struct publish_db *db, MDB_txn *txn,
                                      struct filter_record *ret);
MUST_CHECK enum err filter_record_put(const struct publish_db *db, MDB_txn *txn,
                                      const struct filter_record *record);
/** It is no longer published: its path has nothing either. */
MUST_CHECK enum err filter_record_delete(const struct publish_db *db, MDB_txn *txn,
                                         const char *path);

/** Hundredths of a bit for each revoked certificate, rounded up; 0 when none is revoked. */
static inline uint64_t filter_record_bits_hundredths(const struct filter_record *record)
{
    uint64_t revoked = record->revoked_count;
    return revoked == 0 ? 0 : (record->bytes * 800 + revoked - 1) / revoked;
}
