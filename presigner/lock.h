/* SPDX-License-Identifier: Apache-2.0 */
/* One publishing process for each state folder. */
#pragma once

#include "lib/err.h"

/** Takes <state_dir>/lock (made when missing, the folder too) until the process ends or
 * lock_drop(). ERR_BUSY: another process has it (logged with its number); ERR_IO. */
MUST_CHECK enum err lock_take(const char *state_dir, int *ret_fd);
void lock_drop(int fd);
