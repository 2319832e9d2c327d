/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the edge's LMDB: written by sync (edge/store.h), read by serve (edge/snapshot.h).
 *
 * Database   key                                   value
 * block      wire key of the block's LAST serial   block, zero-padded to BLOCK_BYTES_MIN
 *            (lib/serial.h)
 * template   issuer id 8 | template number 2       template wire form
 * change     commit number 8                       dirty key ranges: count 2, then each after-key
 *                                                  size 1 + octets, until-key size 1 + octets;
 *                                                  count 0xffff stands for "everything"
 * blob       SHA-256 32                            the octets, zero-padded to BLOCK_BYTES_MIN
 * blob_use   SHA-256 32                            how many paths name it 4, since when none does 8
 * path       SHA-256 of the path 32                path entry, wire form (lib/blob_path.h)
 * relay      key of a name (edge/relay_name.h)     SHA-256 of the octets 32, the octets
 * unused     key of a name                         since when the copy does without it 8
 * meta       "position"                            struct position, wire form
 *            "issuers"                             version 1, then issuer_set_hash() of the issuers
 *                                                  that it is filled for; missing: all
 *            "paths"                               8: how often paths have changed or blobs gone
 *            "relay"                               version 1, then the index that the copy is whole
 *                                                  with: its log number 8, its SHA-256 32; missing:
 *                                                  the copy is not whole
 *
 * Invariant: blocks of one (issuer, serial size) are disjoint and ascending, so the first block
 * whose key is not below a serial is the only one that can hold it. Every committed write
 * transaction that touches blocks, templates or paths adds one change record, numbered without
 * gaps, and removes the record STORE_CHANGES_MAX before it. All integers big-endian. */
#pragma once

#include "lib/digest.h"
#include "lib/serial.h"

#define STORE_DB_BLOCK    "block"
#define STORE_DB_TEMPLATE "template"
#define STORE_DB_CHANGE   "change"
#define STORE_DB_META     "meta"
#define STORE_DB_BLOB     "blob"
#define STORE_DB_BLOB_USE "blob_use"
#define STORE_DB_PATH     "path"
#define STORE_DB_RELAY    "relay"
#define STORE_DB_UNUSED   "unused"
#define STORE_DB_COUNT    9

/* Sizes of blocks are made for these: lib/limit.h says why. */
#define STORE_PAGE_BYTES 4096

#define STORE_META_POSITION      "position"
#define STORE_META_ISSUERS       "issuers"
#define STORE_META_PATHS         "paths"
#define STORE_META_RELAY         "relay"
#define STORE_BLOB_USE_BYTES     12
#define STORE_ISSUERS_VERSION    1
#define STORE_CHANGES_MAX        4096
#define STORE_CHANGE_RANGES_MAX  1024 /* more in one transaction are written as "everything" */
#define STORE_TEMPLATE_KEY_BYTES 10

/* How far the store is. Wire form: version 1, then the fields in order. */
#define POSITION_VERSION 1
#define POSITION_BYTES   (1 + 8 + 32 + 8 + 8 + 8 + 32 + 4 + 1 + 8)

struct position {
    uint64_t log_number; /* last applied log entry (or the finished index's) */
    struct sha256 log_hash;
    uint64_t commit;      /* number of the newest change record */
    uint64_t head_time_s; /* of the newest verified head */
    uint64_t head_valid_until_s;
    struct sha256 index_hash; /* the index being applied; zero when none */
    uint32_t index_done;      /* its lines applied so far */
    uint8_t complete;         /* 1 once the store stood at a head */
    uint64_t statement_count; /* statements in all blocks */
};

void position_write(const struct position *p, uint8_t ret[static POSITION_BYTES]);
/** ERR_TRUNCATED, ERR_TRAILING, ERR_UNSUPPORTED. */
MUST_CHECK enum err position_read(struct span wire, struct position *ret);
