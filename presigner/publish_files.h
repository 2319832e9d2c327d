/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the publication: names and durable writing. */
#pragma once

#include "presigner/publish_core.h"

/** Makes publish_dir and its folders. */
MUST_CHECK enum err publish_files_make(const struct publisher *p);

/** Paths into `out`. ERR_LIMIT. */
MUST_CHECK enum err publish_path(const struct publisher *p, const char *folder, const char *name,
                                 char out[static PUBLISH_PATH_BYTES]);
MUST_CHECK enum err publish_path_hash(const struct publisher *p, const char *folder,
                                      const struct sha256 *hash,
                                      char out[static PUBLISH_PATH_BYTES]);

/** Writes a file named by its hash, durably with its folder; one that is there already is left.
 *  ERR_DISK_FULL, ERR_IO, ERR_LIMIT. */
MUST_CHECK enum err publish_pack_write(struct publisher *p, struct span pack,
                                       struct sha256 *ret_hash);
MUST_CHECK enum err publish_blob_write(struct publisher *p, struct span blob,
                                       struct sha256 *ret_hash);
MUST_CHECK enum err publish_index_write(struct publisher *p, struct span index,
                                        struct sha256 *ret_hash);
/** A log entry comes under a temporary name first, and under its own when it is to be committed,
 *  durably with its folder. */
MUST_CHECK enum err publish_log_prepare(struct publisher *p, uint64_t number, struct span entry);
MUST_CHECK enum err publish_log_commit(struct publisher *p, const struct log_record *record);
void publish_log_discard(struct publisher *p, uint64_t number);
