/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of presigner.yaml: which revocations it holds, where and when it is published. */
#pragma once

#include "lib/facts.h"

/* name, word, text: the sets of reasons that CRLite has filters of */
#define FILTER_REASONS_TABLE(X)                                           \
    X(ALL, all, "all that are revoked")                                   \
    X(SPECIFIED, specified, "those with a reason other than unspecified") \
    X(PRIORITY, priority, "those of keyCompromise, cessationOfOperation and privilegeWithdrawn")

enum filter_reasons {
#define X(name, word, text) FILTER_REASONS_##name,
    FILTER_REASONS_TABLE(X)
#undef X
};

/** Whether a revocation for that reason is held. */
static inline bool filter_reasons_have(enum filter_reasons reasons, uint8_t reason)
{
    if (reasons == FILTER_REASONS_ALL)
        return true;
    if (reasons == FILTER_REASONS_SPECIFIED)
        return reason != REASON_ABSENT && reason != REASON_UNSPECIFIED;
    return reason == REASON_KEY_COMPROMISE || reason == REASON_CESSATION_OF_OPERATION ||
           reason == REASON_PRIVILEGE_WITHDRAWN;
}

/* key, default, min, max, what it is */
#define FILTER_NUMBER_TABLE(X)                                                               \
    X(interval_s, 21600, 1, 30 * 86400, "how often it is made anew, when there are changes") \
    X(memory_max_bytes, 1u << 30, 1u << 16, CYAML_UNLIMITED,                                 \
      "a filter whose making would take more is refused")

#define FILTER_PATH_DEFAULT "/filter/revoked.clubcard"
#define FILTER_PATH_MAX     500 /* it is a key of LMDB, of at most 511 octets */

struct filter_config {
    const char *path; /* of its URL; NULL: there is no filter */
    enum filter_reasons reasons;
#define X(name, fallback, min, max, text) uint64_t name;
    FILTER_NUMBER_TABLE(X)
#undef X
};
