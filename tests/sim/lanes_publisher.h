/* SPDX-License-Identifier: Apache-2.0 */
/* A publication that is small enough for thousands of seeds: one issuer, a handful of certificates
 * that are issued and revoked, an entry now and then with a blob, indexes of one range, a log that
 * is trimmed, and a publisher that goes on from a backup. Files are real, signatures of statements
 * are not: for the sync core alone, without a store. */
#pragma once

#include "lib/log_entry.h"
#include "tests/sim/sim_stream.h"

#define LANES_SERIALS     24
#define LANES_ENTRIES_MAX 512 /* ever made, those of chains that were left included */
#define LANES_VALID_S     600
#define LANES_ISSUER      77
#define LANES_BLOB_BYTES  40

enum lanes_status { LANES_UNKNOWN, LANES_GOOD, LANES_REVOKED };

struct lanes_state {
    uint8_t status[LANES_SERIALS]; /* enum lanes_status */
};

struct lanes_entry {
    uint64_t number;
    struct sha256 hash;
    struct span octets;       /* owned */
    struct lanes_state after; /* what is published once it is applied */
    struct sha256 blob;       /* named by it; zero: none */
    uint8_t blob_octets[LANES_BLOB_BYTES];
};

struct lanes_index {
    uint64_t number;
    struct sha256 log_hash;
    struct sha256 hash;
    struct sha256 pack_hash;
    struct span octets, pack; /* owned */
    struct lanes_state state;
};

/* One head, with what was published when it was. */
struct lanes_head {
    struct span octets; /* owned */
    uint32_t entry_count;
    uint64_t log_first;
};

/* What a backup has. */
struct lanes_place {
    uint64_t log_first, log_last;
    uint32_t chain[LANES_ENTRIES_MAX]; /* places in entries[], by number */
    uint32_t index;                    /* place in indexes[] + 1; 0: none */
};

struct lanes_publication {
    uint64_t random;
    uint64_t now_s;
    struct lanes_entry entries[LANES_ENTRIES_MAX];
    uint32_t entry_count;
    struct lanes_index indexes[LANES_ENTRIES_MAX];
    uint32_t index_count;
    struct lanes_head heads[2 * LANES_ENTRIES_MAX];
    uint32_t head_count;
    struct lanes_place now, backup;
    bool has_backup;
    uint32_t forks;
};

void lanes_start(struct lanes_publication *p, uint64_t seed, uint64_t now_s);
void lanes_done(struct lanes_publication *p);
/** The next entry, in the stream too, and a head. `with_blob`: it may name one. */
void lanes_publish(struct lanes_publication *p, struct sim_stream *stream, bool with_blob);
/** A new head only, as the presigner makes one now and then. */
void lanes_publish_head(struct lanes_publication *p);
/** Goes on from the backup, if there is one: numbers are used again. */
void lanes_fork(struct lanes_publication *p);
/** Whether there is room for another entry. */
bool lanes_has_room(const struct lanes_publication *p);

/** The entry that a position stands at; NULL: there never was one. */
const struct lanes_entry *lanes_entry_of(const struct lanes_publication *p,
                                         const struct sha256 *hash);
const struct lanes_index *lanes_index_of(const struct lanes_publication *p,
                                         const struct sha256 *hash);
const struct lanes_index *lanes_index_of_pack(const struct lanes_publication *p,
                                              const struct sha256 *pack_hash);
const struct lanes_entry *lanes_entry_of_blob(const struct lanes_publication *p,
                                              const struct sha256 *blob);
