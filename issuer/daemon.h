/* SPDX-License-Identifier: Apache-2.0 */
/* statim-issuer from its configuration to its end: what it stands on is opened in order, what was
 * left unfinished is brought to its end, then the listeners open. SIGHUP has the certificates of
 * the listeners read again, SIGTERM and SIGINT end it in good order. */
#pragma once

#include "issuer/issuer.h"

struct issuing_options {
    const char *config_path;
    bool check;                /* only see whether it would start: files, certificates, keys */
    struct issuer_probe probe; /* zeros but in tests */
};

/** Runs until a signal ends it. What is wrong is logged. Blocks signals: call it from main(). */
MUST_CHECK enum err issuing_run(const struct issuing_options *options);
