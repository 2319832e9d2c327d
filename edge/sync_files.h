/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a publication as the sync process gets them: from an origin, or from
 * data_dir/incoming where what is needed later, and the parts of large downloads, are kept under
 * their hash. Nothing that is read back from there is used without checking its hash again.
 *
 * A large blob is not read into memory: it is collected in incoming and mapped from there. */
#pragma once

#include "edge/fetch.h"
#include "edge/sync_core.h"
#include "edge/sync_tails.h"

#define SYNC_PATH_MAX 4096

struct sync_files {
    struct fetcher *fetcher;
    char incoming[SYNC_PATH_MAX];
    struct buffer head;
    struct buffer log;
    struct buffer index;
    struct buffer pack;
    struct buffer blob;
    struct span blob_mapped; /* when it is a large one */
    struct sha256 pack_hash; /* of what is in `pack`; zero: nothing */
    bool pack_keep;          /* write it out before the next one comes */
    bool from_incoming;      /* the last file came from there */
    bool littered;           /* files may be in incoming */
};

/** Makes data_dir/incoming. ERR_IO, ERR_DISK_FULL, ERR_LIMIT, ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err sync_files_start(struct sync_files *f, const struct sync_config *config,
                                     bool (*stop)(void *context), void *context);
void sync_files_stop(struct sync_files *f);

/** Does a FETCH action; *ret stays until the next fetch of the same kind. Errors of fetcher_get().
 */
MUST_CHECK enum err sync_files_fetch(struct sync_files *f, const struct sync_action *action,
                                     struct span *ret);
/** After the core has seen it: keeps or removes. */
void sync_files_judged(struct sync_files *f, const struct sync_action *action, bool passed);
/** The blob fetched last is in the store. */
void sync_files_blob_done(struct sync_files *f, const struct sha256 *hash);
/** Nothing that was kept is needed any more. */
void sync_files_sweep(struct sync_files *f);

/** For struct sync_packs; the context is the struct sync_files. */
enum err sync_files_read_pack(void *context, const struct log_range *pack, struct buffer *scratch,
                              struct span *ret);
