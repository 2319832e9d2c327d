/* SPDX-License-Identifier: Apache-2.0 */
/* One process of a kind for each folder, or for what a file stands for. */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

/** Takes <folder>/lock (made when missing, the folder too, with that mode) for as long as this
 * process or a child of it has the descriptor open. ERR_BUSY: another process has it (logged: `who`
 * it is and its number); ERR_IO (logged), ERR_LIMIT. */
MUST_CHECK enum err lock_take(const char *folder, unsigned mode, const char *who, int *ret_fd);
/** The same beside others who share it, but not beside one who has taken it; its file keeps no
 * process number of theirs. */
MUST_CHECK enum err lock_share(const char *folder, unsigned mode, const char *who, int *ret_fd);
/** Takes a file of its own (made when missing, its folder not). `where` ends the message: "another
 * statim-issuer (process 7) works with this registry". */
MUST_CHECK enum err lock_file_take(const char *path, const char *who, const char *where,
                                   int *ret_fd);
/** Whether that lock is the one of this folder. */
bool lock_is_of(int fd, const char *folder);
/** -1: nothing to do. */
void lock_drop(int fd);
