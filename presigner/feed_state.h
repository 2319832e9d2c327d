/* SPDX-License-Identifier: Apache-2.0 */
/* What the presigner does next with one issuer's feed: a state machine without sockets, database or
 * clock. Its shell (feeds.c) asks and says what feed_state_next() wants and tells how that went.
 *
 * There is always one question under way, or a time at which it is asked again. Beside it the
 * issuer is told how far its events are published, at once, and once a second which log entries
 * that were; but not before an answer has shown that it has the events that we have. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "presigner/feed_position.h"

/* Answers whose changes are not published yet. Of more, the newest are followed together. */
#define FEED_STEPS_MAX 64
/* After a failure: doubled up to the last. */
#define FEED_RETRY_FIRST_NS UINT64_C(100000000)
#define FEED_RETRY_LAST_NS  UINT64_C(10000000000)
/* What only a person can put right is looked at again after this. */
#define FEED_PERSON_NS UINT64_C(30000000000)
/* An issuer that does not wait, though asked to, is asked no more often than this. */
#define FEED_QUIET_NS UINT64_C(1000000000)
/* Log entries are told of no more often than this. */
#define FEED_TELL_NS UINT64_C(1000000000)

enum feed_want {
    FEED_WANT_NOTHING,
    FEED_WANT_ASK,  /* for events after feed_state.seq */
    FEED_WANT_SAY,  /* that events up to feed_state_published() are published */
    FEED_WANT_TELL, /* the same, and which log entries there are: beside it, since the issuer has
                       to write that down before it answers */
};

struct feed_state {
    uint64_t seq; /* events up to here are in the database */
    bool agrees;  /* it has the events that we have: an answer has come since the last failure */
    bool asking;
    uint64_t asked_ns;
    uint64_t ask_ns; /* not before */
    uint64_t retry_ns;

    struct feed_position steps[FEED_STEPS_MAX]; /* not published, oldest first */
    size_t step_count;
    struct feed_position published;
    uint64_t said; /* the issuer knows of this seq */
    bool knows;    /* the issuer was told anything at all */
    bool saying;
    uint64_t saying_seq;
    uint64_t say_ns; /* not before */
    uint64_t say_retry_ns;

    uint64_t log_last; /* that there is */
    uint64_t told;     /* log number */
    bool telling;
    uint64_t tell_ns; /* not before */
};

void feed_state_start(struct feed_state *s, const struct feed_position *position, uint64_t told);

/** What to do now; the same again until feed_state_asked(), _saying() or _telling(). */
enum feed_want feed_state_next(const struct feed_state *s, uint64_t now_ns);
/** When feed_state_next() wants something at the latest if nothing happens; UINT64_MAX: never. */
uint64_t feed_state_wake_ns(const struct feed_state *s);

void feed_state_asked(struct feed_state *s, uint64_t now_ns);
/** An answer was taken. */
void feed_state_taken(struct feed_state *s, const struct feed_position *position);
/** An answer without events: it should have come after some time, unless the issuer was not asked
 *  to wait, which it is only while it agrees. */
void feed_state_quiet(struct feed_state *s, uint64_t now_ns);
/** `person`: trying again will not help by itself. */
void feed_state_failed(struct feed_state *s, uint64_t now_ns, bool person);

/** All changes up to `sequence` are in the log, whose newest entry is `log_last`. */
void feed_state_settled(struct feed_state *s, uint64_t sequence, uint64_t log_last);
static inline uint64_t feed_state_published(const struct feed_state *s)
{
    return s->published.seq;
}
void feed_state_saying(struct feed_state *s);
/** The issuer has taken it. */
void feed_state_said(struct feed_state *s);
void feed_state_say_failed(struct feed_state *s, uint64_t now_ns);
void feed_state_telling(struct feed_state *s);
/** The issuer has taken what was told it, up to this log number. */
void feed_state_told(struct feed_state *s, uint64_t now_ns, uint64_t log_number);
void feed_state_tell_failed(struct feed_state *s, uint64_t now_ns);
