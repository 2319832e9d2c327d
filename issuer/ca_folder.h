/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a CA (or of a responder, before it has its certificate), and the steps that change
 * it.
 *
 * A step is the files it writes and one line of the transcript. All of it is first in one file,
 * `step`, which comes into being by a rename: before it nothing has happened, after it everything
 * has, because whoever opens the folder next brings an interrupted step to its end. Files that
 * exist are never replaced, unless the step says so. */
#pragma once

#include <jansson.h>

#include "issuer/ca_refusal.h"
#include "issuer/ca_transcript.h"
#include "lib/limit.h"
#include "lib/os/file.h"

#define CA_STEP_FILES_MAX 8
#define CA_FILE_BYTES_MAX (8u << 20)

struct ca_folder {
    const char *path;
    int lock; /* -1: not taken */
};

/** Takes the folder's lock (makes the folder, mode 0700, when `make`), ends an interrupted step,
 *  checks the transcript. ERR_BUSY, ERR_NOT_FOUND, ERR_CHAIN, ERR_IO ... */
MUST_CHECK enum err ca_folder_open(const char *path, bool make, struct ca_folder *ret,
                                   struct ca_refusal *why);
void ca_folder_close(struct ca_folder *folder);
/** Whether the folder has the file. */
bool ca_folder_has(const struct ca_folder *folder, const char *name);
/** path_join() of the folder's path. */
MUST_CHECK enum err ca_folder_path(const struct ca_folder *folder, const char *name,
                                   char out[static PATH_BYTES_MAX]);

struct ca_step_file {
    char path[PATH_BYTES_MAX]; /* relative to the folder, or absolute */
    struct buffer content;
    unsigned mode;
    bool replace;
};

struct ca_step {
    struct ca_step_file files[CA_STEP_FILES_MAX];
    size_t file_count;
    json_t *read;   /* array of {file, sha256} */
    json_t *detail; /* object */
    const char *did;
    const char *operator_name; /* NULL: whose process it is */
    uint64_t now_s;
};

MUST_CHECK enum err ca_step_begin(struct ca_step *step, const char *did, const char *operator_name,
                                  uint64_t now_s);
void ca_step_done(struct ca_step *step);
/** Says that a file was read. */
MUST_CHECK enum err ca_step_read(struct ca_step *step, const char *path, struct span content);
MUST_CHECK enum err ca_step_say(struct ca_step *step, const char *key, const char *value);
/** A file that the step writes: a name in the folder, or a path elsewhere, which becomes absolute.
 *  ERR_LIMIT, ERR_MEMORY, ERR_IO. */
MUST_CHECK enum err ca_step_write(struct ca_step *step, const char *path, bool in_folder,
                                  struct span content, unsigned mode, bool replace);
/** Does it all, or nothing. ERR_EXISTS: a file that is there already. The hash of the transcript's
 *  new last line in `ret_head`. */
MUST_CHECK enum err ca_step_commit(struct ca_step *step, const struct ca_folder *folder,
                                   struct sha256 *ret_head, struct ca_refusal *why);
