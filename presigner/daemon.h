/* SPDX-License-Identifier: Apache-2.0 */
/* The presigner's shell: lease, signals, the loop around publisher_step(), the admin pages. */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

struct daemon_options {
    const char *config_path;
    bool once;    /* until everything that waits is published */
    bool check;   /* the configuration, certificates and keys alone */
    bool standby; /* while another presigner publishes, wait instead of giving up */
};

/** Runs until SIGTERM or SIGINT, or until another presigner has taken over (ERR_FENCED; a standby
 *  waits again). Errors of the start are returned (ERR_BUSY: another publishes); later ones are
 *  logged and tried again, with `once` returned. */
MUST_CHECK enum err daemon_run(const struct daemon_options *options);
