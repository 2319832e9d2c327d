/* SPDX-License-Identifier: Apache-2.0 */
/* Copies an issuer's certificates from the status database into a spool. Each piece is a short read
 * transaction of its own, so the database's old pages are not kept for long and its map can grow:
 * a certificate is in the filter as it was when its piece was read. */
#pragma once

#include "presigner/filter_check.h"
#include "presigner/filter_options.h"
#include "presigner/status_db.h"

struct filter_reading {
    struct status_db *status;
    struct filter_spool *spool;
    enum filter_reasons reasons;
    uint64_t grace_s; /* certificates leave the filter this long after notAfter */
    uint64_t now_s;
    const int *stop;         /* atomic; not zero: ERR_STOPPED */
    uint64_t first_expiry_s; /* kept: when the first of those read leaves it */
};

/** `source` has its block; all else is set. ERR_STOPPED, ERR_STORE, ERR_BUSY (try again), ERR_IO,
 *  ERR_DISK_FULL. */
MUST_CHECK enum err filter_read_issuer(struct filter_reading *r, uint64_t issuer_id,
                                       struct filter_source *source);
