/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of changes on its way into one log entry. */
#pragma once

#include "presigner/publish_core.h"

enum change_kind { CHANGE_ADDITION, CHANGE_REVOCATION };

struct change {
    uint64_t issuer_id;
    struct serial serial;
    uint64_t sequence;
    struct cert_record record; /* newest */
};

struct change_batch {
    enum change_kind kind;
    struct change *changes; /* first to be signed, in key order; then those of `dirty_count` */
    size_t count;
    struct change *dirty; /* one for each range that is to become dirty */
    size_t dirty_count;
    size_t capacity;
    uint64_t through_sequence; /* all changes up to here were looked at */
    bool found;                /* there was any of the kind, wanted or not */
    bool few;                  /* there are no more than these, and not many */
    bool deferred;             /* some come with their dirty range */
};

/** Room for `capacity` changes. ERR_MEMORY. */
MUST_CHECK enum err change_batch_make(size_t capacity, enum change_kind kind,
                                      struct change_batch *ret);
void change_batch_done(struct change_batch *batch);

/* So few additions of an issuer with a feed are signed at once also when their range is dirty:
 * somebody waits for them. More are likely an import or a backlog, and cheaper as ranges. */
#define CHANGE_FEW_MAX 1000

/** Collects changes above `after` and up to `until` (sequences), at most `limit` that fit the kind
 *  and CHANGE_SCAN_MAX in all; keeps the newest of each certificate, in key order; drops those
 * whose statement is published already, is not wanted (expired), or waits for its dirty range, as
 * all those of an issuer do that is not configured. */
#define CHANGE_SCAN_MAX 1000000u
MUST_CHECK enum err change_batch_collect(struct publisher *p, uint64_t after, uint64_t until,
                                         size_t limit, struct change_batch *batch);
/** How many tail statements a range takes before it is signed as a whole. */
uint64_t range_tail_limit(const struct range_record *range);
