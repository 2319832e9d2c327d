/* SPDX-License-Identifier: Apache-2.0 */
/* The serials of a CRL, in order, whatever order they came in. */
#pragma once

#include "lib/crl_read.h"

struct crl_serials {
    struct serial *items; /* ascending */
    size_t count;
    bool has_no_reason;      /* an entry without a reason, */
    struct serial no_reason; /* the first */
    struct serial twice;     /* size 0: none */
    struct serial larger;    /* than RFC 5280 allows; size 0: none */
};

/** Those up to the first entry that cannot be read. ERR_MEMORY. */
MUST_CHECK enum err crl_serials_collect(const struct crl *crl, struct crl_serials *ret);
void crl_serials_done(struct crl_serials *serials);
/** How many of `before` are not in `now`; the first in *ret_first. */
size_t crl_serials_gone(const struct crl_serials *before, const struct crl_serials *now,
                        struct serial *ret_first);
