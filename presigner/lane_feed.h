/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner does next with the stream of the fast lane: a state machine without sockets,
 * files or clocks. Its shell (fast_lane.c) sends what lane_feed_next() wants and tells of the
 * answers, in order.
 *
 * On each connection the stream's newest entry is asked for first. The publication's state is ahead
 * of what was ever added, so a stream that is ahead of it, or whose newest entry has other octets,
 * is of another time or publication: it is deleted. From there on entries are added in order, at
 * most LANE_FLYING_MAX unanswered. Nothing is ever added twice or out of order: the numbers are the
 * IDs, and Redis refuses such a one; then the newest entry is asked for again. A stream that is
 * empty, and refuses all the same, was emptied by others (Redis keeps its last ID): it is deleted,
 * since it would refuse everything up to there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Of a stream that is behind, or empty, no more than the newest so many are added: what is new must
 * not wait behind what edges can fetch elsewhere. */
#define LANE_REFILL_MAX 1000
#define LANE_FLYING_MAX 16
/* After something that went wrong without the connection's end. */
#define LANE_RETRY_NS UINT64_C(1000000000)

enum lane_phase {
    LANE_DOWN, /* no connection, or nothing was ever published */
    LANE_ASK,  /* where is the stream? */
    LANE_ASKED,
    LANE_DELETE, /* it is not ours */
    LANE_DELETED,
    LANE_FEED,
};

enum lane_want {
    LANE_WANT_NOTHING,
    LANE_WANT_LAST,   /* the newest entry of the stream */
    LANE_WANT_DELETE, /* the stream's end */
    LANE_WANT_ADD,    /* of the log entry of that number */
};

/* The newest entry of the stream, beside the file of that number. */
enum lane_match {
    LANE_SAME,
    LANE_OTHER,
    LANE_NO_FILE, /* removed meanwhile, or never was */
};

struct lane_feed {
    enum lane_phase phase;
    bool connected;
    uint64_t keep_count; /* entries that the stream keeps */
    uint64_t log_first;  /* of the publication; 0: not known yet */
    uint64_t log_last;
    uint64_t next;     /* the number to add next */
    uint64_t newest;   /* in the stream, as far as is known; 0: none */
    unsigned flying;   /* adds without an answer */
    bool refused;      /* an add; no other was taken since */
    uint64_t retry_ns; /* nothing is wanted before */
    uint64_t skipped;  /* entries that were left out, in all */
    uint64_t deleted;  /* streams */
};

void lane_feed_start(struct lane_feed *f, uint64_t keep_count);
/** The head was replaced: these log entries are there. */
void lane_feed_published(struct lane_feed *f, uint64_t log_first, uint64_t log_last);
/** A new connection, or the end of one: what was unanswered is lost. */
void lane_feed_connection(struct lane_feed *f, bool up);

/** What to send now; `ret_number` for LANE_WANT_ADD. The same again until lane_feed_sent(). */
enum lane_want lane_feed_next(struct lane_feed *f, uint64_t now_ns, uint64_t *ret_number);
void lane_feed_sent(struct lane_feed *f, enum lane_want want);

/* Answers. */
void lane_feed_is_empty(struct lane_feed *f);
void lane_feed_is_at(struct lane_feed *f, uint64_t number, enum lane_match match);
/** The key holds something else than a stream of log entries. */
void lane_feed_is_foreign(struct lane_feed *f);
void lane_feed_is_deleted(struct lane_feed *f);
void lane_feed_is_added(struct lane_feed *f, uint64_t number);
/** Redis has that number or a greater one, or the key is no stream any more: somebody else wrote.
 */
void lane_feed_is_refused(struct lane_feed *f, uint64_t now_ns);

/** The file of the wanted entry cannot be had now. */
void lane_feed_lacks(struct lane_feed *f, uint64_t now_ns);

/** Whether everything published is in the stream. */
bool lane_feed_is_done(const struct lane_feed *f);
