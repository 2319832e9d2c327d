/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a filter (lib/clubcard_read.h) of spooled certificates and asks it about every one of them
 * before anybody else may.
 *
 * Of each issuer the smaller part is held, the revoked or the others. An approximate filter of
 * `rank` columns lets all that are held pass, and of the others one in 2^rank; the exact filter
 * then tells apart those that pass. The rank is the one with the fewest bits. A filter of n rows
 * has n + n/FILTER_SPARE_PART starts; a certificate whose row contradicts the others is an
 * exception in the file, and when these are many the exact filter is made anew with more starts.
 *
 * The same certificates give the same octets. Memory: 32 octets and a bit for each row of the
 * largest issuer's larger filter, and the filter itself twice; the spools are files. */
#pragma once

#include "lib/clubcard_write.h"
#include "lib/os/file.h"
#include "presigner/filter_check.h"

/* Why a filter is not published: name, word, text */
#define FILTER_REFUSAL_TABLE(X)                                          \
    X(ANSWER, answer, "a known certificate would be answered wrongly")   \
    X(SIZE, size, "it is larger than a blob may be")                     \
    X(MEMORY, memory, "making it would take more than memory_max_bytes") \
    X(EXCEPTIONS, exceptions, "an issuer has more exceptions than a file may say")

enum filter_refusal {
    FILTER_ACCEPTED,
#define X(name, word, text) FILTER_REFUSED_##name,
    FILTER_REFUSAL_TABLE(X)
#undef X
        FILTER_REFUSAL_COUNT
};
/** "" when it is accepted; never NULL. */
const char *filter_refusal_text(enum filter_refusal refusal);

#define FILTER_SPARE_PART      64u
#define FILTER_EXCEPTIONS_MAX  UINT16_MAX
#define FILTER_EXCEPTIONS_MANY 16u /* more are tried again with more starts, */
#define FILTER_ATTEMPTS_MAX    8u  /* at most so many times */
#define FILTER_RANK_MAX        40u
/* Certificates of one issuer: starts are counted in 32 bits. */
#define FILTER_CERTS_MAX (UINT32_C(1) << 31)

struct filter_request {
    struct filter_spool *spool;
    const struct filter_source *sources; /* ascending by block */
    size_t source_count;
    const char *work_folder; /* for another spool */
    struct clubcard_coverage coverage;
    uint64_t memory_max_bytes;
    const int *stop; /* atomic; not zero: ERR_STOPPED soon */
};

struct filter_made {
    struct buffer wire;
    uint64_t known_count;
    uint64_t revoked_count;
    uint64_t exception_count;
    uint64_t memory_bytes; /* of systems and solutions, at most at once */
};

/** ERR_CONFLICT: refused, `ret_refusal` says why. ERR_STOPPED, ERR_LIMIT (FILTER_CERTS_MAX),
 *  ERR_MEMORY, ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err filter_build(const struct filter_request *request, struct filter_made *ret,
                                 enum filter_refusal *ret_refusal);
