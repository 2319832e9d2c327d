/* SPDX-License-Identifier: Apache-2.0 */
/* Events of an issuer's feed -> changes of the status database, with the position in the same
 * transaction: after a crash either all of an answer was taken and the position is behind it, or
 * nothing was. */
#pragma once

#include "presigner/feed_position.h"
#include "presigner/status_writer.h"

#define FEED_WHY_BYTES 160

struct feed_result {
    struct feed_position position; /* afterwards */
    uint64_t event_count;          /* events that were not taken before */
    uint64_t changed_count;        /* of these, that were news */
    struct shard_conflicts conflicts;
};

/** Takes the body of an answer to the question for what comes after event `after`: lines of
 * lib/feed_event.h, each with its newline, numbered from after + 1 without gaps. All of it or, on
 * failure, nothing; `why` then says what is wrong in a line for people. An event that the position
 * has already, because another process took it, is passed over.
 *
 * ERR_TRUNCATED (the last line has no newline), ERR_MALFORMED (a line), ERR_CHAIN (numbers that do
 * not follow), ERR_CONFLICT (events that were taken before and are others now), ERR_CONFIG (a CRL
 * shard that the issuer does not have here); errors of status_txn_write(), status_writer_apply()
 * and status_txn_commit(). */
MUST_CHECK enum err feed_apply(struct status_db *db, uint64_t issuer_id, uint64_t after,
                               struct span body, struct feed_result *ret,
                               char why[static FEED_WHY_BYTES]);
