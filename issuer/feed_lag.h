/* SPDX-License-Identifier: Apache-2.0 */
/* How far the presigner is behind the registry, by CA. */
#pragma once

#include "issuer/authority.h"
#include "issuer/registry.h"
#include "lib/metrics.h"

struct feed_lag {
    uint64_t last_seq;        /* of the newest event */
    uint64_t published_seq;   /* up to here the presigner has published */
    uint64_t waiting_since_s; /* when the oldest event that it has not was made; 0: it has all */
};

/** Errors of the registry. */
MUST_CHECK enum err feed_lag_take(struct registry *r, const struct authority *authority,
                                  struct feed_lag *ret);
/** One lag for each authority of the set, in its order. */
void feed_lags_write(const struct authority_set *set, const struct feed_lag *lags, uint64_t now_s,
                     struct text_writer *w);
