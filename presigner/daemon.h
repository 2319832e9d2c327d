/* SPDX-License-Identifier: Apache-2.0 */
/* The presigner's shell: lock, signals, the loop around publisher_step(), the admin pages. */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

/** Runs until SIGTERM or SIGINT, or with `once` until everything that waits is published. Errors of
 *  the start are returned; later ones are logged and tried again, with `once` returned. */
MUST_CHECK enum err daemon_run(const char *config_path, bool once);
