/* SPDX-License-Identifier: Apache-2.0 */
/* What the serving process gives up before it looks at a client's octets.
 *
 * In order: sandbox_enter() on the process's only thread, with everything open and allocated; then
 * the threads are made (they inherit all of it); then sandbox_seal(). */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

struct sandbox_config {
    const char *user;        /* to become, when root; NULL: stay */
    const char *read_folder; /* all that may still be opened, for reading; NULL: nothing */
};

/** Becomes the user with no supplementary groups, forbids new privileges, and with Landlock (where
 *  the kernel has it) closes the file system but for the folder, and TCP bind and connect; then
 *  drops all capabilities, which root without a user still has. ERR_IO
 *  (errno and `ret_what` tell), ERR_NOT_FOUND (no such user). `ret_landlock` says whether the
 * kernel had it. */
MUST_CHECK enum err sandbox_enter(const struct sandbox_config *config, bool *ret_landlock,
                                  const char **ret_what);

/** A seccomp filter for all threads: only the system calls that serving needs; another kills the
 *  process, but for opening a file, which is refused. Does nothing under a sanitizer, whose runtime
 * needs more: `ret_sealed` tells. ERR_IO.
 */
MUST_CHECK enum err sandbox_seal(bool *ret_sealed);
