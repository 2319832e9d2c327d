/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of a simulated publication: a few that get new blobs, share one, and are withdrawn. The
 * octets of a blob follow from its sequence number and its size. */
#pragma once

#include "lib/blob_path.h"
#include "lib/index.h"
#include "lib/log_entry.h"

#define SIM_PATHS            6
#define SIM_BLOB_BYTES_SMALL 6000
#define SIM_BLOB_BYTES_MAX   (3u << 20)

struct sim_path {
    uint64_t sequence; /* 0: nothing there */
    size_t blob_bytes;
    struct sha256 blob;
};

struct sim_paths {
    struct sim_path list[SIM_PATHS];
    uint64_t sequence; /* the newest given */
};

struct sim_publication;
struct store_txn;

/** Puts random changes into the entry, and into the publication's state. */
void sim_paths_change(struct sim_publication *p, struct log_writer *w);
/** Writes the lines of the state's paths. */
void sim_paths_index(const struct sim_publication *p, struct index_writer *w);
/** Puts the blobs of the state's paths back where they were removed. */
void sim_paths_restore(struct sim_publication *p);
/** Removes blobs that neither the index nor an entry after it names. */
void sim_paths_trim(struct sim_publication *p);

/** What a store has at path `which`; its blob must be whole. sequence 0: nothing. */
struct sim_path sim_path_of_store(struct store_txn *txn, uint32_t which);
bool sim_path_equal(const struct sim_path *a, const struct sim_path *b);
bool sim_paths_equal_store(const struct sim_paths *want, struct store_txn *txn);
