/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a filter about every certificate that it was made of, through the reader that its users
 * have. */
#pragma once

#include "presigner/filter_spool.h"
#include "lib/clubcard_read.h"

/** The certificates of one issuer, a part of the spool. */
struct filter_source {
    struct sha256 block;
    uint64_t from;
    uint64_t until;
    uint64_t known_count;
    uint64_t revoked_count;
};

/** ERR_CONFLICT: a wrong answer, or an issuer is not in it; errors of clubcard_open(); ERR_STOPPED
 *  (`stop`, atomic, is not zero), ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err filter_check(struct filter_spool *spool, const struct filter_source *sources,
                                 size_t source_count, const int *stop, struct span wire);
