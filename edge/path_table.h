/* SPDX-License-Identifier: Apache-2.0 */
/* Path table: the files that an edge serves, by URL path, and the blobs of its store, by hash.
 * Immutable once made; snapshots share it until paths or blobs change. The blobs' octets are in the
 * store's map, everything else is the table's own.
 *
 * Counts of shares belong to the builder thread; find functions may be called from any thread that
 * holds a snapshot with the table. */
#pragma once

#include "lib/blob_path.h"

/* More of either are left out: 65,536 partitions and their successors. 40 MB or so at the most. */
#define PATH_TABLE_FILES_MAX 131072
#define PATH_TABLE_BLOBS_MAX (2 * PATH_TABLE_FILES_MAX)

struct path_blob {
    struct sha256 hash;
    const uint8_t *octets; /* in the map; zero-padded behind a small blob's size */
    uint64_t stored_bytes; /* with the padding */
};

struct path_file {
    struct blob_path about; /* spans into the table */
    const uint8_t *octets;  /* about.blob_bytes of them */
};

struct path_table;

/** Room for that many at the most. ERR_MEMORY, ERR_LIMIT. The caller has the first share. */
MUST_CHECK enum err path_table_new(size_t file_count, size_t blob_count, struct path_table **ret);
/** Blobs first: a file whose blob is not there, or is smaller than it should be, is left out. */
void path_table_add_blob(struct path_table *table, const struct sha256 *hash, struct span octets);
/** ERR_MEMORY. A path that is there already is left out. */
MUST_CHECK enum err path_table_add_file(struct path_table *table, const struct blob_path *about);
struct path_table *path_table_share(struct path_table *table);
/** Gives one share back. NULL in, NULL out. */
struct path_table *path_table_free(struct path_table *table);

size_t path_table_file_count(const struct path_table *table);
size_t path_table_left_out(const struct path_table *table);

/** The file at the path (octet for octet), or NULL. Cheap for paths that look like no file's. */
const struct path_file *path_table_find(const struct path_table *table, struct span path);
/** Where the octets of a blob are whose hash begins so; NULL: not in the store any more. */
#define PATH_BLOB_PREFIX_BYTES 16
const uint8_t *path_table_blob(const struct path_table *table,
                               const uint8_t prefix[static PATH_BLOB_PREFIX_BYTES]);
