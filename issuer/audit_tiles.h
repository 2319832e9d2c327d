/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an audit log: reading tiles and entries, and the right edge of the tree, which is what
 * the writer goes on from: at each level the tile that is not full yet, and the entries of the
 * lowest one. */
#pragma once

#include "issuer/audit_format.h"
#include "lib/os/file.h"
#include "lib/tile_path.h"

#define AUDIT_PATH_MAX        4096
#define AUDIT_CHECKPOINT_FILE "checkpoint"
#define AUDIT_STATE_FILE      "state"
/* 256 entries of 65,535 octets with their sizes. */
#define AUDIT_BUNDLE_BYTES_MAX (TILE_WIDTH * 65537u)

struct audit_edge {
    struct merkle_edge tree;
    struct sha256 tiles[TILE_LEVELS]
                       [TILE_WIDTH]; /* the first size >> 8 * level modulo 256 of each */
    struct buffer bundle;            /* entries under tiles[0] */
};

/** Reads the edge of a tree of that size, and compares its root. ERR_HASH (another root),
 * ERR_NOT_FOUND (a tile is gone), ERR_MALFORMED, ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err audit_edge_load(const char *folder, const struct audit_tree *tree,
                                    struct audit_edge *ret);
/** ERR_MEMORY. `to` keeps its memory for the next time. */
MUST_CHECK enum err audit_edge_copy(const struct audit_edge *from, struct audit_edge *to);
/** One more entry, of at most AUDIT_ENTRY_BYTES_MAX. When the lowest tile is full it has to be
 * written before the next one. ERR_MEMORY. */
MUST_CHECK enum err audit_edge_add(struct audit_edge *edge, struct span entry);
/** Writes the tiles and the entries that have changed since the last add()s, each whole and on the
 * disk. Full ones are then done with. ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err audit_edge_write(const char *folder, struct audit_edge *edge);
void audit_edge_done(struct audit_edge *edge);

/** Removes the parts of tiles that became whole between the two sizes. Failures do no harm. */
void audit_parts_remove(const char *folder, uint64_t old_size, uint64_t size);

/** The first `width` hashes of a tile, from its part of that width or from the whole tile. Errors
 * as file_read(); ERR_MALFORMED: of another length. */
MUST_CHECK enum err audit_tile_read(const char *folder, unsigned level, uint64_t number,
                                    unsigned width, struct sha256 ret[static TILE_WIDTH]);
/** The same for entries: octets of a bundle that has `width` of them or more. */
MUST_CHECK enum err audit_bundle_read(const char *folder, uint64_t number, unsigned width,
                                      struct buffer *ret);
/** Walks a bundle; `*rest` begins as all of it. ERR_TRUNCATED: no further entry. */
MUST_CHECK enum err audit_bundle_next(struct span *rest, struct span *ret_entry);

/** Calls `each` with the name of every tile and bundle that a log of that size has, or only of the
 * whole ones; what it returns when it is not OK ends it. */
MUST_CHECK enum err audit_files_each(uint64_t size, bool only_whole,
                                     enum err (*each)(void *context, const char *name),
                                     void *context);

/** Reads and verifies the checkpoint; `note` gets its octets. */
MUST_CHECK enum err audit_checkpoint_read(const char *folder, const struct verify_key *key,
                                          struct buffer *note, struct audit_tree *ret);
