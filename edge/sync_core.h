/* SPDX-License-Identifier: Apache-2.0 */
/* Sync core: what the sync process does next. Pure: events and the time in, one action out; no
 * socket, no clock, no store, no allocation.
 *
 * The shell does the action and comes back with its event:
 *
 *   WAIT             SYNC_TICK, at until_ns or earlier; from lane_ns on also SYNC_LANE with what
 * the fast lane has (edge/sync_lane.h) FETCH_*          SYNC_FETCHED with the octets, or
 * SYNC_FAILED; FETCH_BLOB also SYNC_HAVE, when the store has that blob already PUT_BLOB, APPLY_*,
 * FINISH SYNC_APPLIED with the position as committed, or SYNC_FAILED
 *
 * The core verifies everything that is fetched: the head's signature, number, time and validity;
 * the signature, number and predecessor of a log entry; hash, size and form of index and packs,
 * hash and size of blobs, and that a pack is the one that was announced. An APPLY action names
 * nothing that has not passed. What needs the store (templates, signatures of statements) is
 * checked by edge/sync_apply.h inside the transaction; its refusal comes back as SYNC_FAILED.
 *
 * Octets of a log entry or an index stay borrowed until the next fetch of the same kind, those of
 * an entry of the fast lane until the next WAIT or FETCH_LOG; those of a pack until the shell has
 * its next action; those of a blob until that next action is done.
 *
 * Decisions:
 *  - A head may not be older than the newest one verified (time; in the same second, number), even
 *    when its log number would do. One that is behind an entry of the fast lane: edge/sync_lane.h.
 *  - An entry that does not follow (CHAIN) leads to a full resync by the index of the newest head;
 *    only that can take the log number back.
 *  - A log entry (the one that the head names, when it is the newest), or a pack or blob of it,
 * that no origin has leads to the index, when that is newer.
 *  - After any failure the next origin is asked, beginning with its head; when all have failed in a
 *    row, after a pause that doubles up to a cap, with jitter.
 *  - When other issuers are trusted than those that the store was filled for, the whole state is
 *    taken anew, by the first index that is not older than the store: nothing is taken back.
 *  - An index that has been begun is finished, also after a restart, unless its files are gone.
 *  - Tail packs of an index are fetched before its ranges: each range is put in together with the
 *    newer statements of its tails, so that no reader ever sees a revocation taken back.
 *  - One blob a transaction: those of a log entry are put in before it, unused until the entry's
 * own transaction names them; those of an index each together with its path, after the ranges.
 *  - An origin whose head is old, though genuine, is left for the next: it may be cut off, or hold
 *    news back. The first one is tried again after a while (edge/sync_origins.h).
 *  - An APPLY checks again that a blob is there. When it was removed since SYNC_HAVE
 * (ERR_NOT_FOUND), the shell no longer has it the next time, and it is fetched. */
#pragma once

#include "edge/issuer_set.h"
#include "edge/store_format.h"
#include "edge/sync_action.h"
#include "edge/sync_counters.h"
#include "edge/sync_lane.h"
#include "edge/sync_origins.h"
#include "edge/sync_pause.h"
#include "edge/sync_want.h"
#include "lib/head.h"
#include "lib/index.h"
#include "lib/pack.h"

/* A change seldom comes alone: for this long after a log entry the head is asked for this many
 * times as often. */
#define SYNC_LIVELY_NS    UINT64_C(3000000000)
#define SYNC_LIVELY_POLLS 4

struct sync_core_config {
    struct verify_key key;
    uint32_t origin_count;
    uint32_t index_when_behind;
    uint64_t poll_ns;
    uint64_t seed;                    /* of the jitter */
    const struct issuer_set *issuers; /* packs of others are not fetched; borrowed; NULL: all */
    bool issuers_changed;             /* the store was filled for another set */
    uint32_t head_age_max_s;          /* half of it makes a head old; 0: none is */
};

struct sync_core {
    struct sync_core_config config;
    uint64_t *counters; /* SYNC_COUNTER_COUNT; borrowed */
    struct position position;
    enum sync_action_type doing; /* the action that was given last */

    struct sync_origins origins;
    uint32_t failures; /* in a row */
    enum err refused;  /* why the content refused last was */
    uint32_t resyncs;  /* for broken chains, without a log entry applied since */
    uint64_t random;
    uint64_t next_poll_ns;
    uint64_t lively_until_ns;
    uint64_t wait_until_ns;

    struct span head_octets, entry_octets, index_octets; /* of those below; borrow */
    struct head head; /* the newest one verified; meaningful when head_taken */
    bool head_taken;  /* since the last failure or poll */
    uint64_t head_time_s;
    bool chain_broken;    /* only an index helps */
    bool refill;          /* the store was filled for other issuers: an index is to be begun */
    uint32_t log_missing; /* how often a log entry, or a pack or blob of it, was not found */

    struct sync_lane lane;
    struct log_entry entry; /* verified; borrows */
    struct sha256 entry_hash;
    size_t entry_cursor; /* up to here its packs and blobs are here */

    struct index_reader index; /* verified; borrows */
    struct sha256 index_hash;  /* of it; zero: none is open */
    bool index_missing;        /* a file of it was not found */
    size_t index_cursor;       /* behind `line` */
    uint32_t index_lines;      /* walked so far, the one of `want` included */
    bool tails_here;           /* all tails were fetched */

    struct sha256 wanted_index; /* the index being fetched */
    struct sync_want want; /* the pack or blob being fetched, or of the range or path applied */
    struct span blob;      /* PUT_BLOB, APPLY_PATH; borrows; empty: the store has it */
    bool file_passed;
};

/** `position` as the store has it. */
void sync_core_start(struct sync_core *core, const struct sync_core_config *config,
                     const struct position *position, uint64_t *counters);
/** The first event is a SYNC_TICK. */
struct sync_action sync_core_step(struct sync_core *core, const struct sync_event *event,
                                  const struct sync_time *now);

/** Whether the store is where the newest head says, and that head is at hand: from the wait that
 *  follows until the next event. Its octets are in head_octets then. */
bool sync_core_in_step(const struct sync_core *core);
/** Whether the pack or blob fetched last has passed (only right after the step that got it). */
bool sync_core_file_passed(const struct sync_core *core);
