/* SPDX-License-Identifier: Apache-2.0 */
/* What an issuer stands on, opened in order: CAs and their keys, lists, audit log, registry. For
 * daemon.c, and for tests that run cycles without a listener. */
#pragma once

#include "issuer/issuer.h"
#include "issuer/issuer_counters.h"

struct foundation {
    struct issuer issuer; /* what the threads share */
    struct authority_set *authorities;
    struct leaf_suffixes *suffixes;
    struct key_lists *key_lists;
    struct issuer_metrics metrics;
};

/** What touches no database and writes no file: certificates, keys, lists. The configuration stays
 * borrowed; the clock is the system's unless the caller sets another. What is wrong is logged. */
MUST_CHECK enum err foundation_read(const struct issuing_config *config, struct foundation *ret);
/** The audit log, and the registry: makes sure that no other issuer works with either, brings its
 * schema up to date, makes the CAs known to it, and ends what is unfinished (recover_all()). What
 * is wrong is logged. */
MUST_CHECK enum err foundation_open(struct foundation *f);
/** Takes zeros, and what either of them left on failure. */
void foundation_close(struct foundation *f);
