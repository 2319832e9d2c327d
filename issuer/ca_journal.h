/* SPDX-License-Identifier: Apache-2.0 */
/* The file `step` of a CA's folder: what one step of a ceremony writes, until all of it is written.
 * For ca_folder.c. Key files in it are encrypted or absent; its mode is 0600 all the same. */
#pragma once

#include "issuer/ca_folder.h"

/** A step file's path: absolute as it is, else in the folder. ERR_LIMIT. */
MUST_CHECK enum err ca_journal_path(const struct ca_folder *folder, const char *path,
                                    char out[static PATH_BYTES_MAX]);
/** Reads the transcript and its chain; its size too when asked for. */
MUST_CHECK enum err ca_journal_transcript(const struct ca_folder *folder, size_t *ret_size,
                                          struct ca_transcript_end *ret, struct ca_refusal *why);
/** Makes the step happen: from now on it is done. */
MUST_CHECK enum err ca_journal_write(const struct ca_folder *folder, const struct ca_step *step,
                                     size_t transcript_size, const char *line);
/** Writes what a step that happened says, as often as it takes, and removes it. ERR_OK when there
 * is none. ERR_CONFLICT: a file is there with another content. */
MUST_CHECK enum err ca_journal_replay(const struct ca_folder *folder, struct ca_refusal *why);
