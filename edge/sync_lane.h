/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane in the sync core: log entries that come by Redis (lib/fast_lane.h) instead of being
 * fetched. Pure.
 *
 * While the core WAITs the shell may give it a SYNC_LANE event: the number that the stream has for
 * an entry, its octets (none: it is only announced, because it is too large), and the number after
 * which was asked. Redis is not trusted with anything: an entry must have the publisher's
 * signature, the number after the position, and the hash of the entry that the position stands at,
 * exactly like one over HTTP; then it takes the same way, its packs and blobs from the origins, and
 * one transaction.
 *
 * Decisions:
 *  - The lane only goes on from a complete store. While that is being filled, resynced or waits to
 *    be filled for other issuers, it is closed, and everything comes over HTTP.
 *  - What is not newer than the position is a duplicate: the entries of a question that was asked
 *    before HTTP was faster. Passed over.
 *  - A gap (a lost or trimmed entry), one that is only announced, and one that does not verify or
 *    does not follow are never taken and never a reason for a resync: only HTTP says what is
 *    published. The head is asked for at once, and the lane is closed for a pause that doubles up
 * to a cap until a log entry was applied again, by either way: whatever Redis says, it makes an
 * edge ask its origins once a pause. While the origins fail, they are not asked before their own
 * pause ends.
 *  - An entry of the lane whose packs no origin has yet is dropped like that, too. It says nothing
 * of the publication: that it is lost (see edge/sync_core.h) is found out over HTTP alone.
 *  - An entry of the lane changes nothing of how often the head is asked for, of the pauses after
 *    failures, and of the health: that the edge has all there is, a head alone can say.
 *  - With the lane an edge may be ahead of the newest head that an origin or a cache has. Such a
 * head is taken when it is not older than the newest one verified and not younger than the entry
 * that we stand at: then it was written before that entry, and is only late. It is no failure, the
 *    position stays, and its time counts for the health.
 *  - A head with a lower number that is younger than our entry contradicts it: the publisher went
 * back to a backup. It is refused (ERR_REPLAY) as it always was: the edge stays where it is, its
 * health turns red with the age of the newest head taken, and a head that has reached our number
 * with another hash, or an entry over HTTP that does not follow ours, leads to the resync.
 *  - A head with a later number than ours that is older than our entry is of a chain that was left:
 *    refused, too.
 *  - The time of an entry is its publisher's clock, which may have been wrong. One that is too far
 *    ahead for a head is too far ahead for the lane: refused. One over HTTP is not younger than the
 *    head that names it, whatever it says; otherwise no head would be taken until that time.
 *  - The time of our entry is not in the store. After a restart that found the edge ahead, only the
 *    very head that was taken last passes as late, until the next entry; another one is refused,
 *    which costs a try at the next origin. After an index none passes as late until then: it does
 *    not run ahead. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sync_core;
struct sync_event;
struct sync_time;

struct sync_lane {
    bool has_entry;        /* the core's entry came by the lane and is not applied yet */
    uint32_t troubles;     /* in a row, without a log entry applied since */
    uint64_t open_ns;      /* closed until then */
    uint64_t entry_time_s; /* of the log entry applied last, or the least that is known of it */
};

enum sync_lane_verdict {
    SYNC_LANE_PASS, /* nothing to do */
    SYNC_LANE_TAKE, /* it passed: the core's entry */
    SYNC_LANE_ASK,  /* not taken: the head is to be asked for */
};

/** What to do with what came. The lane must be open. */
enum sync_lane_verdict sync_lane_judge(struct sync_core *core, const struct sync_event *event,
                                       const struct sync_time *now);
/** The core's entry was applied. Whether it had come by the lane. */
bool sync_lane_applied(struct sync_core *core);
/** The core gives up what it was doing. Whether that was an entry of the lane. */
bool sync_lane_given_up(struct sync_core *core, const struct sync_time *now);
