/* SPDX-License-Identifier: Apache-2.0 */
/* New files in a folder: all are made, or none is left. */
#pragma once

#include "lib/os/file.h"

#define INIT_FILES_MAX 8

struct init_files {
    const char *directory;
    const char *made[INIT_FILES_MAX]; /* names, borrowed */
    unsigned made_count;
};

/** Whether a file of that name is there already. */
bool init_file_exists(const struct init_files *files, const char *name);
/** Writes a new file. ERR_EXISTS, and the errors of file_publish(). */
MUST_CHECK enum err init_file_write(struct init_files *files, const char *name, struct span content,
                                    unsigned mode);
/** Removes those written so far. */
void init_files_undo(struct init_files *files);
