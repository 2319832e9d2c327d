/* SPDX-License-Identifier: Apache-2.0 */
/* When a CRL is made. Pure: (state, policy, now) -> due or not. Each shard has a second of the
 * interval of its own, a hash of its key, so that the CRLs of a set are made over all of it. */
#pragma once

#include <stdbool.h>

#include "lib/span.h"

/* A refused CRL, or one whose key failed, is tried again after this. */
#define CRL_RETRY_S 30

struct crl_schedule {
    bool published;
    uint64_t this_update_s;  /* of the one that is published */
    uint64_t next_planned_s; /* likewise */
    bool dirty;              /* a revocation is not on it yet, */
    uint64_t dirty_since_s;  /* known since then; 0: since before this run */
    uint64_t retry_s;        /* not before, after a failure; 0: none */
};

bool crl_schedule_due(const struct crl_schedule *s, uint64_t debounce_s, uint64_t now_s);
/** Whether one made now would have the thisUpdate of the one that is published. That is its
 * Last-Modified, too: who asks by it, or goes on with a part by it, would take the one for the
 * other. */
bool crl_schedule_is_twin(const struct crl_schedule *s, uint64_t now_s);
/** The next of its seconds after now. */
uint64_t crl_schedule_planned(struct span shard_key, uint64_t interval_s, uint64_t now_s);
